use super::*;
use crate::mac::Mac;
use crate::plan::HOSTS;
use crate::switch::PortId;
use smoltcp::wire::DhcpPacket;

const PLAN: Plan = Plan { a: 9, b: 8 };
const NOW: Duration = Duration::from_secs(50);

fn server(kept: Vec<Lease>) -> Dhcp {
    let config = DhcpConfig {
        lease_seconds: 4000,
        mtu: 16_000,
        domain: "lan".into(),
        routes: vec![(([172, 16, 0, 0].into(), 12), PLAN.gateway())],
    };
    Dhcp::new(PLAN, config, kept)
}

fn mac(number: u16) -> Mac {
    let [high, low] = number.to_be_bytes();
    Mac([0x52, 0x54, 0, 0, high, low])
}

fn client(number: u16) -> Client<'static> {
    Client { port: PortId(number.into()), mac: mac(number), name: "alpine-1", most: 1 }
}

/// What a client sends: its kind, its own address, and options.
fn message(number: u16, kind: u8, own: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
    bytes[4..8].copy_from_slice(b"xid!");
    bytes[12..16].copy_from_slice(&own);
    bytes[28..34].copy_from_slice(&mac(number).0);
    bytes[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    bytes.extend_from_slice(&[53, 1, kind]);
    for (kind, data) in options {
        bytes.extend_from_slice(&[*kind, data.len() as u8]);
        bytes.extend_from_slice(data);
    }
    bytes.push(255);
    bytes
}

struct Reply(Vec<u8>);

impl Reply {
    fn option(&self, wanted: u8) -> Option<Vec<u8>> {
        let packet = DhcpPacket::new_checked(&self.0[..]).unwrap();
        packet.options().find(|option| option.kind == wanted).map(|option| option.data.to_vec())
    }

    fn kind(&self) -> u8 {
        self.option(53).unwrap()[0]
    }

    fn address(&self) -> Ipv4Addr {
        DhcpPacket::new_checked(&self.0[..]).unwrap().your_ip()
    }
}

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;

fn send(dhcp: &mut Dhcp, number: u16, kind: u8, own: [u8; 4], options: &[(u8, &[u8])]) -> Option<Reply> {
    let outcome = dhcp.input(client(number), &message(number, kind, own, options), NOW);
    outcome.answer.map(|answer| Reply(answer.bytes))
}

/// Discovers and requests.
fn lease(dhcp: &mut Dhcp, number: u16) -> Option<Ipv4Addr> {
    let offer = send(dhcp, number, DISCOVER, [0; 4], &[])?;
    let address = offer.address();
    let chosen: &[(u8, &[u8])] = &[(50, &address.octets()), (54, &PLAN.gateway().octets())];
    let ack = send(dhcp, number, REQUEST, [0; 4], chosen)?;
    assert_eq!((offer.kind(), ack.kind(), ack.address()), (OFFER, ACK, address));
    Some(address)
}

#[test]
fn a_machine_is_told_everything_that_it_needs() {
    let mut dhcp = server(Vec::new());
    let reply = send(&mut dhcp, 1, DISCOVER, [0; 4], &[(55, &[1, 3, 121]), (12, b"evil-name")]).unwrap();
    assert!(PLAN.contains(reply.address()));
    let gateway = PLAN.gateway().octets().to_vec();
    for (option, value) in [
        (1, vec![255, 0, 0, 0]),
        (3, gateway.clone()),
        (6, gateway.clone()),
        (12, b"alpine-1".to_vec()),
        (15, b"lan".to_vec()),
        (26, 16_000u16.to_be_bytes().to_vec()),
        (28, vec![10, 255, 255, 255]),
        (42, gateway.clone()),
        (51, 4000u32.to_be_bytes().to_vec()),
        (54, gateway.clone()),
        (58, 2000u32.to_be_bytes().to_vec()),
        (59, 3500u32.to_be_bytes().to_vec()),
        (121, [&[0][..], &gateway, &[12, 172, 16], &gateway].concat()),
    ] {
        assert_eq!(reply.option(option), Some(value), "option {option}");
    }
    let reply = send(&mut dhcp, 1, DISCOVER, [0; 4], &[]).unwrap();
    assert_eq!(reply.option(121), None, "only for those who ask");
    assert!(reply.0.len() <= 548, "every client takes 548 bytes (RFC 2131, section 2)");
}

#[test]
fn a_wish_is_granted_if_the_address_is_free_and_ours() {
    let mut dhcp = server(Vec::new());
    let wish = |dhcp: &mut Dhcp, number, address: [u8; 4]| {
        send(dhcp, number, DISCOVER, [0; 4], &[(50, &address)]).unwrap().address().octets()
    };
    assert_eq!(wish(&mut dhcp, 1, [10, 9, 8, 77]), [10, 9, 8, 77]);
    assert_ne!(wish(&mut dhcp, 2, [10, 9, 8, 77]), [10, 9, 8, 77]);
    for bad in [[10, 9, 8, 1], [10, 9, 8, 255], [10, 9, 9, 77], [192, 168, 0, 5]] {
        assert_ne!(wish(&mut dhcp, 3, bad), bad);
    }
}

#[test]
fn what_is_asked_of_another_server_or_of_another_lan_is_not_granted() {
    let mut dhcp = server(Vec::new());
    let other: &[(u8, &[u8])] = &[(50, &[10, 9, 8, 20]), (54, &[10, 9, 8, 2])];
    assert!(send(&mut dhcp, 1, REQUEST, [0; 4], other).is_none());
    let elsewhere = send(&mut dhcp, 1, REQUEST, [0; 4], &[(50, &[10, 1, 1, 20])]).unwrap();
    assert_eq!((elsewhere.kind(), elsewhere.address()), (NAK, Ipv4Addr::UNSPECIFIED));
    let never_offered: &[(u8, &[u8])] = &[(50, &[10, 9, 8, 20]), (54, &PLAN.gateway().octets())];
    assert_eq!(send(&mut dhcp, 1, REQUEST, [0; 4], never_offered).unwrap().kind(), NAK);
}

#[test]
fn a_machine_that_was_leased_an_address_by_a_lan_that_has_forgotten_keeps_it() {
    let mut dhcp = server(Vec::new());
    let renewed = send(&mut dhcp, 1, REQUEST, [10, 9, 8, 33], &[]).unwrap();
    assert_eq!((renewed.kind(), renewed.address()), (ACK, [10, 9, 8, 33].into()));
    assert_eq!(send(&mut dhcp, 2, REQUEST, [10, 9, 8, 33], &[]).unwrap().kind(), NAK, "somebody has it now");
    assert_eq!(dhcp.leases.held_by(PortId(1)), [Ipv4Addr::new(10, 9, 8, 33)]);
}

#[test]
fn kept_leases_are_honoured_and_impossible_ones_are_not() {
    let lease = |number, last| Lease { mac: mac(number), address: PLAN.host(last), name: "kept".into() };
    let foreign = Lease { mac: mac(4), address: [10, 1, 1, 20].into(), name: "kept".into() };
    let mut dhcp = server(vec![lease(1, 50), lease(2, 50), lease(3, 1), foreign]);
    assert_eq!(dhcp.leases.all().collect::<Vec<_>>(), [lease(1, 50)]);
    assert_eq!(send(&mut dhcp, 1, DISCOVER, [0; 4], &[]).unwrap().address(), PLAN.host(50));
    assert_ne!(send(&mut dhcp, 2, DISCOVER, [0; 4], &[]).unwrap().address(), PLAN.host(50));
    dhcp.leases.attach(PortId(1), mac(1), "kept");
    assert_eq!(dhcp.leases.held_by(PortId(1)), [PLAN.host(50)], "a machine that runs on need not ask again");
    let json = serde_json::to_string(&lease(1, 50)).unwrap();
    assert_eq!(json, r#"{"mac":"52:54:00:00:00:01","address":"10.9.8.50","name":"kept"}"#);
}

#[test]
fn a_released_address_is_given_up_and_comes_back_to_the_same_machine() {
    let mut dhcp = server(Vec::new());
    let address = lease(&mut dhcp, 1).unwrap();
    assert!(send(&mut dhcp, 1, RELEASE, address.octets(), &[]).is_none());
    assert!(dhcp.leases.held_by(PortId(1)).is_empty());
    assert_eq!(lease(&mut dhcp, 1), Some(address));
}

#[test]
fn a_declined_address_is_left_alone_and_nobody_can_decline_them_all() {
    let mut dhcp = server(Vec::new());
    let mut seen = Vec::new();
    for _ in 0..20 {
        let address = lease(&mut dhcp, 1).unwrap();
        send(&mut dhcp, 1, DECLINE, [0; 4], &[(50, &address.octets()), (54, &PLAN.gateway().octets())]);
        seen.push(address);
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    assert!(send(&mut dhcp, 2, DISCOVER, [0; 4], &[(50, &seen[0].octets())]).unwrap().address() != seen[0]);
}

#[test]
fn when_all_addresses_are_given_away_the_machine_that_was_off_longest_loses_its() {
    let mut dhcp = server(Vec::new());
    let count = HOSTS.count() as u16;
    let first = lease(&mut dhcp, 0).unwrap();
    (1..count).for_each(|number| assert!(lease(&mut dhcp, number).is_some()));
    assert_eq!(lease(&mut dhcp, count), None);
    dhcp.leases.detach(PortId(0));
    dhcp.leases.detach(PortId(1));
    assert_eq!(lease(&mut dhcp, count), Some(first));
}

#[test]
fn an_offer_that_nobody_takes_is_free_again() {
    let mut dhcp = server(Vec::new());
    let address = send(&mut dhcp, 1, DISCOVER, [0; 4], &[]).unwrap().address();
    let later = NOW + Duration::from_secs(30);
    let wish = message(2, DISCOVER, [0; 4], &[(50, &address.octets())]);
    let offered = dhcp.input(client(2), &wish, later).answer.unwrap();
    assert_eq!(Reply(offered.bytes).address(), address);
}

#[test]
fn a_machine_can_not_ask_for_another_and_one_is_enough_for_each() {
    let mut dhcp = server(Vec::new());
    assert_eq!(dhcp.input(client(1), &message(2, DISCOVER, [0; 4], &[]), NOW), Outcome::NOTHING);
    lease(&mut dhcp, 1).unwrap();
    let again = Client { mac: mac(7), ..client(1) };
    assert_eq!(dhcp.input(again, &message(7, DISCOVER, [0; 4], &[]), NOW).answer, None);
}

#[test]
fn who_has_an_address_already_is_told_the_rest() {
    let mut dhcp = server(Vec::new());
    let reply = send(&mut dhcp, 1, INFORM, [10, 9, 8, 40], &[]).unwrap();
    assert_eq!((reply.kind(), reply.address(), reply.option(51)), (ACK, Ipv4Addr::UNSPECIFIED, None));
    assert!(dhcp.leases.held_by(PortId(1)).is_empty());
}

#[test]
fn messages_cut_short_anywhere_are_survived() {
    let whole = message(1, DISCOVER, [0; 4], &[(50, &[10, 9, 8, 20]), (55, &[121])]);
    for length in 0..whole.len() {
        server(Vec::new()).input(client(1), &whole[..length], NOW);
    }
    let mut relayed = whole.clone();
    relayed[24] = 10;
    assert_eq!(message::parse(&relayed), None);
}
