//! What a peer may do here.

use crate::{CheckField, FormDialog, TextField, use_world};
use protocol::{InstanceId, PeerRequest, PeerRule, PeerView, Problem, World};
use yew::prelude::*;

/// The least that a limit can be, in KiB a second.
const LIMIT_LEAST: u32 = 16;

#[derive(Properties, PartialEq)]
pub(super) struct MachinesFieldProps {
    pub(super) legend: AttrValue,
    pub(super) world: World,
    pub(super) chosen: Vec<InstanceId>,
    pub(super) onchange: Callback<Vec<InstanceId>>,
}

/// Which machines the peer may reach.
#[component]
pub(super) fn MachinesField(props: &MachinesFieldProps) -> Html {
    let tick = |instance: &protocol::Instance| {
        let (id, chosen, change) = (instance.id.clone(), props.chosen.clone(), props.onchange.clone());
        let checked = chosen.contains(&id);
        let onchange = Callback::from(move |on: bool| {
            let rest = chosen.iter().filter(|other| **other != id).cloned();
            change.emit(rest.chain(on.then(|| id.clone())).collect());
        });
        html! { <CheckField key={instance.id.to_string()} label={instance.name.clone()} {checked} {onchange} /> }
    };
    html! {
        <fieldset class="ticks">
            <legend>{ &props.legend }</legend>
            if props.world.instances.is_empty() {
                <p class="soft">{ "There is no machine here yet. You can choose some later." }</p>
            }
            { for props.world.instances.iter().map(tick) }
        </fieldset>
    }
}

/// What is typed as a limit: nothing, or a number of KiB.
fn limit(text: &str) -> Result<Option<u32>, ()> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().ok().filter(|kib| *kib >= LIMIT_LEAST).map(Some).ok_or(()),
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct RuleDialogProps {
    pub(super) peer: PeerView,
    pub(super) world: World,
    pub(super) on_close: Callback<()>,
}

/// Changes what a peer may do.
#[component]
pub(super) fn RuleDialog(props: &RuleDialogProps) -> Html {
    let workbench = use_world();
    let rule = &props.peer.rule;
    let chosen = use_state(|| rule.machines.clone());
    let text = use_state(|| rule.limit_kib.map(|kib| kib.to_string()).unwrap_or_default());
    let muted = use_state(|| rule.muted);
    let watch = use_state(|| rule.watch);
    let (busy, problem) = (use_state(|| false), use_state(|| None::<Problem>));
    let wanted = limit(&text);
    let objection = wanted.is_err().then(|| AttrValue::from(format!("A number from {LIMIT_LEAST}, or nothing")));
    let name = props.peer.name.clone().unwrap_or_default();
    let on_confirm = {
        let rule = PeerRule {
            machines: (*chosen).clone(),
            limit_kib: wanted.unwrap_or_default(),
            muted: *muted,
            watch: *watch,
        };
        let (id, close, busy, problem) =
            (props.peer.id.clone(), props.on_close.clone(), busy.setter(), problem.setter());
        Callback::from(move |()| {
            busy.set(true);
            let (close, busy, problem) = (close.clone(), busy.clone(), problem.clone());
            workbench.ask_peers(PeerRequest::Change(id.clone(), rule.clone()), move |done| {
                busy.set(false);
                match done {
                    Ok(()) => close.emit(()),
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let (set_chosen, set_text, set_muted) = (chosen.setter(), text.setter(), muted.setter());
    let set_watch = watch.setter();
    html! {
        <FormDialog title={format!("What may {name} do?")} confirm="Change" blocked={objection.is_some()} busy={*busy}
            problem={(*problem).clone()} {on_confirm} on_cancel={props.on_close.clone()}
            text="It never reaches the gateway, the web, this computer’s network or other peers.">
            <MachinesField legend="Machines that it may reach" world={props.world.clone()} chosen={(*chosen).clone()}
                onchange={Callback::from(move |now| set_chosen.set(now))} />
            <CheckField label="May look at their consoles" checked={*watch}
                hint="All that is shown and typed there, from before too. It can type nothing itself."
                onchange={Callback::from(move |now| set_watch.set(now))} />
            <TextField id="peer-limit" label="At most so many KiB a second from it" value={(*text).clone()} max={9} number=true {objection}
                hint="Leave it empty for no limit" oninput={Callback::from(move |now| set_text.set(now))} />
            <CheckField label="Mute" checked={*muted} hint="It stays connected, and nothing goes to it or comes from it"
                onchange={Callback::from(move |now| set_muted.set(now))} />
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_nothing() {
        assert_eq!((limit(""), limit(" 64 "), limit("15"), limit("x")), (Ok(None), Ok(Some(64)), Err(()), Err(())));
    }
}
