//! The console of a peer's machine, to look at and not to type into. The host page has what the other side shows (`src/host/peers/watch.rs`).

use crate::{
    stage::{DeskHandle, Stage},
    store,
    toolbar::Tabs,
    view::{FONTS, View},
};
use protocol::{InstanceId, PeerMachine};
use ui::{Logo, use_dark, use_peers, use_world};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct WatchProps {
    /// As which the host page has it.
    pub(crate) id: InstanceId,
    /// What the machine is called.
    pub(crate) name: String,
}

#[component]
pub(crate) fn Watch(props: &WatchProps) -> Html {
    let peers = use_peers();
    let view = use_reducer(|| View::new(store::font().unwrap_or(FONTS[1]), store::spoken()));
    let desk = use_state(|| None);
    let workbench = use_world();
    let dark = use_dark(workbench.world.as_ref().map(|world| world.settings.theme).unwrap_or_default());
    let signal = {
        let view = view.dispatcher();
        Callback::from(move |signal| view.dispatch(signal))
    };
    use_effect_with(props.name.clone(), |name| {
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(&format!("{name} · Watching"));
        }
    });
    let is_this = |machine: &PeerMachine| machine.watch.as_ref() == Some(&props.id);
    // Until the host page has answered, nobody knows.
    let is_shown = peers.now.as_ref().is_none_or(|now| now.peers.iter().any(|peer| peer.machines.iter().any(is_this)));
    let ready = {
        let desk = desk.setter();
        Callback::from(move |ready: DeskHandle| {
            ready.0.follow();
            desk.set(Some(ready));
        })
    };
    html! {
        <div class="console">
            <header class="bar">
                <div class="title">
                    <Logo />
                    <h1>{ &props.name }</h1>
                    <span class="title-about keep">{ "Only to look at" }</span>
                </div>
                if let Some(desk) = &*desk {
                    <Tabs desk={desk.clone()} tab={view.tab()} signal={signal.clone()} />
                }
            </header>
            if !is_shown {
                <p class="bar-problem" role="status">
                    { "This console is not shown any more: the other browser has gone, its machine has ended, or its user does not let you look." }
                </p>
            }
            <div class="room">
                <main class="main">
                    <div class="view">
                        <Stage id={props.id.clone()} view={(*view).clone()} run={Some(0)} {dark} dim={!is_shown} watch=true
                            {signal} {ready} />
                    </div>
                </main>
            </div>
        </div>
    }
}
