use crate::{
    cover::Cover,
    disks::{Drop, Panel, use_intent},
    find::FindBar,
    health::HealthPanel,
    profiles::ProfilesPanel,
    share::FilesPanel,
    stage::{DeskHandle, Stage},
    store,
    toolbar::{Tabs, Tools},
    view::{FONTS, Signal, View},
    watch::Watch,
};
use gloo_timers::callback::Timeout;
use protocol::{Instance, InstanceId, PageRequest, State};
use ui::{
    Icon, Logo, MachineControls, MenuItem, Notice, StateBadge, WorldProvider, memory, uptime, use_dark, use_now,
    use_world,
};
use yew::prelude::*;

/// How long a hint stays, in milliseconds.
const HINT_MS: u32 = 4000;

/// The console of the machine that the address names.
#[component]
pub(crate) fn Page() -> Html {
    if let (Some(id), Some(name)) = (machine_in_address("watch"), in_address("name")) {
        return html! { <WorldProvider><Watch {id} {name} /></WorldProvider> };
    }
    match machine_in_address("id") {
        Some(id) => html! {
            <WorldProvider greeting={PageRequest::ShowsConsole(id.clone())}><Console {id} /></WorldProvider>
        },
        None => html! { <Missing /> },
    }
}

fn in_address(key: &str) -> Option<String> {
    let search = web_sys::window()?.location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get(key)
}

fn machine_in_address(key: &str) -> Option<InstanceId> {
    InstanceId::try_from(in_address(key)?).ok()
}

#[component]
fn Missing() -> Html {
    html! {
        <main class="missing empty">
            <Logo />
            <h1>{ "This machine does not exist" }</h1>
            <p>{ "It may have been deleted. Close this page and open a machine from the toolbar’s list." }</p>
        </main>
    }
}

#[derive(Properties, PartialEq)]
struct ConsoleProps {
    id: InstanceId,
}

#[component]
fn Console(props: &ConsoleProps) -> Html {
    let workbench = use_world();
    let view = use_reducer(|| View::new(store::font().unwrap_or(FONTS[1]), store::spoken()));
    let desk = use_state(|| None);
    let dark = use_dark(workbench.world.as_ref().map(|world| world.settings.theme).unwrap_or_default());
    let instance = workbench.world.as_ref().and_then(|world| world.instance(&props.id)).cloned();
    use_title(instance.as_ref());
    use_hint_end(&view);
    let signal = {
        let view = view.dispatcher();
        Callback::from(move |signal| view.dispatch(signal))
    };
    use_intent(&props.id, signal.reform(|()| Signal::ShowDisks));
    if workbench.world.is_some() && instance.is_none() {
        return html! { <Missing /> };
    }
    let run = instance.as_ref().filter(|instance| instance.state.is_live()).map(|instance| instance.boot);
    let speak = MenuItem {
        label: if view.spoken { "Turn off screen reader mode" } else { "Turn on screen reader mode" }.into(),
        detail: None,
        name: None,
        icon: Some(Icon::Speech),
        danger: false,
        onselect: {
            let (signal, spoken) = (signal.clone(), !view.spoken);
            Callback::from(move |()| signal.emit(Signal::Speak(spoken)))
        },
    };
    let close = |hide: Signal| {
        let (signal, desk) = (signal.clone(), (*desk).clone());
        Callback::from(move |()| {
            signal.emit(hide.clone());
            if let Some(DeskHandle(desk)) = &desk {
                desk.focus(desk.tab());
            }
        })
    };
    let ready = {
        let desk = desk.setter();
        Callback::from(move |ready: DeskHandle| desk.set(Some(ready)))
    };
    html! {
        <div class="console">
            <header class="bar">
                <Title instance={instance.clone()} />
                if let Some(desk) = &*desk {
                    <Tabs desk={desk.clone()} tab={view.tab()} signal={signal.clone()} />
                    <Tools desk={desk.clone()} view={(*view).clone()} signal={signal.clone()} />
                }
                if let Some(instance) = instance.clone() {
                    <div class="bar-controls"><MachineControls {instance} roomy=true more={vec![speak]} /></div>
                }
            </header>
            if let Some(problem) = workbench.problem.clone() {
                <div class="bar-problem"><Notice {problem} on_dismiss={workbench.dismissal()} /></div>
            }
            <div class="room">
            <main class="main">
                <div class="view">
                <Stage id={props.id.clone()} view={(*view).clone()} {run} {dark} dim={instance.as_ref().is_some_and(is_still)}
                    signal={signal.clone()} {ready} />
                if let (true, Some(desk)) = (view.searching, &*desk) {
                    <FindBar desk={desk.clone()} tab={view.tab()} found={view.found} signal={signal.clone()} />
                }
                <Corner view={(*view).clone()} />
                </div>
                <Cover instance={instance.clone()} has_output={view.has_output()} />
            </main>
            if let (true, Some(instance)) = (view.disks, instance.clone()) {
                <Panel {instance} on_close={close(Signal::HideDisks)} />
            }
            if let (true, Some(instance)) = (view.files, instance.clone()) {
                <FilesPanel {instance} on_close={close(Signal::HideFiles)} />
            }
            if let (true, Some(instance)) = (view.profiles, instance.clone()) {
                <ProfilesPanel {instance} on_close={close(Signal::HideProfiles)} />
            }
            if let (true, Some(instance)) = (view.health, instance.clone()) {
                <HealthPanel {instance} desk={(*desk).clone()} on_close={close(Signal::HideHealth)} />
            }
            </div>
            // The panel with the shared files takes what is dropped itself.
            if let (false, Some(instance)) = (view.files || view.profiles, instance) {
                <Drop {instance} signal={signal.clone()} />
            }
        </div>
    }
}

/// Whether the machine's processor stands still.
fn is_still(instance: &Instance) -> bool {
    matches!(instance.state, State::Stopped | State::Paused | State::Suspending | State::Suspended | State::Crashed)
}

#[hook]
fn use_title(instance: Option<&Instance>) {
    let title = match instance {
        Some(Instance { name, state: State::Running, .. }) => format!("{name} · Console"),
        Some(instance) => format!("{} · Console ({})", instance.name, instance.state_label().to_lowercase()),
        None => "Console".to_owned(),
    };
    use_effect_with(title, |title| {
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(title);
        }
    });
}

#[hook]
fn use_hint_end(view: &UseReducerHandle<View>) {
    let dispatcher = view.dispatcher();
    use_effect_with(view.hint.clone(), move |hint| {
        let timeout = hint.as_ref().map(|_| Timeout::new(HINT_MS, move || dispatcher.dispatch(Signal::Unsay)));
        move || drop(timeout)
    });
}

#[derive(Properties, PartialEq)]
struct TitleProps {
    instance: Option<Instance>,
}

#[component]
fn Title(props: &TitleProps) -> Html {
    let running = props.instance.as_ref().filter(|instance| instance.state == State::Running);
    let started = running.and_then(|instance| instance.started);
    let now = use_now(started.is_some());
    let Some(instance) = &props.instance else {
        return html! { <div class="title"><Logo /></div> };
    };
    html! {
        <div class="title">
            <Logo />
            <h1>{ &instance.name }</h1>
            <StateBadge instance={instance.clone()} />
            <span class="title-about number">
                { started.map(|started| format!("{} · ", uptime(started, now))) }{ memory(instance.memory) }
            </span>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct CornerProps {
    view: View,
}

/// Small words in the corners: where a link leads, the guest's size, what was copied.
#[component]
fn Corner(props: &CornerProps) -> Html {
    let view = &props.view;
    html! {
        <>
            <div class="hints" role="status">
                if let Some(hint) = &view.hint {
                    <p class={classes!("hint", hint.bad.then_some("bad"))}>{ &hint.text }</p>
                }
            </div>
            if let Some(link) = &view.link {
                <p class="link-target mono">{ link }</p>
            }
            if let Some(size) = view.foreign_size() {
                <p class="guest-size number" title="The machine’s terminal has the size of the smallest page that shows it">
                    { format!("Guest {}×{}", size.cols, size.rows) }
                </p>
            }
        </>
    }
}
