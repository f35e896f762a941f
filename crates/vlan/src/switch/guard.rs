//! Who may say what: nobody but the gateway speaks as the gateway, nobody claims what is another's, and what belongs to one browser stays in it.

use super::lans::Lans;
use super::port::{Addresses, Kind, Port, PortId};
use crate::counters::DropReason;
use crate::frame::{Body, View};
use crate::plan::Plan;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// How far a frame may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// To the gateway only: DHCP, and what is about or for the gateway's address.
    Gateway,
    /// To all.
    All,
}

/// Whether a port may send this.
pub(super) fn may_send(
    ports: &BTreeMap<PortId, Port>,
    lans: &Lans,
    from: PortId,
    view: &View<'_>,
    plan: Plan,
) -> Result<Scope, DropReason> {
    let Some(port) = ports.get(&from) else { return Err(DropReason::Blocked) };
    let scope = scope(view, plan);
    match port.kind {
        Kind::Gateway => Ok(Scope::All),
        Kind::Outside => {
            // A peer whose numbers are known does not speak for another LAN, and nobody for one that is behind another port.
            let own = |address| {
                !plan.contains(address)
                    && usable(address)
                    && port.network.is_none_or(|own| own.contains(address))
                    && !lans.is_of_another(address, from)
            };
            outside(view, own, scope).map(|()| Scope::All)
        }
        Kind::Lan(own) => joined(view, own).map(|()| Scope::All),
        Kind::Machine { mac, addresses } => {
            if mac.is_some_and(|mac| mac != view.source) {
                return Err(DropReason::SourceMac);
            }
            machine(ports, from, &port.addresses, addresses, view, plan).map(|()| scope)
        }
    }
}

fn scope(view: &View<'_>, plan: Plan) -> Scope {
    let for_gateway = view.destination == plan.gateway_mac()
        || match view.body {
            Body::Arp(arp) => arp.target == plan.gateway(),
            Body::Ipv4(packet) => packet.is_dhcp() || packet.destination == plan.gateway(),
            Body::Other(_) => false,
        };
    if for_gateway { Scope::Gateway } else { Scope::All }
}

/// From a peer or an uplink. What is in our part of the address plan is ours alone.
fn outside(view: &View<'_>, own: impl Fn(Ipv4Addr) -> bool, scope: Scope) -> Result<(), DropReason> {
    match view.body {
        Body::Arp(arp) if arp.sender_mac != view.source || !own(arp.sender) => {
            return Err(DropReason::ArpSpoof);
        }
        Body::Ipv4(packet) if packet.is_dhcp() => return Err(DropReason::Crossing),
        Body::Ipv4(packet) if !own(packet.source) => {
            return Err(DropReason::Ipv4Spoof);
        }
        _ => {}
    }
    if scope == Scope::Gateway { Err(DropReason::Crossing) } else { Ok(()) }
}

/// From a LAN, at a switch between LANs. What a LAN's own switch keeps in is not let through here either, should it come.
fn joined(view: &View<'_>, own: Plan) -> Result<(), DropReason> {
    let of_own = |address: Ipv4Addr| own.contains(address) && address != own.gateway();
    let crossing = match view.body {
        Body::Arp(arp) if arp.sender_mac != view.source || !of_own(arp.sender) => return Err(DropReason::ArpSpoof),
        Body::Ipv4(packet) if packet.is_dhcp() => true,
        Body::Ipv4(packet) if !of_own(packet.source) => return Err(DropReason::Ipv4Spoof),
        Body::Arp(arp) => Plan::is_gateway(arp.target),
        Body::Ipv4(packet) => Plan::is_gateway(packet.destination),
        Body::Other(_) => false,
    };
    if crossing { Err(DropReason::Crossing) } else { Ok(()) }
}

fn machine(
    ports: &BTreeMap<PortId, Port>,
    from: PortId,
    own: &[Ipv4Addr],
    rule: Addresses,
    view: &View<'_>,
    plan: Plan,
) -> Result<(), DropReason> {
    let allowed = |address: Ipv4Addr| {
        own.contains(&address)
            || (rule == Addresses::Unclaimed && own.is_empty() && unclaimed(ports, from, address, plan))
    };
    match view.body {
        // A message without a sender's address claims nothing (a probe, RFC 5227).
        Body::Arp(arp) => {
            let fits = arp.sender_mac == view.source && (arp.sender.is_unspecified() || allowed(arp.sender));
            if fits { Ok(()) } else { Err(DropReason::ArpSpoof) }
        }
        Body::Ipv4(packet) if packet.is_dhcp_answer() => Err(DropReason::DhcpServer),
        Body::Ipv4(packet) => {
            // What a client says to the DHCP server goes to nobody else, so it may come from an address that the LAN has forgotten: else a
            // machine that outlived its lease's record could never renew it.
            let fits = packet.is_dhcp_request() || (!packet.source.is_unspecified() && allowed(packet.source));
            if fits { Ok(()) } else { Err(DropReason::Ipv4Spoof) }
        }
        Body::Other(_) => Ok(()),
    }
}

/// An address that a station can have on this link.
fn usable(address: Ipv4Addr) -> bool {
    Plan::on_link(address) && address != Plan::broadcast()
}

fn unclaimed(ports: &BTreeMap<PortId, Port>, from: PortId, address: Ipv4Addr, plan: Plan) -> bool {
    usable(address)
        && address != plan.gateway()
        && !ports.iter().any(|(id, port)| *id != from && port.addresses.contains(&address))
}
