use crate::channel::use_lan;
use crate::diagram::Diagram;
use crate::machines::Machines;
use crate::requests::Requests;
use crate::uplinks::Uplinks;
use ui::{EmptyState, Icon, Logo, Notice, Peers, ServersButton, Tellings, WorldProvider, use_peers, use_world};
use yew::prelude::*;

/// The network page.
#[component]
pub(crate) fn Page() -> Html {
    html! { <WorldProvider><Network /></WorldProvider> }
}

#[component]
fn Network() -> Html {
    let workbench = use_world();
    let (seen, asker) = use_lan();
    let peers = use_peers();
    let view = seen.now.as_deref().cloned();
    let on_lan = view.clone().filter(|view| !(view.lines.is_empty() && view.uplinks.is_empty()));
    html! {
        <div class="page">
            <header class="head">
                <Logo />
                <h1>{ "Network" }</h1>
                <a class="button secondary small" href="../storage/index.html">{ Html::from(Icon::Disk) }{ "Storage" }</a>
                <a class="button secondary small" href="../history/index.html">{ Html::from(Icon::History) }{ "History" }</a>
                <a class="button secondary small" href="../options/index.html">{ Html::from(Icon::Settings) }{ "Options" }</a>
            </header>
            <Tellings />
            if let Some(problem) = workbench.problem.clone() {
                <Notice {problem} on_dismiss={workbench.dismissal()} />
            }
            <main>
                if let Some(world) = workbench.world.as_deref() {
                    if let Some(view) = on_lan {
                        <Diagram seen={seen.clone()} {view} world={world.clone()} peers={peers.clone()} />
                    } else {
                        <div class="panel">
                            <EmptyState title="No machine is on the LAN"
                                text="Launch one from the toolbar’s button: it is on the LAN a moment after its prompt." />
                        </div>
                    }
                    <div>
                        <Peers seen={peers.clone()} roomy=true />
                        <Help />
                    </div>
                    if !world.instances.is_empty() {
                        <Machines view={view.clone()} world={world.clone()} asker={asker.clone()} />
                    }
                    <Uplinks {seen} view={view.clone()} world={world.clone()} {asker} />
                    <Requests requests={view.map(|view| view.requests).unwrap_or_default()} world={world.clone()} />
                } else {
                    <div class="skeleton" role="status" aria-label="Loading"><div class="bone bone-section" /></div>
                }
            </main>
        </div>
    }
}

/// What joining browsers can do, and what it can't.
#[component]
fn Help() -> Html {
    html! {
        <details class="help">
            <summary>{ "No inbound ports: what this can and can’t do" }</summary>
            <ul>
                <li>{ "Two browsers speak to each other directly (WebRTC), encrypted from end to end. No server takes part, and nothing on this computer is opened to the network." }</li>
                <li>{ "Both have to reach each other: in one network, at home or in an office, they do. Across the internet most routers are in the way, unless both name a STUN server, which tells a browser how others see it, or a TURN server, which passes on what is encrypted. None is named unless you do." }</li>
                <li>{ "A peer reaches the machines that you let it, and nothing else: not the gateway, the web, this computer, your network or other peers." }</li>
                <li>{ "The four words tell whether somebody has changed the codes on their way. Compare them by voice, or face to face." }</li>
                <li>{ "It lasts as long as both browsers run; to join again takes a new code. A cable that is out for a moment does no harm." }</li>
            </ul>
            <ServersButton />
        </details>
    }
}
