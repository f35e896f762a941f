//! The two ways to begin.

use super::field::CodeField;
use crate::{FormDialog, TextField, use_world};
use protocol::{PeerRequest, Problem, ProblemCode};
use yew::prelude::*;

/// Where the page remembers what this LAN is called.
const KEY: &str = "lan-name";
/// The most letters of a name.
const NAME_MAX: usize = 32;

pub(super) fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn remembered() -> String {
    storage().and_then(|storage| storage.get_item(KEY).ok()?).unwrap_or_default()
}

fn remember(name: &str) {
    // Where nothing can be kept it is asked again the next time.
    if let Some(storage) = storage() {
        let _ = storage.set_item(KEY, name);
    }
}

/// Why a LAN can't be called so.
fn objection(name: &str) -> Option<AttrValue> {
    let sign = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let fits = name.chars().all(sign) && !name.starts_with('-') && !name.ends_with('-');
    (!fits).then(|| "Small letters, digits and hyphens, as in “anna” or “lab-2”".into())
}

#[derive(Properties, PartialEq)]
pub(super) struct DialogProps {
    pub(super) on_close: Callback<()>,
}

#[component]
pub(super) fn InviteDialog(props: &DialogProps) -> Html {
    let workbench = use_world();
    let name = use_state(remembered);
    let (busy, problem) = (use_state(|| false), use_state(|| None::<Problem>));
    let on_confirm = {
        let (name, busy, problem) = ((*name).clone(), busy.setter(), problem.setter());
        let close = props.on_close.clone();
        Callback::from(move |()| {
            remember(&name);
            busy.set(true);
            problem.set(None);
            let (busy, problem, close) = (busy.clone(), problem.clone(), close.clone());
            workbench.ask_peers(PeerRequest::Invite(name.clone()), move |done| {
                busy.set(false);
                match done {
                    Ok(()) => close.emit(()),
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let set_name = name.setter();
    html! {
        <FormDialog title="Invite another browser" confirm="Make a code" busy={*busy} problem={(*problem).clone()}
            blocked={name.is_empty() || objection(&name).is_some()} {on_confirm} on_cancel={props.on_close.clone()}
            text="You get a code for the other side, and paste what it answers. Nothing is joined before you both have compared four words and agreed.">
            <TextField id="lan-name" label="What the other side calls this browser" value={(*name).clone()} max={NAME_MAX} first=true
                objection={objection(&name)} hint="Machines are found by it: alpine-1.anna.lan"
                oninput={Callback::from(move |now| set_name.set(now))} />
        </FormDialog>
    }
}

#[component]
pub(super) fn JoinDialog(props: &DialogProps) -> Html {
    let workbench = use_world();
    let name = use_state(remembered);
    let code = use_state(String::new);
    let (busy, problem) = (use_state(|| false), use_state(|| None::<Problem>));
    // The user has read that both LANs have the same addresses, and what changes if this one takes others.
    let renumber = problem.as_ref().is_some_and(|problem| problem.code == ProblemCode::SameAddresses);
    let on_confirm = {
        let (name, code, busy, problem) = ((*name).clone(), (*code).clone(), busy.setter(), problem.setter());
        let close = props.on_close.clone();
        Callback::from(move |()| {
            remember(&name);
            busy.set(true);
            problem.set(None);
            let (busy, problem, close) = (busy.clone(), problem.clone(), close.clone());
            let request = PeerRequest::Join { name: name.clone(), code: code.clone(), renumber };
            workbench.ask_peers(request, move |done| {
                busy.set(false);
                match done {
                    Ok(()) => close.emit(()),
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let (set_name, set_code, set_problem) = (name.setter(), code.setter(), problem.setter());
    let set_code = Callback::from(move |now| {
        // What was said is about another code.
        set_problem.set(None);
        set_code.set(now);
    });
    html! {
        <FormDialog title="Join another browser" confirm={if renumber { "Take other addresses" } else { "Make an answer" }} busy={*busy} problem={(*problem).clone()}
            blocked={name.is_empty() || objection(&name).is_some() || code.is_empty()} {on_confirm} on_cancel={props.on_close.clone()}
            text="Paste the code that the other side gave you. You get an answer for it to paste.">
            <CodeField id="invitation-code" label="The other side’s code" value={(*code).clone()} first=true
                oninput={set_code} />
            <TextField id="lan-name" label="What the other side calls this browser" value={(*name).clone()} max={NAME_MAX}
                objection={objection(&name)} hint="Machines are found by it: alpine-1.anna.lan"
                oninput={Callback::from(move |now| set_name.set(now))} />
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_are_not_objected_to() {
        assert!(["anna", "lab-2", "7"].into_iter().all(|name| objection(name).is_none()));
        assert!(["Anna", "-a", "a-", "a.b", "ä"].into_iter().all(|name| objection(name).is_some()));
    }
}
