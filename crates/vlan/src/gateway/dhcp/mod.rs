//! The DHCP server (RFC 2131). What a client says of itself beyond its hardware address is not believed: its name is the one that the user
//! gave the machine.

mod leases;
pub mod message;
#[cfg(test)]
mod tests;

pub use leases::Lease;
pub(super) use leases::{Client, Leases};

use crate::plan::Plan;
use message::{Request, Route, option};
use smoltcp::wire::{DhcpMessageType, DhcpOption, DhcpRepr};
use std::net::Ipv4Addr;
use std::time::Duration;

/// What machines are told with their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpConfig {
    /// How long a lease is said to hold, in seconds. Half of it passes before a machine asks again.
    pub lease_seconds: u32,
    /// Option 26: how long packets may be, in bytes, without the Ethernet header.
    pub mtu: u16,
    /// Option 15, and what names end with.
    pub domain: String,
    /// Option 121, for clients that ask for it, beside the route to everywhere.
    pub routes: Vec<Route>,
}

/// What is to be sent, and what has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The message.
    pub(super) bytes: Vec<u8>,
    /// The IPv4 address that it goes to. The hardware address is always the client's.
    pub(super) to: Ipv4Addr,
}

/// What a message has led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) answer: Option<Answer>,
    /// Whether the client has another address than before, or none any more.
    pub(super) changed: bool,
}

impl Outcome {
    const NOTHING: Outcome = Outcome { answer: None, changed: false };
}

/// The server.
#[derive(Debug)]
pub(super) struct Dhcp {
    plan: Plan,
    config: DhcpConfig,
    pub(super) leases: Leases,
}

impl Dhcp {
    pub(super) fn new(plan: Plan, config: DhcpConfig, kept: Vec<Lease>) -> Dhcp {
        Dhcp { plan, config, leases: Leases::new(plan, kept) }
    }

    /// A message of a client whose Ethernet address is `client.mac`.
    pub(super) fn input(&mut self, client: Client<'_>, bytes: &[u8], now: Duration) -> Outcome {
        let Some(request) = message::parse(bytes).filter(|request| request.mac == client.mac) else {
            return Outcome::NOTHING;
        };
        match request.kind {
            DhcpMessageType::Discover => {
                let offered = self.leases.offer(client, request.requested, now);
                let answer = offered.and_then(|address| self.grant(DhcpMessageType::Offer, &request, client, address));
                Outcome { answer, changed: false }
            }
            DhcpMessageType::Request => self.request(&request, client, now),
            DhcpMessageType::Inform => Outcome {
                answer: self.grant(DhcpMessageType::Ack, &request, client, Ipv4Addr::UNSPECIFIED),
                changed: false,
            },
            DhcpMessageType::Release => Outcome { answer: None, changed: self.leases.release(client, request.client) },
            DhcpMessageType::Decline => {
                let declined = request.requested.is_some_and(|address| self.leases.decline(client, address, now));
                Outcome { answer: None, changed: declined }
            }
            _ => Outcome::NOTHING,
        }
    }

    /// The four situations of a REQUEST (RFC 2131, section 4.3.2), which its fields tell apart.
    fn request(&mut self, request: &Request, client: Client<'_>, now: Duration) -> Outcome {
        if request.server.is_some_and(|server| server != self.plan.gateway()) {
            return Outcome::NOTHING;
        }
        let has = Some(request.client).filter(|address| !address.is_unspecified());
        let Some(address) = request.requested.or(has) else { return Outcome::NOTHING };
        let before = self.leases.held_by(client.port);
        if self.leases.take(client, address, request.server.is_some(), now) {
            let changed = self.leases.held_by(client.port) != before;
            Outcome { answer: self.grant(DhcpMessageType::Ack, request, client, address), changed }
        } else {
            Outcome { answer: self.refuse(request), changed: false }
        }
    }

    fn grant(&self, kind: DhcpMessageType, request: &Request, client: Client<'_>, address: Ipv4Addr) -> Option<Answer> {
        let gateway = self.plan.gateway();
        let leased = !address.is_unspecified();
        let seconds = self.config.lease_seconds;
        let (renewal, rebinding) = ((seconds / 2).to_be_bytes(), (seconds - seconds / 8).to_be_bytes());
        let (server, broadcast) = (gateway.octets(), Plan::broadcast().octets());
        let mtu = self.config.mtu.to_be_bytes();
        let everywhere = ((Ipv4Addr::UNSPECIFIED, 0), gateway);
        let routes: Vec<Route> = [everywhere].into_iter().chain(self.config.routes.iter().copied()).collect();
        let routes = message::classless(&routes);
        let mut options = vec![
            DhcpOption { kind: option::MTU, data: &mtu },
            DhcpOption { kind: option::BROADCAST, data: &broadcast },
            DhcpOption { kind: option::DOMAIN_NAME, data: self.config.domain.as_bytes() },
            DhcpOption { kind: option::NTP, data: &server },
        ];
        if !client.name.is_empty() {
            options.push(DhcpOption { kind: option::HOST_NAME, data: client.name.as_bytes() });
        }
        if leased {
            options.push(DhcpOption { kind: option::RENEWAL, data: &renewal });
            options.push(DhcpOption { kind: option::REBINDING, data: &rebinding });
        }
        // A client that gets this must ignore the router option (RFC 3442), so the route to everywhere is in it too.
        if request.wants_routes {
            options.push(DhcpOption { kind: option::CLASSLESS_ROUTES, data: &routes });
        }
        let repr = DhcpRepr {
            your_ip: address,
            router: Some(gateway),
            subnet_mask: Some(Plan::netmask()),
            dns_servers: Some([gateway].into_iter().collect()),
            lease_duration: leased.then_some(seconds),
            ..self.blank(kind, request, &options)
        };
        let to = match (request.client.is_unspecified(), request.broadcast) {
            (false, _) => request.client,
            (true, true) => Ipv4Addr::BROADCAST,
            (true, false) => address,
        };
        Some(Answer { bytes: message::emit(&repr)?, to })
    }

    fn refuse(&self, request: &Request) -> Option<Answer> {
        let options = [DhcpOption { kind: option::MESSAGE, data: b"this address is not for this machine on this LAN" }];
        let repr = self.blank(DhcpMessageType::Nak, request, &options);
        Some(Answer { bytes: message::emit(&repr)?, to: Ipv4Addr::BROADCAST })
    }

    fn blank<'a>(&self, kind: DhcpMessageType, request: &Request, options: &'a [DhcpOption<'a>]) -> DhcpRepr<'a> {
        let inform = kind == DhcpMessageType::Ack;
        DhcpRepr {
            message_type: kind,
            transaction_id: request.transaction,
            secs: 0,
            client_hardware_address: request.mac.into(),
            client_ip: if inform { request.client } else { Ipv4Addr::UNSPECIFIED },
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: request.broadcast,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(self.plan.gateway()),
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: options,
        }
    }

    pub(super) fn domain(&self) -> &str {
        &self.config.domain
    }
}
