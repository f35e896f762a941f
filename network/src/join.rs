//! Asks which LAN to join, as what, and which machines will be reachable there.

use crate::channel::Asker;
use protocol::{
    InstanceId, LanAsk, LanView, Reachable, UPLINK_ADDRESS_MAX, UPLINK_NAME_MAX, UPLINK_TOKEN_MAX, UplinkAsk,
    UplinkSettings, UplinkView, World, sentence,
};
use std::rc::Rc;
use ui::{CheckField, FormDialog, TextField};
use yew::prelude::*;

/// What is longer than this is no list of hashes.
const HASHES_MAX: usize = 1_000;

/// What is in the fields.
#[derive(Clone, PartialEq)]
struct Form {
    address: String,
    room: String,
    name: String,
    token: Option<String>,
    hashes: String,
    rate: String,
    machines: Reachable,
    again: bool,
}

impl Form {
    /// For a new uplink: the machines that are on the LAN now.
    fn new(view: &LanView) -> Self {
        let machines = Reachable::Only(view.lines.iter().map(|line| line.id.clone()).collect());
        let (address, room, name, hashes, rate) = Default::default();
        Self { address, room, name, token: Some(String::new()), hashes, rate, machines, again: false }
    }

    fn of(uplink: &UplinkView) -> Self {
        let UplinkSettings { address, room, name, hashes, machines, rate_kib, again } = uplink.settings.clone();
        let rate = if rate_kib == 0 { String::new() } else { rate_kib.to_string() };
        let token = (!uplink.has_token).then(String::new);
        Self { address, room, name, token, hashes: hashes.join("\n"), rate, machines, again }
    }

    /// The settings, or why they can't be.
    fn settings(&self) -> Result<UplinkSettings, String> {
        let rate_kib = match self.rate.trim() {
            "" => 0,
            text => text.parse().map_err(|_| "the limit has to be a number of KiB".to_owned())?,
        };
        let hashes = self.hashes.split(|sign: char| sign == ',' || sign.is_whitespace());
        let settings = UplinkSettings {
            address: self.address.trim().to_owned(),
            room: self.room.trim().to_owned(),
            name: self.name.trim().to_owned(),
            hashes: hashes.filter(|hash| !hash.is_empty()).map(str::to_owned).collect(),
            machines: self.machines.clone(),
            rate_kib,
            again: self.again,
        };
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }
}

/// A change to what is in the fields. Each is made on top of the one before, drawn or not.
type Change = Box<dyn FnOnce(&mut Form)>;

impl Reducible for Form {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        let mut form = Rc::unwrap_or_clone(self);
        change(&mut form);
        Rc::new(form)
    }
}

/// What will be so once it is joined, in a sentence: the machines' names.
fn consent(machines: &Reachable, world: &World) -> String {
    let names: Vec<&str> =
        world.instances.iter().filter(|instance| machines.has(&instance.id)).map(|instance| &*instance.name).collect();
    let who = match (machines, &names[..]) {
        (Reachable::All, _) => "every machine of this browser, also ones that you launch later".to_owned(),
        (_, []) => return "No machine is chosen: nobody in the room will reach one.".to_owned(),
        (_, [one]) => (*one).to_owned(),
        (_, [others @ .., last]) => format!("{} and {last}", others.join(", ")),
    };
    format!(
        "Everybody in the room will reach all ports of {who}, and the other way round. Nothing else of this computer or its network."
    )
}

#[derive(Properties, PartialEq)]
pub(crate) struct JoinDialogProps {
    /// The one that is changed; a new one without it.
    #[prop_or_default]
    pub(crate) uplink: Option<UplinkView>,
    pub(crate) view: LanView,
    pub(crate) world: World,
    pub(crate) asker: Asker,
    pub(crate) on_close: Callback<()>,
}

/// The dialog.
#[component]
pub(crate) fn JoinDialog(props: &JoinDialogProps) -> Html {
    let form = use_reducer(|| props.uplink.as_ref().map_or_else(|| Form::new(&props.view), Form::of));
    // What nobody has written anything into yet is not complained about.
    let touched = use_state(|| props.uplink.is_some());
    let settings = form.settings();
    let change = {
        let (form, touched) = (form.dispatcher(), touched.setter());
        Callback::from(move |change: Change| {
            form.dispatch(change);
            touched.set(true);
        })
    };
    let set = |field: fn(&mut Form, String)| {
        change.reform(move |text: String| -> Change { Box::new(move |form| field(form, text)) })
    };
    let on_confirm = {
        let (settings, token) = (settings.clone(), form.token.clone());
        let (asker, close) = (props.asker.clone(), props.on_close.clone());
        let id = props.uplink.as_ref().map(|uplink| uplink.id);
        Callback::from(move |()| {
            let Ok(settings) = settings.clone() else { return };
            asker.ask(&LanAsk::Uplink(match id {
                None => UplinkAsk::Add(settings, token.clone().unwrap_or_default()),
                Some(id) => UplinkAsk::Change(id, settings, token.clone().filter(|token| !token.is_empty())),
            }));
            close.emit(());
        })
    };
    let complete = !form.address.is_empty() && !form.room.is_empty() && !form.name.is_empty();
    let objection = settings.as_ref().err().filter(|_| *touched && complete).cloned();
    let (title, confirm) = match &props.uplink {
        None => ("Join a LAN", "Join"),
        Some(_) => ("Change this uplink", "Save"),
    };
    let token_hint = match &form.token {
        None => "One is kept. It is sent to the endpoint only; what you enter takes its place.",
        Some(_) => {
            "If the room needs one. It is kept in this browser’s private storage until you forget the uplink, and sent to the endpoint only."
        }
    };
    html! {
        <FormDialog {title} {confirm} blocked={settings.is_err()} {on_confirm} on_cancel={props.on_close.clone()}
            text="An endpoint joins the LANs of all who are in the same room there. Whoever runs it can read what goes through it.">
            <TextField id="uplink-address" label="Address" value={form.address.clone()} max={UPLINK_ADDRESS_MAX} first=true
                hint="Such as https://lan.example.org:4433/lan" oninput={set(|form, text| form.address = text)} />
            <div class="pair">
                <TextField id="uplink-room" label="Room" value={form.room.clone()} max={UPLINK_NAME_MAX}
                    oninput={set(|form, text| form.room = text)} />
                <TextField id="uplink-name" label="Your LAN’s name there" value={form.name.clone()} max={UPLINK_NAME_MAX}
                    oninput={set(|form, text| form.name = text)} />
            </div>
            <TextField id="uplink-token" label="Token" value={form.token.clone().unwrap_or_default()} max={UPLINK_TOKEN_MAX}
                hint={token_hint} oninput={set(|form, text| form.token = Some(text))} />
            <TextField id="uplink-hashes" label="Certificate hash" value={form.hashes.clone()} max={HASHES_MAX}
                hint="Only for a self-made certificate: the SHA-256 hash that the endpoint prints"
                oninput={set(|form, text| form.hashes = text)} />
            <Machines machines={form.machines.clone()} world={props.world.clone()} onchange={
                change.reform(|machines| -> Change { Box::new(move |form| form.machines = machines) })
            } />
            <p class="consent" role="status">{ consent(&form.machines, &props.world) }</p>
            <TextField id="uplink-rate" label="At most, in KiB a second each way" value={form.rate.clone()} max=8 number=true
                hint="Empty: no limit" oninput={set(|form, text| form.rate = text)} />
            <CheckField label="Join again by itself" checked={form.again}
                hint="When the browser, or the LAN, was started anew. A connection that breaks off is taken up again in any case."
                onchange={change.reform(|again| -> Change { Box::new(move |form| form.again = again) })} />
            if let Some(objection) = objection { <p class="field-about bad" role="alert">{ sentence(&objection) }</p> }
        </FormDialog>
    }
}

#[derive(Properties, PartialEq)]
struct MachinesProps {
    machines: Reachable,
    world: World,
    onchange: Callback<Reachable>,
}

/// Which machines will be on it.
#[component]
fn Machines(props: &MachinesProps) -> Html {
    let all = props.machines == Reachable::All;
    let every: Vec<InstanceId> = props.world.instances.iter().map(|instance| instance.id.clone()).collect();
    let on_all = {
        let every = every.clone();
        props.onchange.reform(move |on| if on { Reachable::All } else { Reachable::Only(every.clone()) })
    };
    let tick = |id: &InstanceId, name: &str| {
        let (machines, id) = (props.machines.clone(), id.clone());
        let checked = machines.has(&id);
        let onchange = props.onchange.reform(move |on| {
            let mut ids = match &machines {
                Reachable::All => vec![],
                Reachable::Only(ids) => ids.clone(),
            };
            ids.retain(|other| *other != id);
            if on {
                ids.push(id.clone());
            }
            Reachable::Only(ids)
        });
        html! { <CheckField label={name.to_owned()} {checked} {onchange} /> }
    };
    html! {
        <fieldset class="ticks">
            <legend>{ "Machines that will be on it" }</legend>
            <CheckField label="All, also later ones" checked={all} onchange={on_all} />
            if !all {
                { for props.world.instances.iter().map(|instance| tick(&instance.id, &instance.name)) }
            }
        </fieldset>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form {
            address: " https://127.0.0.1:4433/lan ".to_owned(),
            room: "lab".to_owned(),
            name: "Ada".to_owned(),
            token: None,
            hashes: format!("{}\n,", "ab:".repeat(31) + "ab"),
            rate: "512".to_owned(),
            machines: Reachable::All,
            again: true,
        }
    }

    #[test]
    fn fields_become_settings() {
        let settings = form().settings().unwrap();
        assert_eq!((settings.address.as_str(), settings.rate_kib), ("https://127.0.0.1:4433/lan", 512));
        assert_eq!(settings.hashes.len(), 1);
        assert!(Form { rate: "much".to_owned(), ..form() }.settings().is_err());
        assert!(Form { room: String::new(), ..form() }.settings().is_err());
    }
}
