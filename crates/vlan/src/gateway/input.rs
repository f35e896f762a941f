//! What comes to the gateway, by protocol.

use super::machine::{Machine, Services};
use super::packet::{Envelope, arp_reply};
use super::tcp::Purpose;
use super::{Event, Gateway, dns, ntp};
use crate::frame::{self, Arp, Body, HEADER, Ipv4, View};
use crate::plan::Plan;
use crate::switch::PortId;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DNS: u16 = 53;
const NTP: u16 = 123;
/// A name that a machine may not look up is told again after this time only.
const SAME_NAME: Duration = Duration::from_secs(10);
/// How much of a packet an ICMP error quotes: the header, and enough for its sender to find whose it was (RFC 1122, section 3.2.2).
const QUOTE: usize = 64;

/// Where a frame's IPv4 packet goes.
pub(super) fn destination(frame: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Packet::new_checked(frame.get(HEADER..)?).ok()?.dst_addr())
}

/// Whom a connection to this place is for.
fn purpose(services: &Services, plan: Plan, local: SocketAddrV4) -> Option<Purpose> {
    let here = *local.ip() == plan.gateway();
    if local.port() == DNS {
        return Some(Purpose::Names);
    }
    let ports = if here { &services.gateway } else { &services.caught };
    ports.contains(&local.port()).then_some(Purpose::Service)
}

impl Gateway {
    /// A frame that a machine sent, as the switch let it pass.
    pub fn input(&mut self, from: PortId, bytes: &[u8], now: Duration) {
        let Ok(view) = frame::check(bytes, frame::LONGEST) else { return };
        let Some(machine) = self.machines.get_mut(&from) else { return };
        match view.body {
            Body::Arp(arp) => {
                machine.heard(arp.sender, arp.sender_mac);
                self.arp(&view, arp);
            }
            Body::Ipv4(packet) => {
                machine.heard(packet.source, view.source);
                self.ipv4(from, &view, &packet, now);
            }
            Body::Other(_) => {}
        }
    }

    fn arp(&mut self, view: &View<'_>, arp: Arp) {
        let plan = self.config.plan;
        if arp.request && arp.target == plan.gateway() {
            self.output.push_back(arp_reply(plan.gateway_mac(), plan.gateway(), view.source, arp.sender));
        }
    }

    fn ipv4(&mut self, from: PortId, view: &View<'_>, packet: &Ipv4<'_>, now: Duration) {
        // Pieces of packets are not put together: nothing that the gateway does needs packets longer than the link takes.
        let whole = Ipv4Packet::new_unchecked(packet.packet);
        if packet.fragment || !whole.verify_checksum() {
            return;
        }
        match IpProtocol::from(packet.protocol) {
            IpProtocol::Udp => self.udp(from, view, packet, &whole, now),
            IpProtocol::Icmp if packet.destination == self.config.plan.gateway() => self.echo(view, packet, &whole),
            IpProtocol::Icmp => self.unreachable(view, packet, Icmpv4DstUnreachable::CommProhibited),
            IpProtocol::Tcp => self.tcp(from, packet, now),
            _ => self.unreachable(view, packet, Icmpv4DstUnreachable::ProtoUnreachable),
        }
    }

    /// Whether the gateway answers in the place of this address: itself, and everything that is not on the link.
    fn mine(&self, address: Ipv4Addr) -> bool {
        let foreign = !Plan::on_link(address)
            && !address.is_multicast()
            && !address.is_broadcast()
            && !address.is_loopback()
            && !address.is_unspecified()
            && address.octets()[0] < 240
            && address.octets()[0] != 0;
        address == self.config.plan.gateway() || foreign
    }

    fn tcp(&mut self, from: PortId, packet: &Ipv4<'_>, now: Duration) {
        if !self.mine(packet.destination) {
            return;
        }
        let (services, plan) = (&self.config.services, self.config.plan);
        if let Some(machine) = self.machines.get_mut(&from) {
            machine.stack.input(packet, |local| purpose(services, plan, local), now);
        }
        self.send_packets(from);
    }

    fn udp(&mut self, from: PortId, view: &View<'_>, packet: &Ipv4<'_>, whole: &Ipv4Packet<&[u8]>, now: Duration) {
        let Ok(datagram) = UdpPacket::new_checked(whole.payload()) else { return };
        let (source, destination) = (packet.source.into(), packet.destination.into());
        let Ok(ports) = UdpRepr::parse(&datagram, &source, &destination, &ChecksumCapabilities::default()) else {
            return;
        };
        if ports.dst_port == DHCP_SERVER {
            return self.dhcp(from, view, datagram.payload(), now);
        }
        if !self.mine(packet.destination) {
            return;
        }
        let answer = match ports.dst_port {
            DNS => self.names(from, datagram.payload(), now),
            NTP => ntp::respond(datagram.payload(), self.unix_zero.map(|zero| zero + now)),
            _ => {
                let here = packet.destination == self.config.plan.gateway();
                let why =
                    if here { Icmpv4DstUnreachable::PortUnreachable } else { Icmpv4DstUnreachable::CommProhibited };
                return self.unreachable(view, packet, why);
            }
        };
        if let Some(answer) = answer {
            let frame = self.reply(view, packet).udp(ports.dst_port, ports.src_port, &answer);
            self.output.push_back(frame);
        }
    }

    fn reply(&self, view: &View<'_>, packet: &Ipv4<'_>) -> Envelope {
        Envelope {
            from: self.config.plan.gateway_mac(),
            to: view.source,
            source: packet.destination,
            destination: packet.source,
        }
    }

    fn dhcp(&mut self, from: PortId, view: &View<'_>, message: &[u8], now: Duration) {
        let Some(machine) = self.machines.get(&from) else { return };
        let client = Gateway::client(machine, from, view.source);
        let outcome = self.dhcp.input(client, message, now);
        if outcome.changed {
            self.tell_addresses(from);
            if let Some(lease) = self.dhcp.leases.of(view.source) {
                self.events.push_back(Event::Leased(lease));
            }
        }
        if let Some(answer) = outcome.answer {
            let plan = self.config.plan;
            let envelope =
                Envelope { from: plan.gateway_mac(), to: view.source, source: plan.gateway(), destination: answer.to };
            self.output.push_back(envelope.udp(DHCP_SERVER, DHCP_CLIENT, &answer.bytes));
        }
    }

    /// The answer to a question of a machine to the name server.
    pub(super) fn names(&mut self, from: PortId, question: &[u8], now: Duration) -> Option<Vec<u8>> {
        let Machine { outside, pool, refused, .. } = self.machines.get_mut(&from)?;
        let mut context = dns::Context {
            plan: self.config.plan,
            domain: self.dhcp.domain(),
            leases: &self.dhcp.leases,
            others: &self.others,
            outside,
            pool,
            now,
            refused: None,
        };
        let answer = dns::respond(&mut context, question);
        // Clients ask several times, and some without end.
        if let Some(name) = context.refused
            && !refused.as_ref().is_some_and(|(known, at)| *known == name && now.saturating_sub(*at) < SAME_NAME)
        {
            *refused = Some((name.clone(), now));
            self.events.push_back(Event::NameRefused { port: from, name });
        }
        answer
    }

    fn echo(&mut self, view: &View<'_>, packet: &Ipv4<'_>, whole: &Ipv4Packet<&[u8]>) {
        let Ok(message) = Icmpv4Packet::new_checked(whole.payload()) else { return };
        let Ok(Icmpv4Repr::EchoRequest { ident, seq_no, data }) =
            Icmpv4Repr::parse(&message, &ChecksumCapabilities::default())
        else {
            return;
        };
        let frame = self.reply(view, packet).icmp(&Icmpv4Repr::EchoReply { ident, seq_no, data });
        self.output.push_back(frame);
    }

    /// Says that a packet can't go where it wants to, so that its sender need not wait for an answer.
    fn unreachable(&mut self, view: &View<'_>, packet: &Ipv4<'_>, reason: Icmpv4DstUnreachable) {
        let whole = Ipv4Packet::new_unchecked(packet.packet);
        let error = IpProtocol::from(packet.protocol) == IpProtocol::Icmp
            && whole.payload().first().is_none_or(|kind| !matches!(kind, 8 | 13));
        // Errors are never about errors, nor to what is no station (RFC 1122, section 3.2.2).
        if error || packet.source.is_unspecified() || !self.mine(packet.destination) {
            return;
        }
        let Ok(header) = Ipv4Repr::parse(&whole, &ChecksumCapabilities::default()) else { return };
        let payload = whole.payload();
        let data = &payload[..payload.len().min(QUOTE)];
        let frame = self.reply(view, packet).icmp(&Icmpv4Repr::DstUnreachable { reason, header, data });
        self.output.push_back(frame);
    }
}
