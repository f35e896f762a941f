//! What a machine may reach on the web.

use crate::leave;
use protocol::{Access, Instance, PageRequest, Problem};
use ui::{CheckField, FormDialog, TextField, use_world};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// The most characters of a list of hosts.
const HOSTS_MAX: usize = 2_000;

/// It in a few words.
pub(crate) fn words(access: &Access) -> String {
    let hosts = match access.hosts.len() {
        0 => None,
        1 => Some(access.hosts[0].clone()),
        count => Some(format!("{count} hosts")),
    };
    let reached = match (access.web, hosts) {
        (true, Some(hosts)) => format!("The web, {hosts}"),
        (true, None) => "The web".to_owned(),
        (false, Some(hosts)) => format!("Packages, {hosts}"),
        (false, None) => "Packages only".to_owned(),
    };
    if access.https { format!("{reached}; HTTPS") } else { reached }
}

/// The hosts in a text with blanks or commas between them.
fn hosts(text: &str) -> Vec<String> {
    let parts = text.split(|sign: char| sign == ',' || sign.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[derive(Properties, PartialEq)]
pub(crate) struct AccessDialogProps {
    pub(crate) instance: Instance,
    pub(crate) on_close: Callback<()>,
}

/// Asks what a machine may reach, and the browser for leave to reach it.
#[component]
pub(crate) fn AccessDialog(props: &AccessDialogProps) -> Html {
    let workbench = use_world();
    let Instance { id, name, access, .. } = &props.instance;
    // What counts when “Allow” is pressed. A page in the background, or on a busy computer, may not have been drawn anew since the last choice.
    let chosen = use_mut_ref(|| access.clone());
    let redraw = use_force_update();
    let text = use_state(|| access.hosts.join(", "));
    let busy = use_state(|| false);
    let problem = use_state(|| None::<Problem>);
    let shown = chosen.borrow().clone();
    let objection = shown.check().err().map(|error| AttrValue::from(error.to_string()));
    let blocked = objection.is_some();
    let on_confirm = {
        let (id, busy, problem, close) = (id.clone(), busy.setter(), problem.setter(), props.on_close.clone());
        let (workbench, chosen) = (workbench.clone(), chosen.clone());
        Callback::from(move |()| {
            let wanted = chosen.borrow().clone();
            let question = leave::ask(&wanted);
            busy.set(true);
            problem.set(None);
            let (id, busy, problem, close) = (id.clone(), busy.clone(), problem.clone(), close.clone());
            let workbench = workbench.clone();
            spawn_local(async move {
                let allowed = match question {
                    Ok(question) => leave::answer(question).await,
                    Err(problem) => Err(problem),
                };
                match allowed {
                    Err(refused) => {
                        busy.set(false);
                        problem.set(Some(refused));
                    }
                    Ok(()) => workbench.ask(PageRequest::SetAccess(id, wanted), move |_, _| close.emit(())),
                }
            });
        })
    };
    let choose = |change: fn(&mut Access, bool)| {
        let (chosen, redraw) = (chosen.clone(), redraw.clone());
        Callback::from(move |on| {
            change(&mut chosen.borrow_mut(), on);
            redraw.force_update();
        })
    };
    let oninput = {
        let (chosen, text) = (chosen.clone(), text.setter());
        Callback::from(move |now: String| {
            chosen.borrow_mut().hosts = hosts(&now);
            text.set(now);
        })
    };
    html! {
        <FormDialog title={format!("What may {name} reach?")} confirm="Allow" {blocked} busy={*busy} at_once=true
            problem={(*problem).clone()} {on_confirm} on_cancel={props.on_close.clone()}
            text="Package mirrors always. The extension fetches the rest for it, without your cookies; the browser may ask you for leave.">
            <CheckField label="The public web" checked={shown.web} onchange={choose(|access, on| access.web = on)}
                hint="Every site on the internet, by HTTP. Not this computer, and not your home or office network." />
            <CheckField label="HTTPS of the machine’s own" checked={shown.https} onchange={choose(|access, on| access.https = on)}
                hint="The gateway reads it in the place of every site, with certificates of an authority made for this machine alone. Its key stays in this browser and goes with the machine. Apply the profile “https” in the machine, which makes it trust them." />
            <TextField id="hosts" label="These hosts" value={(*text).clone()} max={HOSTS_MAX} {objection}
                hint="Also ones on this computer or your network, such as 192.168.0.7:8080"
                {oninput} />
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_however_it_is_separated() {
        assert_eq!(hosts(" a.org,b.org\n  c.org:80 ,, "), ["a.org", "b.org", "c.org:80"]);
    }

    #[test]
    fn access_in_words() {
        let access = |web, hosts: &[&str]| Access {
            web,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..Access::default()
        };
        assert_eq!(words(&access(false, &[])), "Packages only");
        assert_eq!(words(&access(false, &["a.org"])), "Packages, a.org");
        assert_eq!(words(&access(true, &["a.org", "b.org"])), "The web, 2 hosts");
        assert_eq!(words(&Access { https: true, ..Access::default() }), "Packages only; HTTPS");
    }
}
