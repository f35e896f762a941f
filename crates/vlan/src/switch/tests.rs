use super::*;
use crate::testing;
use smoltcp::wire::ArpOperation;

const PLAN: Plan = Plan { a: 9, b: 8 };
const NOW: Duration = Duration::from_secs(100);

fn mac(number: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0, 0, number])
}

fn host(last: u8) -> Ipv4Addr {
    PLAN.host(last)
}

/// A gateway at port 0, machines 1 and 2 with leases for .11 and .12, peers at 3 and 4.
fn lan() -> (Switch, [PortId; 5]) {
    let mut switch = Switch::new(PLAN, SwitchConfig::default());
    let machine = |number| Kind::Machine { mac: Some(mac(number)), addresses: Addresses::Leased };
    let kinds = [Kind::Gateway, machine(1), machine(2), Kind::Outside, Kind::Outside];
    let ports = kinds.map(|kind| switch.attach(kind).unwrap());
    switch.set_addresses(ports[1], &[host(11)]);
    switch.set_addresses(ports[2], &[host(12)]);
    (switch, ports)
}

/// Who gets a frame that this port sends.
fn receivers(switch: &mut Switch, from: PortId, frame: &[u8]) -> Vec<u32> {
    switch.input(from, frame, NOW).unwrap();
    let ports: Vec<PortId> = switch.ports().map(|(id, _)| id).collect();
    let got: Vec<u32> = ports.iter().filter(|id| switch.pop(**id).is_some()).map(|id| id.0).collect();
    assert!(ports.iter().all(|id| switch.pop(*id).is_none()), "one frame, not several");
    got
}

fn refused(switch: &mut Switch, from: PortId, frame: &[u8]) -> DropReason {
    let before = switch.counters(from).unwrap().clone();
    let why = switch.input(from, frame, NOW).unwrap_err();
    let after = switch.counters(from).unwrap();
    assert_eq!((after.dropped(why), after.frames_in), (before.dropped(why) + 1, before.frames_in + 1), "it is counted");
    let ports: Vec<PortId> = switch.ports().map(|(id, _)| id).collect();
    assert!(ports.iter().all(|id| switch.pop(*id).is_none()), "it went nowhere");
    why
}

fn udp(from: (u8, Ipv4Addr), to: (Mac, Ipv4Addr), ports: (u16, u16)) -> Vec<u8> {
    testing::udp(mac(from.0).0, to.0.0, (from.1, ports.0), (to.1, ports.1), b"payload")
}

#[test]
fn a_broadcast_reaches_everybody_but_its_sender() {
    let (mut switch, ports) = lan();
    let frame = testing::arp_request(mac(1).0, host(11), host(12));
    assert_eq!(receivers(&mut switch, ports[1], &frame), [0, 2, 3, 4]);
}

#[test]
fn a_frame_for_a_known_station_reaches_only_that() {
    let (mut switch, ports) = lan();
    assert_eq!(receivers(&mut switch, ports[1], &udp((1, host(11)), (mac(2), host(12)), (5, 6))), [2]);
    assert_eq!(
        receivers(&mut switch, ports[1], &udp((1, host(11)), (PLAN.gateway_mac(), [8, 8, 8, 8].into()), (5, 6))),
        [0]
    );
    let peer: Ipv4Addr = [10, 1, 1, 20].into();
    let unknown = udp((1, host(11)), (mac(77), peer), (5, 6));
    assert_eq!(receivers(&mut switch, ports[1], &unknown), [3, 4], "machines need not see what is for a stranger");
    let hello = udp((77, peer), (mac(1), host(11)), (5, 6));
    assert_eq!(receivers(&mut switch, ports[3], &hello), [1]);
    assert_eq!(receivers(&mut switch, ports[1], &unknown), [3], "learned");
}

#[test]
fn at_a_switch_between_lans_each_speaks_from_its_own_addresses_only() {
    let mut switch = Switch::new(Plan { a: 0, b: 0 }, SwitchConfig::default());
    let other = Plan { a: 1, b: 2 };
    let (one, two) = (switch.attach(Kind::Lan(PLAN)).unwrap(), switch.attach(Kind::Lan(other)).unwrap());
    let from = |sender| testing::arp_request(mac(1).0, sender, other.host(10));
    assert_eq!(receivers(&mut switch, one, &from(host(10))), [two.0]);
    for liar in [other.host(10), PLAN.gateway(), [192, 168, 0, 1].into(), [0; 4].into()] {
        assert_eq!(refused(&mut switch, one, &from(liar)), DropReason::ArpSpoof, "{liar}");
    }
    let to_gateway = testing::arp_request(mac(1).0, host(10), other.gateway());
    assert_eq!(refused(&mut switch, one, &to_gateway), DropReason::Crossing);
    let spoofed = udp((1, other.host(10)), (mac(2), other.host(11)), (5, 6));
    assert_eq!(refused(&mut switch, one, &spoofed), DropReason::Ipv4Spoof);
    let dhcp = udp((1, [0; 4].into()), (Mac::BROADCAST, [255; 4].into()), (68, 67));
    assert_eq!(refused(&mut switch, one, &dhcp), DropReason::Crossing);
    assert_eq!(receivers(&mut switch, two, &udp((2, other.host(11)), (mac(1), host(10)), (5, 6))), [one.0]);
}

#[test]
fn nothing_goes_from_one_peer_to_another() {
    let (mut switch, ports) = lan();
    let peer: Ipv4Addr = [10, 1, 1, 20].into();
    let broadcast = testing::arp_request(mac(77).0, peer, [10, 2, 2, 20].into());
    assert_eq!(receivers(&mut switch, ports[3], &broadcast), [1, 2]);
    let other = testing::arp_request(mac(78).0, [10, 2, 2, 20].into(), peer);
    assert_eq!(receivers(&mut switch, ports[4], &other), [1, 2]);
    let direct = udp((77, peer), (mac(78), [10, 2, 2, 20].into()), (5, 6));
    assert_eq!(refused(&mut switch, ports[3], &direct), DropReason::Crossing);
}

#[test]
fn dhcp_and_the_gateway_never_cross_to_a_peer() {
    let (mut switch, ports) = lan();
    let (zero, all) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    let discover = udp((1, zero), (Mac::BROADCAST, all), (68, 67));
    assert_eq!(receivers(&mut switch, ports[1], &discover), [0]);
    let renews = udp((1, host(99)), (Mac::BROADCAST, all), (68, 67));
    assert_eq!(receivers(&mut switch, ports[1], &renews), [0], "from an address that the LAN has forgotten");
    let asks = testing::arp_request(mac(1).0, host(11), PLAN.gateway());
    assert_eq!(receivers(&mut switch, ports[1], &asks), [0]);
    let gateway = testing::arp_request(PLAN.gateway_mac().0, PLAN.gateway(), host(11));
    assert_eq!(receivers(&mut switch, ports[0], &gateway), [1, 2]);

    let peer: Ipv4Addr = [10, 1, 1, 20].into();
    let from_peer = testing::arp_request(mac(77).0, peer, PLAN.gateway());
    assert_eq!(refused(&mut switch, ports[3], &from_peer), DropReason::Crossing);
    let to_gateway = udp((77, peer), (PLAN.gateway_mac(), PLAN.gateway()), (5, 53));
    assert_eq!(refused(&mut switch, ports[3], &to_gateway), DropReason::Crossing);
    for (from, to) in [(68, 67), (67, 68)] {
        for source in [peer, zero] {
            let dhcp = udp((77, source), (Mac::BROADCAST, all), (from, to));
            assert_eq!(refused(&mut switch, ports[3], &dhcp), DropReason::Crossing);
        }
    }
}

#[test]
fn nobody_sends_as_another() {
    let (mut switch, ports) = lan();
    let to = (mac(2), host(12));
    assert_eq!(refused(&mut switch, ports[1], &udp((2, host(11)), to, (5, 6))), DropReason::SourceMac);
    assert_eq!(refused(&mut switch, ports[1], &udp((99, host(11)), to, (5, 6))), DropReason::SourceMac);
    for address in
        [host(12), host(13), PLAN.gateway(), [8, 8, 8, 8].into(), [10, 1, 1, 20].into(), Ipv4Addr::UNSPECIFIED]
    {
        assert_eq!(refused(&mut switch, ports[1], &udp((1, address), to, (5, 6))), DropReason::Ipv4Spoof, "{address}");
        if address.is_unspecified() {
            continue;
        }
        let claim = testing::arp_request(mac(1).0, address, host(12));
        assert_eq!(refused(&mut switch, ports[1], &claim), DropReason::ArpSpoof, "{address}");
        let reply = testing::arp(mac(1).0, mac(2).0, ArpOperation::Reply, (mac(1).0, address), host(12));
        assert_eq!(refused(&mut switch, ports[1], &reply), DropReason::ArpSpoof, "{address}");
    }
    let other_mac = testing::arp(mac(1).0, mac(2).0, ArpOperation::Reply, (mac(2).0, host(11)), host(12));
    assert_eq!(refused(&mut switch, ports[1], &other_mac), DropReason::ArpSpoof);
    let probe = testing::arp_request(mac(1).0, Ipv4Addr::UNSPECIFIED, host(50));
    assert_eq!(receivers(&mut switch, ports[1], &probe), [0, 2, 3, 4], "a probe claims nothing");
}

#[test]
fn a_peer_does_not_speak_for_us() {
    let (mut switch, ports) = lan();
    let peer: Ipv4Addr = [10, 1, 1, 20].into();
    for address in [PLAN.gateway(), host(11), host(200), [192, 168, 0, 1].into(), Ipv4Addr::UNSPECIFIED] {
        let claim = testing::arp_request(mac(77).0, address, host(12));
        assert_eq!(refused(&mut switch, ports[3], &claim), DropReason::ArpSpoof, "{address}");
        let packet = udp((77, address), (mac(2), host(12)), (5, 6));
        assert_eq!(refused(&mut switch, ports[3], &packet), DropReason::Ipv4Spoof, "{address}");
    }
    for stolen in [mac(1), PLAN.gateway_mac()] {
        let claim = testing::arp_request(stolen.0, peer, host(12));
        assert_eq!(refused(&mut switch, ports[3], &claim), DropReason::SourceMac);
    }
    receivers(&mut switch, ports[3], &testing::arp_request(mac(77).0, peer, host(12)));
    let moved = testing::arp_request(mac(77).0, peer, host(12));
    assert_eq!(refused(&mut switch, ports[4], &moved), DropReason::SourceMac, "nor for another peer");
}

#[test]
fn only_the_gateway_answers_dhcp() {
    let (mut switch, ports) = lan();
    for (from, to) in [(67, 68), (67, 1000), (1000, 68)] {
        let answer = udp((1, host(11)), (mac(2), host(12)), (from, to));
        assert_eq!(refused(&mut switch, ports[1], &answer), DropReason::DhcpServer);
    }
    let offer = testing::udp(PLAN.gateway_mac().0, mac(1).0, (PLAN.gateway(), 67), (host(11), 68), b"offer");
    assert_eq!(receivers(&mut switch, ports[0], &offer), [1]);
}

#[test]
fn a_machine_without_a_lease_may_use_what_is_free_only_if_it_was_allowed_to() {
    let (mut switch, _) = lan();
    let open = switch.attach(Kind::Machine { mac: Some(mac(5)), addresses: Addresses::Unclaimed }).unwrap();
    let strict = switch.attach(Kind::Machine { mac: Some(mac(6)), addresses: Addresses::Leased }).unwrap();
    let to = (mac(2), host(12));
    assert_eq!(receivers(&mut switch, open, &udp((5, host(90)), to, (5, 6))), [2]);
    for address in [host(12), PLAN.gateway(), [1, 1, 1, 1].into()] {
        assert_eq!(refused(&mut switch, open, &udp((5, address), to, (5, 6))), DropReason::Ipv4Spoof);
    }
    assert_eq!(refused(&mut switch, strict, &udp((6, host(91)), to, (5, 6))), DropReason::Ipv4Spoof);
    switch.set_addresses(open, &[host(15)]);
    assert_eq!(refused(&mut switch, open, &udp((5, host(90)), to, (5, 6))), DropReason::Ipv4Spoof, "it has one now");
}

#[test]
fn a_blocked_port_is_cut_off_and_an_isolated_one_reaches_the_gateway_only() {
    let (mut switch, ports) = lan();
    let (there, back) =
        (udp((1, host(11)), (mac(2), host(12)), (5, 6)), udp((2, host(12)), (mac(1), host(11)), (5, 6)));
    let asks = testing::arp_request(mac(1).0, host(11), host(12));
    switch.confine(ports[1], Confinement { blocked: false, isolated: true });
    assert_eq!(refused(&mut switch, ports[1], &there), DropReason::Isolated);
    assert_eq!(refused(&mut switch, ports[2], &back), DropReason::Isolated);
    assert_eq!(receivers(&mut switch, ports[1], &asks), [0]);
    assert_eq!(receivers(&mut switch, ports[2], &testing::arp_request(mac(2).0, host(12), host(11))), [0, 3, 4]);
    switch.confine(ports[1], Confinement { blocked: true, isolated: false });
    assert_eq!(refused(&mut switch, ports[1], &asks), DropReason::Blocked);
    assert_eq!(refused(&mut switch, ports[2], &back), DropReason::Blocked);
    switch.confine(ports[1], Confinement::default());
    assert_eq!(receivers(&mut switch, ports[1], &there), [2]);
}

#[test]
fn other_protocols_pass_only_where_that_was_chosen() {
    let mut frame = udp((1, host(11)), (Mac::BROADCAST, host(12)), (5, 6));
    frame[12..14].copy_from_slice(&[0x86, 0xdd]);
    let (mut switch, ports) = lan();
    assert_eq!(refused(&mut switch, ports[1], &frame), DropReason::Protocol);
    switch.config.other_protocols = true;
    assert_eq!(receivers(&mut switch, ports[1], &frame), [0, 2, 3, 4]);
}

#[test]
fn broadcasts_beyond_the_rate_are_dropped_and_others_are_not_touched() {
    let (mut switch, ports) = lan();
    let frame = testing::arp_request(mac(1).0, host(11), host(12));
    let mut passed = 0;
    for milli in 0..1000 {
        for _ in 0..10 {
            passed += usize::from(switch.input(ports[1], &frame, NOW + Duration::from_millis(milli)).is_ok());
        }
        while switch.pop(ports[2]).is_some() {}
    }
    assert!((590..=610).contains(&passed), "{passed}");
    assert_eq!(switch.counters(ports[1]).unwrap().dropped(DropReason::Rate), 10_000 - passed as u64);
    let direct = udp((1, host(11)), (mac(2), host(12)), (5, 6));
    assert!(switch.input(ports[1], &direct, NOW).is_ok(), "what is for one station has no limit");
}

#[test]
fn two_machines_can_not_have_one_hardware_address() {
    let (mut switch, ports) = lan();
    let again = Kind::Machine { mac: Some(mac(1)), addresses: Addresses::Leased };
    assert_eq!(switch.attach(again), Err(AttachError::MacTaken(mac(1))));
    let gateway = Kind::Machine { mac: Some(PLAN.gateway_mac()), addresses: Addresses::Leased };
    assert_eq!(switch.attach(gateway), Err(AttachError::MacTaken(PLAN.gateway_mac())));
    let group = Kind::Machine { mac: Some(Mac::BROADCAST), addresses: Addresses::Leased };
    assert_eq!(switch.attach(group), Err(AttachError::MacUnusable(Mac::BROADCAST)));
    switch.detach(ports[1]);
    assert!(switch.attach(again).is_ok());
}

#[test]
fn the_table_stays_bounded_whatever_a_port_sends() {
    let mut switch = Switch::new(PLAN, SwitchConfig::default());
    let machine = switch.attach(Kind::Machine { mac: None, addresses: Addresses::Unclaimed }).unwrap();
    let peer = switch.attach(Kind::Outside).unwrap();
    for number in 0..10_000u16 {
        let [high, low] = number.to_be_bytes();
        let frame = testing::arp_request([2, 0, 0, 1, high, low], host(90), host(12));
        let _ = switch.input(machine, &frame, NOW);
        let frame = testing::arp_request([2, 0, 0, 2, high, low], [10, 1, 1, 20].into(), host(12));
        let _ = switch.input(peer, &frame, NOW);
    }
    let config = SwitchConfig::default();
    assert_eq!(switch.station_count(), config.stations_machine + config.stations_outside);
    assert_eq!(switch.counters(machine).unwrap().not_learned, 10_000 - config.stations_machine as u64);
}

#[test]
fn a_batch_keeps_to_its_size() {
    let (mut switch, ports) = lan();
    let frame = udp((1, host(11)), (mac(2), host(12)), (5, 6));
    (0..10).for_each(|_| switch.input(ports[1], &frame, NOW).unwrap());
    let each = frame.len() + batch::PREFIX;
    assert_eq!(switch.take(ports[2], 3 * each).len(), 3 * each);
    assert_eq!(switch.take(ports[2], 1).len(), each, "one frame of any length");
    assert_eq!(switch.take(ports[2], usize::MAX).len(), 6 * each);
    assert!(switch.take(ports[2], usize::MAX).is_empty());
    assert_eq!(switch.counters(ports[2]).unwrap().frames_out, 10);
}

#[test]
fn a_peer_and_a_machine_without_leave_have_nothing_to_do_with_each_other() {
    let (mut switch, ports) = lan();
    let peer: Ipv4Addr = [10, 1, 1, 20].into();
    switch.set_reach(ports[3], Some([ports[1]].into()));
    let question = testing::arp_request(mac(77).0, peer, host(12));
    assert_eq!(receivers(&mut switch, ports[3], &question), [1], "a broadcast too");
    let to = |number: u8, last| udp((77, peer), (mac(number), host(last)), (5, 6));
    assert_eq!(receivers(&mut switch, ports[3], &to(1, 11)), [1]);
    assert_eq!(refused(&mut switch, ports[3], &to(2, 12)), DropReason::NotAllowed);
    assert_eq!(refused(&mut switch, ports[2], &udp((2, host(12)), (mac(77), peer), (5, 6))), DropReason::NotAllowed);
    assert_eq!(receivers(&mut switch, ports[1], &udp((1, host(11)), (mac(77), peer), (5, 6))), [3]);
    let all = testing::arp_request(mac(2).0, host(12), peer);
    assert_eq!(receivers(&mut switch, ports[2], &all), [0, 1, 4]);
    switch.set_reach(ports[3], None);
    assert_eq!(receivers(&mut switch, ports[3], &to(2, 12)), [2]);
}

#[test]
fn a_peer_speaks_for_its_own_lan_only() {
    let (mut switch, ports) = lan();
    switch.set_network(ports[3], Plan { a: 1, b: 1 });
    let from = |address: [u8; 4]| udp((77, address.into()), (mac(1), host(11)), (5, 6));
    assert_eq!(receivers(&mut switch, ports[3], &from([10, 1, 1, 20])), [1]);
    assert_eq!(refused(&mut switch, ports[3], &from([10, 1, 2, 20])), DropReason::Ipv4Spoof);
    let claim = testing::arp_request(mac(77).0, [10, 1, 2, 20].into(), host(11));
    assert_eq!(refused(&mut switch, ports[3], &claim), DropReason::ArpSpoof);
}

/// That a port speaks from an address, by ARP and IPv4, or that both are dropped and counted.
fn speaks(switch: &mut Switch, from: PortId, station: u8, address: Ipv4Addr) -> bool {
    let claim = testing::arp_request(mac(station).0, address, host(11));
    let packet = udp((station, address), (mac(1), host(11)), (5, 6));
    let outcomes = [&claim, &packet].map(|frame| {
        let outcome = switch.input(from, frame, NOW);
        let ports: Vec<PortId> = switch.ports().map(|(id, _)| id).collect();
        ports.into_iter().for_each(|port| while switch.pop(port).is_some() {});
        outcome
    });
    match outcomes {
        [Ok(()), Ok(())] => true,
        [Err(DropReason::ArpSpoof), Err(DropReason::Ipv4Spoof)] => false,
        other => panic!("{address}: {other:?}"),
    }
}

#[test]
fn an_uplink_does_not_speak_for_a_peer_of_which_nothing_was_heard_yet() {
    let (mut switch, [_, _, _, peer, uplink]) = lan();
    let (theirs, nobodys) = (Plan { a: 1, b: 1 }, Plan { a: 1, b: 2 });
    switch.announce(uplink, &[theirs].into());
    assert!(speaks(&mut switch, uplink, 78, theirs.host(20)), "it is the first that has it");
    switch.set_network(peer, theirs);
    assert!(!speaks(&mut switch, uplink, 77, theirs.host(20)), "a peer goes before what is announced");
    let counters = switch.counters(uplink).unwrap();
    assert_eq!((counters.dropped(DropReason::ArpSpoof), counters.dropped(DropReason::Ipv4Spoof)), (1, 1));
    assert!(speaks(&mut switch, uplink, 79, nobodys.host(20)));
    assert!(speaks(&mut switch, peer, 77, theirs.host(20)));
    assert_eq!(switch.port_of(theirs), Some(peer));
    switch.detach(peer);
    assert!(speaks(&mut switch, uplink, 77, theirs.host(20)), "it is nobody else's now");
}

#[test]
fn an_uplink_does_not_speak_for_what_another_one_has_announced_before() {
    let (mut switch, [_, _, _, one, two]) = lan();
    let lans = |numbers: &[u8]| numbers.iter().map(|b| Plan { a: 1, b: *b }).collect();
    let host = |b| Plan { a: 1, b }.host(20);
    switch.announce(one, &lans(&[1, 2]));
    switch.announce(two, &lans(&[2, 3]));
    let can = |switch: &mut Switch| {
        [1u8, 2, 3, 4].map(|b| (speaks(switch, one, 10 + b, host(b)), speaks(switch, two, 20 + b, host(b))))
    };
    assert_eq!(can(&mut switch), [(true, false), (true, false), (false, true), (true, true)]);
    // What it announces no more goes to whoever has said that it is there too; announced again, it comes after that one.
    switch.announce(one, &lans(&[1]));
    switch.announce(one, &lans(&[1, 2]));
    assert_eq!(can(&mut switch), [(true, false), (false, true), (false, true), (true, true)]);
}

#[test]
fn an_endpoint_announces_so_many_lans_and_no_more() {
    let (mut switch, [_, _, _, one, two]) = lan();
    switch.announce(one, &(0..=255).map(|b| Plan { a: 1, b }).collect());
    let taken = (0..=255).filter(|b| switch.port_of(Plan { a: 1, b: *b }) == Some(one)).count();
    assert_eq!(taken, LANS_MAX);
    assert!(speaks(&mut switch, two, 77, [10, 1, 255, 20].into()));
}
