//! Frames as text, a line for each: for people, and for tests that compare a whole session.

use super::Way;
use crate::frame::{self, Arp, Body, Ipv4};
use crate::gateway::dhcp::message as dhcp;
use crate::gateway::dns::message as dns;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};
use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

/// The newest lines about a port.
#[derive(Debug)]
pub struct Tracer {
    lines: VecDeque<String>,
    max: usize,
}

impl Tracer {
    /// A tracer that keeps so many lines.
    pub fn new(max: usize) -> Tracer {
        Tracer { lines: VecDeque::new(), max }
    }

    pub(crate) fn record(&mut self, way: Way, frame: &[u8], now: Duration) {
        let arrow = if way == Way::In { ">" } else { "<" };
        if self.lines.len() >= self.max {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{:8.3} {arrow} {}", now.as_secs_f64(), describe(frame)));
    }

    /// The lines, the oldest first: seconds, `>` for what the machine sends and `<` for what it gets, and the frame.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// A frame as one line.
pub fn describe(bytes: &[u8]) -> String {
    match frame::check(bytes, frame::LONGEST) {
        Err(why) => format!("{why:?} frame of {} bytes", bytes.len()),
        Ok(view) => match view.body {
            Body::Arp(Arp { request: true, sender, target, .. }) => format!("ARP who has {target}, tell {sender}"),
            Body::Arp(Arp { sender, sender_mac, .. }) => format!("ARP {sender} is at {sender_mac}"),
            Body::Ipv4(packet) => ipv4(&packet),
            Body::Other(kind) => format!("{} > {} type {kind:04x}", view.source, view.destination),
        },
    }
}

fn ipv4(packet: &Ipv4<'_>) -> String {
    let ends = format!("{} > {}", packet.source, packet.destination);
    let Ok(whole) = Ipv4Packet::new_checked(packet.packet) else { return ends };
    let payload = whole.payload();
    if packet.fragment {
        return format!("{ends} fragment at {} of {} bytes", whole.frag_offset(), payload.len());
    }
    let inner = match IpProtocol::from(packet.protocol) {
        IpProtocol::Udp => udp(payload),
        IpProtocol::Tcp => tcp(payload),
        IpProtocol::Icmp => icmp(payload),
        _ => None,
    };
    format!("{ends} {}", inner.unwrap_or_else(|| format!("protocol {} of {} bytes", packet.protocol, payload.len())))
}

fn udp(payload: &[u8]) -> Option<String> {
    let packet = UdpPacket::new_checked(payload).ok()?;
    let ports = (packet.src_port(), packet.dst_port());
    let inside = match ports {
        (68, 67) => dhcp::parse(packet.payload()).map(|request| {
            let wish = request.requested.map(|address| format!(" for {address}")).unwrap_or_default();
            format!("DHCP {:?}{wish}", request.kind)
        }),
        (67, 68) => dhcp::answer_kind(packet.payload()).map(|(kind, address)| format!("DHCP {kind:?} {address}")),
        (_, 53) => dns::parse(packet.payload()).ok().map(|query| format!("DNS type {} of {}", query.kind, query.name)),
        (53, _) => dns::code(packet.payload()).map(|code| format!("DNS answer, code {code}")),
        _ => None,
    };
    let inside = inside.unwrap_or_else(|| format!("{} bytes", packet.payload().len()));
    Some(format!("UDP {}>{} {inside}", ports.0, ports.1))
}

fn tcp(payload: &[u8]) -> Option<String> {
    let packet = TcpPacket::new_checked(payload).ok()?;
    let mut line = format!("TCP {}>{} ", packet.src_port(), packet.dst_port());
    let flags =
        [(packet.syn(), 'S'), (packet.fin(), 'F'), (packet.rst(), 'R'), (packet.psh(), 'P'), (packet.ack(), '.')];
    line.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter));
    let _ = write!(line, " {} bytes", packet.payload().len());
    Some(line)
}

fn icmp(payload: &[u8]) -> Option<String> {
    let packet = Icmpv4Packet::new_checked(payload).ok()?;
    Some(match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::ignored()).ok()? {
        Icmpv4Repr::EchoRequest { seq_no, data, .. } => format!("ICMP echo {seq_no}, {} bytes", data.len()),
        Icmpv4Repr::EchoReply { seq_no, data, .. } => format!("ICMP echo reply {seq_no}, {} bytes", data.len()),
        Icmpv4Repr::DstUnreachable { reason, .. } => format!("ICMP unreachable: {reason}"),
        _ => "ICMP".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use smoltcp::wire::TcpControl;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn frames_are_lines() {
        let (one, two) = ([10, 1, 2, 10].into(), [10, 1, 2, 1].into());
        let question = dns::query(1, "a.lan", 1);
        for (frame, line) in [
            (testing::arp_request(MAC, one, two), "ARP who has 10.1.2.1, tell 10.1.2.10"),
            (
                testing::udp(MAC, MAC, (one, 9), (two, 53), &question),
                "10.1.2.10 > 10.1.2.1 UDP 9>53 DNS type 1 of a.lan",
            ),
            (testing::udp(MAC, MAC, (one, 9), (two, 7), b"hello"), "10.1.2.10 > 10.1.2.1 UDP 9>7 5 bytes"),
            (
                testing::tcp(MAC, MAC, (one, 9), (two, 80), TcpControl::Syn, 1),
                "10.1.2.10 > 10.1.2.1 TCP 9>80 S 0 bytes",
            ),
            (vec![0; 5], "Malformed frame of 5 bytes"),
        ] {
            assert_eq!(describe(&frame), line);
        }
    }

    #[test]
    fn the_newest_lines_are_kept() {
        let mut tracer = Tracer::new(2);
        for length in 1..4 {
            tracer.record(Way::In, &vec![0; length], Duration::from_millis(length as u64));
        }
        let lines: Vec<_> = tracer.lines().collect();
        assert_eq!(lines, ["   0.002 > Malformed frame of 2 bytes", "   0.003 > Malformed frame of 3 bytes"]);
    }
}
