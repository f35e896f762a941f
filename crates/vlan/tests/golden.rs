//! A scripted session, as its capture shows it.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, World};
use std::process::Command;
use std::time::Duration;
use vlan::gateway::Event;
use vlan::gateway::dns::message;
use vlan::gateway::tcp::TcpEvent;
use vlan::stage::faults::FaultConfig;
use vlan::stage::pcap::CaptureConfig;

/// A machine gets an address, looks up a name, and fetches a page of the gateway; gives the trace and the capture.
fn session(nanoseconds: bool) -> (String, Vec<u8>) {
    let mut world = World::new(|_, gateway| gateway.mtu = 1500);
    world.add(1);
    let port = world.guests[0].port;
    world.lan.set_clock(Duration::from_millis(1_795_392_000_250), Duration::ZERO);
    world.lan.set_trace(port, Some(1000));
    world.lan.set_capture(port, Some(CaptureConfig { nanoseconds, ..CaptureConfig::default() }));
    world.settle();
    let socket = world.guests[0].udp(5353);
    world.guests[0].send_udp(socket, (PLAN.gateway(), 53), &message::query(1, "gateway.lan", message::kind::A));
    world.until("answered", |world| world.guests[0].receive_udp(socket).is_some());
    let client = world.guests[0].connect(PLAN.gateway(), 80, 40_000);
    world.until("connected", |world| world.guests[0].tcp(client).may_send());
    world.guests[0].tcp(client).send_slice(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut buffer = [0; 100];
    world.until("answered", |world| {
        let now = world.now;
        for event in std::mem::take(&mut world.events) {
            if let Event::Tcp(TcpEvent::Readable(conn)) = event {
                assert_eq!(world.lan.gateway().receive(conn, &mut buffer), 18);
                world.lan.gateway().send(conn, b"HTTP/1.0 200 OK\r\n\r\nhello\n");
                world.lan.gateway().close(conn, now);
            }
        }
        world.guests[0].tcp(client).recv_queue() == 25
    });
    world.guests[0].tcp(client).close();
    world.run(100);
    let refused = world.guests[0].connect([1, 2, 3, 4].into(), 22, 40_001);
    world.until("refused", |world| !world.guests[0].tcp(refused).is_open());
    world.run(5);
    let lines: Vec<String> = world.lan.trace(port).unwrap().lines().map(str::to_owned).collect();
    let capture = world.lan.capture(port).unwrap();
    assert_eq!((capture.frames(), capture.lost()), (lines.len(), 0));
    (lines.join("\n") + "\n", capture.file())
}

#[test]
fn the_session_is_as_it_was_written_down() {
    let (trace, _) = session(false);
    let written = include_str!("golden/session.txt");
    assert!(trace == written, "the session was:\n{trace}\nwritten down is:\n{written}");
}

#[test]
fn tshark_reads_every_frame() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tshark is not installed");
        eprintln!("skipped: tshark is not installed");
        return;
    }
    for nanoseconds in [false, true] {
        let (trace, file) = session(nanoseconds);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("session.pcap");
        std::fs::write(&path, file).unwrap();
        let run = |arguments: &[&str]| {
            let output = Command::new("tshark").arg("-r").arg(&path).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(run(&[]).lines().count(), trace.lines().count());
        let checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
        let wrong = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0";
        assert_eq!(run(&[&checks[..], &["-Y", wrong]].concat()), "");
        let leased = run(&["-Y", "dhcp.option.dhcp == 5", "-T", "fields", "-e", "dhcp.option.interface_mtu"]);
        assert_eq!(leased.trim(), "1500");
    }
}

#[test]
fn a_bad_line_is_survived_and_heals() {
    let mut world = World::with_guests(2);
    let bad = FaultConfig {
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(2),
        loss: 20,
        reorder: 20,
        seed: 3,
    };
    let port = world.guests[1].port;
    world.lan.set_faults(port, Some(bad));
    let (client, server) = common::connected(&mut world, 0, 1, 5001);
    let slow = common::transfer(&mut world, (0, client), (1, server), 3000);
    assert!(slow > 100_000, "{slow}");
    world.lan.set_faults(port, None);
    world.run(2000);
    let quick = common::transfer(&mut world, (0, client), (1, server), 3000);
    assert!(quick > 2 * slow, "{quick} after {slow}");
}
