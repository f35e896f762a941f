//! DHCP messages (RFC 2131, section 2; options: RFC 2132, RFC 3442).

use crate::mac::Mac;
use smoltcp::wire::{DhcpFlags, DhcpMessageType, DhcpOpCode, DhcpOption, DhcpPacket, DhcpRepr};
use std::net::Ipv4Addr;

/// What follows the fixed part of a message that has options.
const MAGIC: u32 = 0x6382_5363;

/// The numbers of the options that the gateway sends beside those that every server does.
pub(super) mod option {
    pub(in crate::gateway) const HOST_NAME: u8 = 12;
    pub(in crate::gateway) const DOMAIN_NAME: u8 = 15;
    pub(in crate::gateway) const MTU: u8 = 26;
    pub(in crate::gateway) const BROADCAST: u8 = 28;
    pub(in crate::gateway) const NTP: u8 = 42;
    pub(in crate::gateway) const REQUESTED_IP: u8 = 50;
    pub(in crate::gateway) const MESSAGE_TYPE: u8 = 53;
    pub(in crate::gateway) const SERVER: u8 = 54;
    pub(in crate::gateway) const PARAMETERS: u8 = 55;
    pub(in crate::gateway) const MESSAGE: u8 = 56;
    pub(in crate::gateway) const RENEWAL: u8 = 58;
    pub(in crate::gateway) const REBINDING: u8 = 59;
    pub(in crate::gateway) const CLASSLESS_ROUTES: u8 = 121;
}

/// What a client asks, as far as the server minds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What kind of message it is.
    pub kind: DhcpMessageType,
    /// The number that the answer repeats.
    pub transaction: u32,
    /// The hardware address that the client says to have.
    pub mac: Mac,
    /// Whether it wants to be answered by a broadcast.
    pub broadcast: bool,
    /// The address that it has, or zero.
    pub client: Ipv4Addr,
    /// The address that it would like to have.
    pub requested: Option<Ipv4Addr>,
    /// The server that it speaks to.
    pub server: Option<Ipv4Addr>,
    /// Whether it wants to be told of routes with any prefix.
    pub wants_routes: bool,
}

/// Takes a client's message apart; `None` if it is none, or came by way of a relay, of which there are none on this LAN.
pub fn parse(bytes: &[u8]) -> Option<Request> {
    let packet = DhcpPacket::new_checked(bytes).ok()?;
    let ethernet = packet.hardware_type() == smoltcp::wire::ArpHardware::Ethernet && packet.hardware_len() == 6;
    if packet.opcode() != DhcpOpCode::Request
        || !ethernet
        || packet.magic_number() != MAGIC
        || !packet.relay_agent_ip().is_unspecified()
    {
        return None;
    }
    let mut request = Request {
        kind: DhcpMessageType::Unknown(0),
        transaction: packet.transaction_id(),
        mac: packet.client_hardware_address().into(),
        broadcast: packet.flags().contains(DhcpFlags::BROADCAST),
        client: packet.client_ip(),
        requested: None,
        server: None,
        wants_routes: false,
    };
    let address = |data: &[u8]| <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from);
    for DhcpOption { kind, data } in packet.options() {
        match kind {
            option::MESSAGE_TYPE => request.kind = DhcpMessageType::from(*data.first()?),
            option::REQUESTED_IP => request.requested = address(data),
            option::SERVER => request.server = address(data),
            option::PARAMETERS => request.wants_routes = data.contains(&option::CLASSLESS_ROUTES),
            _ => {}
        }
    }
    Some(request)
}

/// What kind of message a server has sent, and the address in it.
pub fn answer_kind(bytes: &[u8]) -> Option<(DhcpMessageType, Ipv4Addr)> {
    let packet = DhcpPacket::new_checked(bytes).ok()?;
    let kind = packet.options().find(|option| option.kind == option::MESSAGE_TYPE)?;
    Some((DhcpMessageType::from(*kind.data.first()?), packet.your_ip()))
}

/// A route: where to, by way of whom.
pub type Route = ((Ipv4Addr, u8), Ipv4Addr);

/// Routes as option 121 has them: the prefix's length, as many bytes of the destination as it covers, the router (RFC 3442).
pub(super) fn classless(routes: &[Route]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for ((destination, prefix), router) in routes {
        let significant = usize::from(prefix.div_ceil(8)).min(4);
        bytes.push((*prefix).min(32));
        bytes.extend_from_slice(&destination.octets()[..significant]);
        bytes.extend_from_slice(&router.octets());
    }
    bytes
}

/// Writes a message.
pub(super) fn emit(repr: &DhcpRepr<'_>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&mut DhcpPacket::new_unchecked(&mut bytes[..])).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_classless_route_has_no_more_bytes_than_its_prefix() {
        let router = Ipv4Addr::new(10, 1, 2, 1);
        let routes = [(([0; 4].into(), 0), router), (([172, 16, 0, 0].into(), 12), router)];
        assert_eq!(classless(&routes), [0, 10, 1, 2, 1, 12, 172, 16, 10, 1, 2, 1]);
    }
}
