use super::reason::not_settled;
use crate::view::{Hint, Signal};
use protocol::{ImportWhat, Instance};
use ui::{PageDrop, use_world};
use web_sys::File;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct DropProps {
    pub(crate) instance: Instance,
    pub(crate) signal: Callback<Signal>,
}

/// An archive that is dropped anywhere on the console goes into the workspace; the panel shows how far it is.
#[component]
pub(crate) fn Drop(props: &DropProps) -> Html {
    let workbench = use_world();
    let instance = &props.instance;
    let text = not_settled(instance).is_none().then(|| {
        AttrValue::from(format!("Drop a tar or zip archive to unpack it into the workspace of {}", instance.name))
    });
    let on_file =
        use_callback((instance.id.clone(), props.signal.clone(), workbench), |file: File, (id, signal, workbench)| {
            signal.emit(Signal::ShowDisks);
            let signal = signal.clone();
            workbench.import(ImportWhat::Workspace(id.clone()), file, move |answer| {
                if let Err(problem) = answer {
                    signal.emit(Signal::Say(Hint { text: problem.message, bad: true }));
                }
            });
        });
    html! { <PageDrop {text} {on_file} /> }
}
