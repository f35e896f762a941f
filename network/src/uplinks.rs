//! The uplinks: LANs elsewhere that this one has joined, how they are, and what can be done about them.

use crate::channel::{Asker, Seen};
use crate::join::JoinDialog;
use crate::rates::{shown, uplink_rates};
use protocol::{LanAsk, LanView, UplinkAsk, UplinkMember, UplinkState, UplinkView, World};
use ui::{Button, ConfirmDialog, Icon, Menu, MenuItem, Notice, bytes, moment};
use yew::prelude::*;

/// The endpoint's host, which is what people know it by.
pub(crate) fn host(uplink: &UplinkView) -> &str {
    let rest = uplink.settings.address.strip_prefix("https://").unwrap_or(&uplink.settings.address);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// How it is, in a few words.
pub(crate) fn state_words(uplink: &UplinkView) -> String {
    match &uplink.state {
        UplinkState::Joined if uplink.muted => "Muted".to_owned(),
        UplinkState::Joined => match uplink.rtt_ms {
            Some(rtt) => format!("Joined, {rtt} ms"),
            None => "Joined".to_owned(),
        },
        UplinkState::Connecting => "Connecting".to_owned(),
        UplinkState::Waiting(seconds, _) => format!("Tries again in {seconds} s"),
        UplinkState::Away(Some(_)) => "Refused".to_owned(),
        UplinkState::Away(None) => "Not joined".to_owned(),
    }
}

/// The class for a state's colour.
pub(crate) fn state_class(uplink: &UplinkView) -> &'static str {
    match &uplink.state {
        UplinkState::Joined if uplink.muted => "warn",
        UplinkState::Joined => "ok",
        UplinkState::Connecting | UplinkState::Waiting(..) => "warn",
        UplinkState::Away(Some(_)) => "bad",
        UplinkState::Away(None) => "soft",
    }
}

#[derive(Properties, PartialEq)]
pub(crate) struct UplinksProps {
    pub(crate) seen: Seen,
    pub(crate) view: Option<LanView>,
    pub(crate) world: World,
    pub(crate) asker: Option<Asker>,
}

/// The section about them.
#[component]
pub(crate) fn Uplinks(props: &UplinksProps) -> Html {
    let joining = use_state(|| false);
    let set = |to: bool| {
        let joining = joining.setter();
        Callback::from(move |()| joining.set(to))
    };
    let (Some(view), Some(asker)) = (&props.view, &props.asker) else {
        return html! {
            <Section>
                <p class="nothing">{ "A LAN elsewhere can be joined once a machine is on this one: launch one first." }</p>
            </Section>
        };
    };
    let card = |uplink: &UplinkView| {
        html! {
            <Card key={uplink.id.0} seen={props.seen.clone()} uplink={uplink.clone()} view={view.clone()}
                world={props.world.clone()} asker={asker.clone()} />
        }
    };
    html! {
        <Section>
            <div class="panel-head">
                <p>
                    { "Machines of several browsers are on one LAN when these join the same room of an " }
                    <dfn title="A small server that passes frames on between browsers; the repository has one">{ "endpoint" }</dfn>
                    { ". Nobody reaches in from outside without that; the gateway, this computer and its network stay out of it." }
                </p>
                <Button label="Join a LAN…" icon={Icon::Network} onclick={set(true).reform(|_| ())} />
            </div>
            if !view.uplinks.is_empty() {
                <ul class="cards" aria-label="Uplinks">{ for view.uplinks.iter().map(card) }</ul>
            }
            if *joining {
                <JoinDialog view={view.clone()} world={props.world.clone()} asker={asker.clone()} on_close={set(false)} />
            }
        </Section>
    }
}

#[derive(Properties, PartialEq)]
struct SectionProps {
    children: Html,
}

#[component]
fn Section(props: &SectionProps) -> Html {
    html! {
        <section class="section" aria-labelledby="uplinks">
            <h2 id="uplinks">{ "LANs elsewhere" }</h2>
            <div class="panel">{ props.children.clone() }</div>
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct CardProps {
    seen: Seen,
    uplink: UplinkView,
    view: LanView,
    world: World,
    asker: Asker,
}

/// What is open above the page.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    Change,
    Forget,
}

#[component]
fn Card(props: &CardProps) -> Html {
    let open = use_state(|| Open::Nothing);
    let show = |what: Open| {
        let open = open.setter();
        Callback::from(move |()| open.set(what))
    };
    let uplink = &props.uplink;
    let ask = |ask: UplinkAsk| {
        let asker = props.asker.clone();
        Callback::from(move |()| asker.ask(&LanAsk::Uplink(ask.clone())))
    };
    let title = format!("{} at {}", uplink.settings.room, host(uplink));
    let away = matches!(uplink.state, UplinkState::Away(_));
    let join = match away {
        true => ("Join", ask(UplinkAsk::Join(uplink.id))),
        false => ("Leave", ask(UplinkAsk::Leave(uplink.id))),
    };
    let item = |label: &str, icon: Icon, danger: bool, onselect: Callback<()>| MenuItem {
        label: label.to_owned().into(),
        detail: None,
        name: Some(format!("{label} {title}").into()),
        icon: Some(icon),
        danger,
        onselect,
    };
    let mut items = vec![
        item("Change…", Icon::Pencil, false, show(Open::Change)),
        match uplink.muted {
            true => item("Let through again", Icon::Play, false, ask(UplinkAsk::Mute(uplink.id, false))),
            false => item("Mute", Icon::Pause, false, ask(UplinkAsk::Mute(uplink.id, true))),
        },
    ];
    if matches!(uplink.state, UplinkState::Waiting(..)) {
        items.insert(0, item("Try now", Icon::Restart, false, ask(UplinkAsk::Join(uplink.id))));
    }
    items.push(item("Forget…", Icon::Close, true, show(Open::Forget)));
    let problem = match &uplink.state {
        UplinkState::Away(problem) => problem.clone(),
        UplinkState::Waiting(_, problem) => Some(problem.clone()),
        UplinkState::Connecting | UplinkState::Joined => None,
    };
    html! {
        <li class="card" aria-label={title.clone()}>
            <div class="card-head">
                <div>
                    <strong>{ &uplink.settings.room }</strong>
                    <code>{ host(uplink) }</code>
                </div>
                <span class={classes!("state", state_class(uplink))}>{ state_words(uplink) }</span>
                <div class="actions">
                    <Button label={join.0} name={format!("{} {title}", join.0)} class="small" onclick={join.1.reform(|_| ())} />
                    <Menu label={format!("More about {title}")} icon={Icon::More} {items} />
                </div>
            </div>
            if let Some(problem) = problem { <Notice {problem} /> }
            { traffic(&props.seen, uplink) }
            if uplink.state == UplinkState::Joined { { members(&uplink.members) } }
            { log(&uplink.log) }
            { match *open {
                Open::Nothing => Html::default(),
                Open::Change => html! {
                    <JoinDialog uplink={uplink.clone()} view={props.view.clone()} world={props.world.clone()}
                        asker={props.asker.clone()} on_close={show(Open::Nothing)} />
                },
                Open::Forget => html! {
                    <ConfirmDialog title={format!("Forget {title}?")} confirm="Forget"
                        text="This LAN leaves the room. The address, the token and the choice of machines are deleted here."
                        on_confirm={ask(UplinkAsk::Forget(uplink.id))} on_cancel={show(Open::Nothing)} />
                },
            } }
        </li>
    }
}

fn traffic(seen: &Seen, uplink: &UplinkView) -> Html {
    let rates = uplink_rates(seen, uplink.id);
    let dropped: u64 = uplink.dropped.iter().map(|(_, count)| count).sum();
    let why: Vec<String> = uplink.dropped.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let limit = match uplink.settings.rate_kib {
        0 => String::new(),
        kib => format!(", at most {}", shown(u64::from(kib) * 1024)),
    };
    html! {
        <p class="traffic">
            <span>{ format!("↑ {} ({})", shown(rates.sent), bytes(uplink.sent.1)) }</span>
            <span>{ format!("↓ {} ({}){limit}", shown(rates.received), bytes(uplink.received.1)) }</span>
            if dropped > 0 { <span title={why.join(", ")}>{ format!("{dropped} not let in") }</span> }
        </p>
    }
}

fn members(members: &[UplinkMember]) -> Html {
    if members.is_empty() {
        return html! { <p class="soft">{ "Nobody else is in the room yet." }</p> };
    }
    let machine = |member: &UplinkMember, (name, address): &(String, String)| {
        html! { <li><code>{ format!("{name}.{}.lan", member.label) }</code><small>{ address }</small></li> }
    };
    let member = |member: &UplinkMember| {
        html! {
            <li>
                <strong>{ &member.name }</strong>
                <small>{ &member.network }</small>
                <ul aria-label={format!("Machines of {}", member.name)}>
                    { for member.machines.iter().map(|it| machine(member, it)) }
                </ul>
            </li>
        }
    };
    html! { <ul class="members" aria-label="Who else is in the room">{ for members.iter().map(member) }</ul> }
}

fn log(log: &[(u64, String)]) -> Html {
    if log.is_empty() {
        return Html::default();
    }
    let line = |(at, what): &(u64, String)| html! { <li><small>{ moment(*at) }</small>{ what }</li> };
    html! { <details><summary>{ "What has happened" }</summary><ol class="log">{ for log.iter().map(line) }</ol></details> }
}
