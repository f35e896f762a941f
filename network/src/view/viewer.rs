use super::document::Scripts;
use super::frame::{SCRIPTED, has_scripts};
use super::load::{Trouble, Visitor};
use super::session::{Session, Shown, View};
use super::site::Site;
use protocol::InstanceId;
use std::rc::Rc;
use ui::{Button, Icon, Kind, WorldProvider, bytes, use_world};
use web_sys::{HtmlIFrameElement, HtmlInputElement, UrlSearchParams};
use yew::prelude::*;

/// What a site can do in Chrome.
const WITH_SCRIPTS: &str = "The site runs apart from the extension, and all that it loads comes from this machine, through this page. Its \
     scripts run; the browser can’t keep a hostile one from WebRTC and from looking names up. Web sockets, event streams, service workers, frames within the page, imports of script modules and the browser’s own storage are not there.";
/// What a site can do in Firefox.
const WITHOUT_SCRIPTS: &str = "Firefox has no place where an extension could run a site’s scripts apart from itself, so pages are shown without \
     their scripts. Pictures, styles, links, forms and cookies work.";

/// Which machine and port the page's address names.
fn wanted() -> Option<(InstanceId, u16)> {
    let search = web_sys::window()?.location().search().ok()?;
    let parameters = UrlSearchParams::new_with_str(&search).ok()?;
    let port = parameters.get("port")?.parse().ok().filter(|port| *port > 0)?;
    Some((InstanceId::try_from(parameters.get("id")?).ok()?, port))
}

/// The page.
#[component]
pub(crate) fn Viewer() -> Html {
    html! { <WorldProvider><Visit /></WorldProvider> }
}

#[component]
fn Visit() -> Html {
    let workbench = use_world();
    let view = use_state(|| None::<View>);
    let session = use_state(|| None::<Rc<Session>>);
    let wanted = use_memo((), |()| wanted());
    let name = workbench
        .world
        .as_deref()
        .zip((*wanted).clone())
        .map(|(world, (id, port))| (world.instance(&id).map(|instance| instance.name.clone()), id, port));
    use_effect_with(name.clone(), {
        let (view, session) = (view.setter(), session.clone());
        move |name| {
            // A machine that gets another name meanwhile is visited under the old one.
            if let (Some((Some(name), id, port)), None) = (name, &*session) {
                let site = Site::new(name);
                let scripts = if has_scripts() { Scripts::Run } else { Scripts::None };
                let start = site.start(*port);
                let visitor = Visitor { id: id.clone(), site, jar: Rc::default() };
                let begun = Session::new(visitor, scripts, Callback::from(move |now| view.set(Some(now))));
                if let Some(start) = start {
                    begun.open(start);
                }
                session.set(Some(begun));
            }
        }
    });
    let title = view.as_ref().map(|view| view.title.clone()).filter(|title| !title.is_empty());
    use_effect_with((title, name.clone()), |(title, name)| {
        let machine = name.as_ref().and_then(|(name, ..)| name.clone()).unwrap_or_else(|| "A machine".to_owned());
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(&format!("{} · {machine} · VM Workbench", title.as_deref().unwrap_or("Site")));
        }
    });
    match (&*session, &*view, name) {
        (Some(session), Some(view), Some((Some(name), ..))) => {
            html! { <SiteView session={Shared(session.clone())} view={view.clone()} {name} /> }
        }
        (_, _, Some((None, ..))) => lost("This machine does not exist any more."),
        _ if wanted.is_none() => lost("This address names no machine and port. Open a port from the network page."),
        _ => html! { <div class="view-empty" role="status">{ "Opening…" }</div> },
    }
}

fn lost(why: &str) -> Html {
    html! {
        <div class="view-empty" role="alert">
            <p>{ why }</p>
            <a class="button secondary small" href="index.html">{ Html::from(Icon::Network) }{ "Network" }</a>
        </div>
    }
}

/// A session as a property: the same one is equal.
#[derive(Clone)]
struct Shared(Rc<Session>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
struct SiteProps {
    session: Shared,
    view: View,
    name: String,
}

#[component]
fn SiteView(props: &SiteProps) -> Html {
    let SiteProps { session: Shared(session), view, name } = props;
    let act = |act: fn(&Rc<Session>)| {
        let session = session.clone();
        Callback::from(move |_: MouseEvent| act(&session))
    };
    let (label, icon, again): (_, _, fn(&Rc<Session>)) = match view.loading {
        Some(_) => ("Stop", Icon::Close, |session| session.stop()),
        None => ("Reload", Icon::Restart, Session::reload),
    };
    html! {
        <div class="view">
            <header class="view-bar">
                <Button label="Back" icon={Icon::Undo} icon_only=true kind={Kind::Ghost} disabled={!view.back}
                    onclick={act(|session| session.step(false))} />
                <Button label="Forward" icon={Icon::Undo} icon_only=true kind={Kind::Ghost} disabled={!view.forward} class="turned"
                    onclick={act(|session| session.step(true))} />
                <Button {label} {icon} icon_only=true kind={Kind::Ghost} onclick={act(again)} />
                <Address session={props.session.clone()} url={view.url.as_ref().map(|url| AttrValue::from(url.to_string()))} />
                <details class="view-limits">
                    <summary>{ if has_scripts() { "Runs apart" } else { "Without scripts" } }</summary>
                    <p>{ if has_scripts() { WITH_SCRIPTS } else { WITHOUT_SCRIPTS } }</p>
                </details>
            </header>
            <p class="view-state" role="status">{ state(view) }</p>
            { shown(props, name) }
        </div>
    }
}

fn state(view: &View) -> String {
    match view.loading {
        Some(0) => "Waiting for the machine…".to_owned(),
        Some(count) => format!("Loading, {} so far…", bytes(count as u64)),
        None if view.status >= 400 => format!("The machine’s server answered with status {}.", view.status),
        None => String::new(),
    }
}

#[derive(Properties, PartialEq)]
struct AddressProps {
    session: Shared,
    url: Option<AttrValue>,
}

#[component]
fn Address(props: &AddressProps) -> Html {
    let text = use_state(|| None::<String>);
    let field = use_node_ref();
    use_effect_with(props.url.clone(), {
        let text = text.setter();
        move |_| text.set(None)
    });
    let onsubmit = {
        let (session, field, text) = (props.session.0.clone(), field.clone(), text.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if let Some(field) = field.cast::<HtmlInputElement>() {
                session.typed(&field.value());
                text.set(None);
            }
        })
    };
    let oninput = {
        let text = text.setter();
        Callback::from(move |event: InputEvent| {
            text.set(Some(event.target_unchecked_into::<HtmlInputElement>().value()))
        })
    };
    let value = (*text).clone().map(AttrValue::from).or_else(|| props.url.clone()).unwrap_or_default();
    html! {
        <form class="view-address" {onsubmit}>
            <input ref={field} type="text" inputmode="url" aria-label="Address" maxlength="8192" spellcheck="false"
                autocomplete="off" {value} {oninput} />
        </form>
    }
}

fn shown(props: &SiteProps, name: &str) -> Html {
    match &props.view.shown {
        Shown::Nothing => html! { <div class="view-empty" /> },
        Shown::Page { number, html } => {
            html! { <Frame key={*number} session={props.session.clone()} html={AttrValue::from(html.clone())} name={name.to_owned()} /> }
        }
        Shown::File { name, bytes: content } => {
            let (own, content) = (name.clone(), content.clone());
            let save = Callback::from(move |_: MouseEvent| crate::channel::save_as(&own, &content));
            html! {
                <div class="view-empty">
                    <p>{ format!("{name} is a file of {}.", bytes(content_len(props))) }</p>
                    <Button label="Save the file" icon={Icon::Export} onclick={save} />
                </div>
            }
        }
        Shown::Trouble(Trouble { message, advice }) => html! {
            <div class="view-empty" role="alert">
                <p><strong>{ message }</strong></p>
                <p>{ advice }</p>
            </div>
        },
    }
}

fn content_len(props: &SiteProps) -> u64 {
    if let Shown::File { bytes, .. } = &props.view.shown { bytes.len() as u64 } else { 0 }
}

#[derive(Properties, PartialEq)]
struct FrameProps {
    session: Shared,
    html: AttrValue,
    name: String,
}

/// The frame. Each page has one of its own, so nothing of one is left for the next.
#[component]
fn Frame(props: &FrameProps) -> Html {
    let node = use_node_ref();
    let filled = use_mut_ref(|| false);
    let onload = {
        let (session, html, node) = (props.session.0.clone(), props.html.clone(), node.clone());
        Callback::from(move |_: Event| {
            // An empty document that has been filled says again that it is there.
            if filled.replace(true) && !has_scripts() {
                return;
            }
            if let Some(frame) = node.cast::<HtmlIFrameElement>() {
                session.frame_is_there(&frame, &html);
            }
        })
    };
    let title = format!("Site of {}", props.name);
    // The attribute comes with the element: a frame is as free as it was when it was loaded.
    match has_scripts() {
        true => html! {
            <iframe ref={node} class="view-frame" {title} sandbox="allow-scripts allow-forms" referrerpolicy="no-referrer"
                src={SCRIPTED} {onload} />
        },
        false => html! {
            <iframe ref={node} class="view-frame" {title} sandbox="allow-same-origin allow-forms" referrerpolicy="no-referrer"
                src="about:blank" {onload} />
        },
    }
}
