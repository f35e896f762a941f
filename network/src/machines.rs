//! Every machine: its addresses, what was counted, what it may reach, and captures.

use crate::access::{AccessDialog, words};
use crate::channel::Asker;
use crate::port::PortDialog;
use protocol::{Confined, Instance, LanAsk, LanLine, LanView, World};
use ui::{Button, Icon, Menu, MenuItem, bytes};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct MachinesProps {
    pub(crate) view: Option<LanView>,
    pub(crate) world: World,
    pub(crate) asker: Option<Asker>,
}

/// A table of all machines.
#[component]
pub(crate) fn Machines(props: &MachinesProps) -> Html {
    let row = |instance: &Instance| {
        let lines = props.view.iter().flat_map(|view| &view.lines);
        let line = lines.into_iter().find(|line| line.id == instance.id).cloned();
        html! { <Machine key={instance.id.to_string()} instance={instance.clone()} {line} asker={props.asker.clone()} /> }
    };
    html! {
        <section class="section" aria-labelledby="machines">
            <h2 id="machines">{ "Machines" }</h2>
            <div class="panel scroll" role="region" aria-labelledby="machines" tabindex="0">
                <table>
                    <thead><tr>
                        <th scope="col">{ "Machine" }</th><th scope="col">{ "Address" }</th>
                        <th scope="col">{ "Sent" }</th><th scope="col">{ "Received" }</th>
                        <th scope="col">{ "Dropped" }</th><th scope="col">{ "May reach" }</th>
                        <th scope="col">{ "Actions" }</th>
                    </tr></thead>
                    <tbody>{ for props.world.instances.iter().map(row) }</tbody>
                </table>
            </div>
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct MachineProps {
    instance: Instance,
    line: Option<LanLine>,
    asker: Option<Asker>,
}

#[component]
fn Machine(props: &MachineProps) -> Html {
    let changing = use_state(|| false);
    let opening = use_state(|| false);
    let set = |which: &UseStateHandle<bool>, to: bool| {
        let which = which.setter();
        Callback::from(move |()| which.set(to))
    };
    let Instance { name, access, .. } = &props.instance;
    html! {
        <tr>
            <th scope="row">{ name }</th>
            { counted(props.line.as_ref()) }
            <td>{ words(access) }</td>
            <td>
                <div class="actions">
                    <Button label="Change…" name={format!("Change… what {name} may reach")} class="small"
                        onclick={set(&changing, true).reform(|_| ())} />
                    if let (Some(line), Some(asker)) = (&props.line, &props.asker) {
                        <Button label="Open port…" name={format!("Open a port of {name}…")} class="small"
                            onclick={set(&opening, true).reform(|_| ())} />
                        <Capture name={name.clone()} line={line.clone()} asker={asker.clone()} />
                        { confine(name, line, asker) }
                    }
                </div>
                if *changing {
                    <AccessDialog instance={props.instance.clone()} on_close={set(&changing, false)} />
                }
                if *opening {
                    <PortDialog instance={props.instance.clone()} on_close={set(&opening, false)} />
                }
            </td>
        </tr>
    }
}

/// The cells with addresses and counters.
fn counted(line: Option<&LanLine>) -> Html {
    let Some(line) = line else {
        return html! { <td class="soft" colspan="4">{ "Not on the LAN" }</td> };
    };
    let amount =
        |(frames, size): (u64, u64)| html! { <>{ bytes(size) }<small>{ format!("{frames} frames") }</small></> };
    let why: Vec<String> = line.dropped.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let dropped: u64 = line.dropped.iter().map(|(_, count)| count).sum::<u64>() + line.missed;
    let missed = (line.missed > 0).then(|| format!("{} too fast for it", line.missed));
    let why: Vec<String> = why.into_iter().chain(missed).collect();
    let way = if line.shares_memory { "through shared memory" } else { "by messages" };
    html! {
        <>
            <td><code>{ line.addresses.join(" ") }</code><small><code>{ &line.mac }</code></small><small>{ way }</small></td>
            <td class="number">{ amount(line.sent) }</td>
            <td class="number">{ amount(line.received) }</td>
            <td class="number">{ dropped.to_string() }<small>{ why.join(", ") }</small></td>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct CaptureProps {
    name: String,
    line: LanLine,
    asker: Asker,
}

/// Begins and ends a capture, and saves it as a file.
#[component]
fn Capture(props: &CaptureProps) -> Html {
    let CaptureProps { name, line, asker } = props;
    let ask = |ask: LanAsk| {
        let asker = asker.clone();
        Callback::from(move |_: MouseEvent| asker.ask(&ask))
    };
    match line.captured {
        None => html! {
            <Button label="Capture" name={format!("Capture {name}")} class="small"
                onclick={ask(LanAsk::Capture(line.id.clone(), true))} />
        },
        Some(frames) => html! {
            <>
                <Button label={format!("Save {frames} frames")} name={format!("Save {frames} frames of {name}")}
                    icon={Icon::Export} class="small" onclick={ask(LanAsk::Captured(line.id.clone()))} />
                <Button label="End capture" name={format!("End capture of {name}")} icon={Icon::Stop} class="small"
                    onclick={ask(LanAsk::Capture(line.id.clone(), false))} />
            </>
        },
    }
}

fn confine(name: &str, line: &LanLine, asker: &Asker) -> Html {
    let item = |label: &str, detail: &str, to: Confined| {
        let (asker, id) = (asker.clone(), line.id.clone());
        MenuItem {
            label: label.to_owned().into(),
            detail: Some(detail.to_owned().into()),
            name: None,
            icon: (line.confined == to).then_some(Icon::Check),
            danger: false,
            onselect: Callback::from(move |()| asker.ask(&LanAsk::Confine(id.clone(), to))),
        }
    };
    let items = vec![
        item("Free", "All machines and the gateway", Confined::Free),
        item("Isolate", "The gateway only, until it is started again", Confined::Isolated),
        item("Block", "Nobody, until it is started again", Confined::Blocked),
    ];
    html! { <Menu label={format!("Whom {name} may reach on the LAN")} icon={Icon::More} {items} /> }
}
