//! The LAN as a picture: the gateway, and every machine on it with what goes over its line.

use crate::channel::Seen;
use crate::rates::{rates, shown, uplink_rates};
use crate::uplinks::{host, state_class, state_words};
use protocol::{Confined, LanLine, LanView, PeerStage, PeerView, UplinkView, World};
use ui::{Icon, PeersSeen, StateGlyph};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct DiagramProps {
    pub(crate) seen: Seen,
    pub(crate) view: LanView,
    pub(crate) world: World,
    pub(crate) peers: PeersSeen,
}

/// The picture. It is a list, too: the gateway first, then the machines, the peers, and the uplinks.
#[component]
pub(crate) fn Diagram(props: &DiagramProps) -> Html {
    let DiagramProps { view, .. } = props;
    html! {
        <section class="section" aria-labelledby="lan">
            <h2 id="lan">{ "LAN of this browser" }</h2>
            <div class="panel diagram">
                <div class="node gateway" role="group" aria-label="Gateway">
                    <strong>{ "Gateway" }</strong>
                    <code>{ &view.gateway }</code>
                    <small>{ format!("{}, packets of {} bytes", view.gateway_mac, view.mtu) }</small>
                </div>
                <ul class="nodes" aria-label="Machines, peers and uplinks on the LAN">
                    { for view.lines.iter().map(|line| node(props, line)) }
                    { for props.peers.now.iter().flat_map(|view| &view.peers).filter_map(|one| peer(props, one)) }
                    { for view.uplinks.iter().map(|uplink| far(props, uplink)) }
                </ul>
            </div>
        </section>
    }
}

fn node(props: &DiagramProps, line: &LanLine) -> Html {
    let instance = props.world.instance(&line.id);
    let name = instance.map_or_else(|| line.id.to_string(), |instance| instance.name.clone());
    let rates = rates(&props.seen, &line.id);
    let busy = rates.sent + rates.received > 0;
    let class = classes!("node", "machine", (line.confined != Confined::Free).then_some("confined"));
    html! {
        <li key={line.id.to_string()} {class} aria-label={name.clone()}>
            <span class={classes!("cable", busy.then_some("busy"))} />
            <strong>
                if let Some(instance) = instance { <StateGlyph state={instance.state} /> }
                { name }
            </strong>
            <code>{ line.addresses.first().cloned().unwrap_or_else(|| "no address yet".to_owned()) }</code>
            <small class="number">{ format!("↑ {}  ↓ {}", shown(rates.sent), shown(rates.received)) }</small>
            { match line.confined {
                Confined::Free => Html::default(),
                Confined::Isolated => html! { <small class="warn">{ "Isolated" }</small> },
                Confined::Blocked => html! { <small class="warn">{ "Blocked" }</small> },
            } }
        </li>
    }
}

/// Another browser that is joined.
fn peer(props: &DiagramProps, peer: &PeerView) -> Option<Html> {
    let broken = match peer.stage {
        PeerStage::Joined => false,
        PeerStage::Broken => true,
        _ => return None,
    };
    let name = peer.name.clone().unwrap_or_default();
    let (to, from) = props.peers.rates(&peer.id);
    let class = classes!("node", "machine", "outside", (broken || peer.rule.muted).then_some("confined"));
    let rtt = peer.rtt_us.map(|micros| format!("  ⇄ {:.1} ms", f64::from(micros) / 1000.0)).unwrap_or_default();
    Some(html! {
        <li key={peer.id.to_string()} {class} aria-label={format!("Peer {name}")}>
            <span class={classes!("cable", (to + from > 0).then_some("busy"))} />
            <strong>{ name }</strong>
            <code>{ peer.network.clone().unwrap_or_default() }</code>
            <small class="number">{ format!("↑ {}  ↓ {}{rtt}", shown(to), shown(from)) }</small>
            if broken { <small class="warn">{ "No answer" }</small> }
            if peer.rule.muted { <small class="warn">{ "Muted" }</small> }
        </li>
    })
}

/// LANs that are joined through an endpoint.
fn far(props: &DiagramProps, uplink: &UplinkView) -> Html {
    let rates = uplink_rates(&props.seen, uplink.id);
    let busy = rates.sent + rates.received > 0;
    let name = format!("{} at {}", uplink.settings.room, host(uplink));
    let others = match uplink.members.len() {
        1 => "1 other LAN".to_owned(),
        count => format!("{count} other LANs"),
    };
    html! {
        <li key={format!("uplink-{}", uplink.id.0)} class="node machine far" aria-label={name}>
            <span class={classes!("cable", busy.then_some("busy"))} />
            <strong>{ Html::from(Icon::Network) }{ &uplink.settings.room }</strong>
            <code>{ host(uplink) }</code>
            <small class={state_class(uplink)}>{ state_words(uplink) }</small>
            <small class="number">{ format!("{others}, ↑ {}  ↓ {}", shown(rates.sent), shown(rates.received)) }</small>
        </li>
    }
}
