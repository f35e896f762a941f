//! One pairing, as far as it is.

use super::PeersSeen;
use super::code::Code;
use super::field::CodeField;
use super::rule::{MachinesField, RuleDialog};
use crate::{Button, Icon, Kind, Menu, MenuItem, Notice, bytes, use_world};
use protocol::{PeerCode, PeerRequest, PeerRule, PeerStage, PeerView, Problem, World};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct CardProps {
    pub(super) peer: PeerView,
    pub(super) seen: PeersSeen,
    pub(super) world: World,
}

/// What the card asks for, and what it shows of that.
#[derive(Clone, PartialEq)]
struct Asking {
    busy: bool,
    ask: Callback<PeerRequest>,
}

#[component]
pub(super) fn Card(props: &CardProps) -> Html {
    let workbench = use_world();
    let (busy, problem) = (use_state(|| false), use_state(|| None::<Problem>));
    let ask = {
        let (busy, problem) = (busy.setter(), problem.setter());
        Callback::from(move |request: PeerRequest| {
            busy.set(true);
            problem.set(None);
            let (busy, problem) = (busy.clone(), problem.clone());
            workbench.ask_peers(request, move |done| {
                busy.set(false);
                problem.set(done.err());
            });
        })
    };
    let asking = Asking { busy: *busy, ask };
    let peer = &props.peer;
    let name = peer.name.clone().unwrap_or_else(|| "Invitation".to_owned());
    let body = match &peer.stage {
        PeerStage::Waiting(code) if peer.inviter => {
            html! { <Inviting peer={peer.clone()} code={code.clone()} {asking} /> }
        }
        PeerStage::Waiting(code) => answering(peer, code, &asking),
        PeerStage::Connecting => html! {
            <div class="peer-row"><p class="soft" role="status">{ "Connecting…" }</p>{ end(peer, "Cancel", &asking) }</div>
        },
        PeerStage::Asking { .. } => html! { <Comparing peer={peer.clone()} world={props.world.clone()} {asking} /> },
        PeerStage::Joined | PeerStage::Broken => {
            html! { <Joined peer={peer.clone()} seen={props.seen.clone()} world={props.world.clone()} {asking} /> }
        }
        PeerStage::Over(reason) => html! {
            <div class="peer-row">
                <p class="soft">{ reason }</p>
                { button("Remove", &format!("Remove {name} from the list"), Kind::Ghost, PeerRequest::Forget(peer.id.clone()), &asking) }
            </div>
        },
    };
    html! {
        <li class="peer" aria-label={name.clone()}>
            <div class="peer-title">
                <strong>{ name }</strong>
                if let Some(network) = &peer.network { <code>{ network }</code> }
                <span class={classes!("peer-state", state_class(&peer.stage))}>{ state(peer) }</span>
            </div>
            { body }
            if let Some(problem) = (*problem).clone() { <Notice {problem} /> }
        </li>
    }
}

fn state(peer: &PeerView) -> &'static str {
    match &peer.stage {
        PeerStage::Waiting(_) if peer.inviter => "Waiting for an answer",
        PeerStage::Waiting(_) => "Waiting for the other side",
        PeerStage::Connecting => "Connecting",
        PeerStage::Asking { .. } => "Compare the words",
        PeerStage::Joined if peer.rule.muted => "Muted",
        PeerStage::Joined => "Joined",
        PeerStage::Broken => "No answer",
        PeerStage::Over(_) => "Over",
    }
}

fn state_class(stage: &PeerStage) -> &'static str {
    match stage {
        PeerStage::Joined => "ok",
        PeerStage::Broken | PeerStage::Asking { .. } => "warn",
        _ => "soft",
    }
}

fn button(label: &str, name: &str, kind: Kind, request: PeerRequest, asking: &Asking) -> Html {
    let ask = asking.ask.clone();
    let onclick = Callback::from(move |_: MouseEvent| ask.emit(request.clone()));
    html! { <Button label={label.to_owned()} name={name.to_owned()} {kind} class="small" busy={asking.busy} {onclick} /> }
}

fn end(peer: &PeerView, label: &str, asking: &Asking) -> Html {
    let name = match &peer.name {
        Some(name) => format!("{label} {name}"),
        None => format!("{label} the invitation"),
    };
    button(label, &name, Kind::Secondary, PeerRequest::End(peer.id.clone()), asking)
}

#[derive(Properties, PartialEq)]
struct InvitingProps {
    peer: PeerView,
    code: PeerCode,
    asking: Asking,
}

/// The code for the other side, and a field for what it answers.
#[component]
fn Inviting(props: &InvitingProps) -> Html {
    let answer = use_state(String::new);
    let InvitingProps { peer, code, asking } = props;
    let set = answer.setter();
    let connect = {
        let (ask, id, answer) = (asking.ask.clone(), peer.id.clone(), answer.clone());
        Callback::from(move |_: MouseEvent| ask.emit(PeerRequest::Answer(id.clone(), (*answer).clone())))
    };
    html! {
        <>
            <Code id={format!("code-{}", peer.id)} label="1. Give this code to the other side" code={code.clone()} />
            <CodeField id={format!("answer-{}", peer.id)} label="2. Paste what it answers" value={(*answer).clone()}
                oninput={Callback::from(move |now| set.set(now))} />
            <div class="peer-row">
                <Button label="Connect" kind={Kind::Primary} class="small" busy={asking.busy} disabled={answer.is_empty()} onclick={connect} />
                { end(peer, "Cancel", asking) }
            </div>
        </>
    }
}

/// The answer for the one who invited.
fn answering(peer: &PeerView, code: &PeerCode, asking: &Asking) -> Html {
    let name = peer.name.clone().unwrap_or_default();
    html! {
        <>
            <Code id={format!("code-{}", peer.id)} label={format!("Give this answer to {name}, who pastes it")} code={code.clone()} />
            <div class="peer-row">{ end(peer, "Cancel", asking) }</div>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ComparingProps {
    peer: PeerView,
    world: World,
    asking: Asking,
}

/// The words, and what the other side may reach.
#[component]
fn Comparing(props: &ComparingProps) -> Html {
    let ComparingProps { peer, world, asking } = props;
    let chosen = use_state(|| {
        let live = world.instances.iter().filter(|instance| instance.state.is_live());
        live.map(|instance| instance.id.clone()).collect::<Vec<_>>()
    });
    let PeerStage::Asking { accepted, was_accepted } = peer.stage else { return Html::default() };
    let name = peer.name.clone().unwrap_or_default();
    let set = chosen.setter();
    let rule = PeerRule { machines: (*chosen).clone(), ..PeerRule::default() };
    let words = peer.words.clone().unwrap_or_default();
    html! {
        <>
            <p>{ format!("{name} wants to join. Ask which words it sees: they have to be the same as these.") }</p>
            <ol class="words" aria-label="Words to compare">{ for words.iter().map(|word| html! { <li>{ word }</li> }) }</ol>
            if accepted {
                <div class="peer-row">
                    <p class="soft" role="status">{ format!("You have accepted. Waiting for {name}…") }</p>
                    { end(peer, "Cancel", asking) }
                </div>
            } else {
                if was_accepted { <p class="soft" role="status">{ format!("{name} has accepted.") }</p> }
                <MachinesField legend={format!("{name} may reach")} world={world.clone()} chosen={(*chosen).clone()}
                    onchange={Callback::from(move |now| set.set(now))} />
                <div class="peer-row">
                    { button("The words are the same", &format!("The words are the same: accept {name}"), Kind::Primary,
                        PeerRequest::Accept(peer.id.clone(), rule), asking) }
                    { button("Refuse", &format!("Refuse {name}"), Kind::Secondary, PeerRequest::End(peer.id.clone()), asking) }
                </div>
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct JoinedProps {
    peer: PeerView,
    seen: PeersSeen,
    world: World,
    asking: Asking,
}

/// A peer that is joined.
#[component]
fn Joined(props: &JoinedProps) -> Html {
    let changing = use_state(|| false);
    let JoinedProps { peer, seen, world, asking } = props;
    let set = |to: bool| {
        let changing = changing.setter();
        Callback::from(move |()| changing.set(to))
    };
    let name = peer.name.clone().unwrap_or_default();
    let (to, from) = seen.rates(&peer.id);
    let rtt = peer.rtt_us.map_or_else(|| "–".to_owned(), |micros| format!("{:.1} ms", f64::from(micros) / 1000.0));
    let loss = peer.loss_permille.map(|permille| format!("{:.1} % lost", f64::from(permille) / 10.0));
    let dropped: u64 = peer.traffic.dropped.iter().map(|(_, count)| count).sum();
    let why: Vec<String> = peer.traffic.dropped.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let item = |label: &str, detail: &str, icon: Option<Icon>, danger: bool, request: PeerRequest| {
        let ask = asking.ask.clone();
        MenuItem {
            label: label.to_owned().into(),
            detail: Some(detail.to_owned().into()),
            name: None,
            icon,
            danger,
            onselect: Callback::from(move |()| ask.emit(request.clone())),
        }
    };
    let mute = PeerRule { muted: !peer.rule.muted, ..peer.rule.clone() };
    let items = vec![
        item(
            if peer.rule.muted { "Unmute" } else { "Mute" },
            "It stays connected, and no frame goes either way",
            None,
            false,
            PeerRequest::Change(peer.id.clone(), mute),
        ),
        item(
            "Disconnect",
            "To join again takes a new code",
            Some(Icon::Close),
            true,
            PeerRequest::End(peer.id.clone()),
        ),
        item(
            "Forget",
            "Disconnect, and take it off this list",
            Some(Icon::Trash),
            true,
            PeerRequest::Forget(peer.id.clone()),
        ),
    ];
    let allowed: Vec<String> =
        world.instances.iter().filter(|one| peer.rule.machines.contains(&one.id)).map(|one| one.name.clone()).collect();
    html! {
        <>
            <p class="peer-figures number">
                <span>{ format!("↑ {}/s", bytes(to)) }</span>
                <span>{ format!("↓ {}/s", bytes(from)) }</span>
                <span>{ format!("there and back {rtt}") }</span>
                if let Some(loss) = loss { <span>{ loss }</span> }
                if dropped > 0 { <span title={why.join(", ")}>{ format!("{dropped} frames dropped") }</span> }
            </p>
            <dl class="peer-facts">
                <dt>{ "There" }</dt>
                <dd>
                    if peer.machines.is_empty() { { "No machine that may be reached is up" } }
                    { for peer.machines.iter().map(|machine| html! {
                        <span class="peer-machine">
                            <code>{ format!("{}.{name}.lan", machine.name) }</code><small>{ &machine.address }</small>
                            if let Some(id) = &machine.watch {
                                <a target="_blank" href={format!("../console/index.html?watch={id}&name={}.{name}", machine.name)}
                                    aria-label={format!("Watch the console of {}.{name}", machine.name)}>{ "Watch" }</a>
                            }
                        </span>
                    }) }
                </dd>
                <dt>{ "Frames go" }</dt>
                <dd>{ match (peer.traffic.direct, peer.connections) {
                    (true, 2..) => "From the LAN’s worker into two connections",
                    (true, _) => "From the LAN’s worker into the connection",
                    (false, 2..) => "By the extension’s host page into two connections",
                    (false, _) => "By the extension’s host page",
                } }</dd>
                <dt>{ "May reach" }</dt>
                <dd>{ if allowed.is_empty() { "None of your machines".to_owned() } else { allowed.join(", ") } }</dd>
                if peer.rule.watch {
                    <dt>{ "Looks at" }</dt>
                    <dd>{ match peer.looks_at.join(", ") {
                        none if none.is_empty() => "No console at the moment, and may".to_owned(),
                        some => format!("The console of {some}"),
                    } }</dd>
                }
            </dl>
            <div class="peer-row">
                <Button label="Change…" name={format!("Change… what {name} may do")} class="small" onclick={set(true).reform(|_| ())} />
                <Menu label={format!("More about {name}")} icon={Icon::More} {items} />
            </div>
            if *changing {
                <RuleDialog peer={peer.clone()} world={world.clone()} on_close={set(false)} />
            }
        </>
    }
}
