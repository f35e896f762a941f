//! Streams as the embedding lives with them: by events, with as much as there is room for.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, World};
use smoltcp::iface::SocketHandle;
use std::collections::BTreeMap;
use vlan::gateway::Event;
use vlan::gateway::tcp::{ConnId, TcpEvent};
use vlan::{DropReason, batch};

/// Sends back what it gets, and looks at a stream only when an event says so.
#[derive(Default)]
struct Echo {
    held: BTreeMap<ConnId, (Vec<u8>, bool)>,
}

impl Echo {
    fn serve(&mut self, world: &mut World) {
        let now = world.now;
        for event in std::mem::take(&mut world.events) {
            let Event::Tcp(event) = event else { continue };
            let conn = match event {
                TcpEvent::Accepted { conn, .. } => {
                    self.held.insert(conn, (Vec::new(), false));
                    continue;
                }
                TcpEvent::Readable(conn) | TcpEvent::Writable(conn) | TcpEvent::Ended(conn) => conn,
                TcpEvent::Closed(conn) | TcpEvent::Aborted(conn) => {
                    self.held.remove(&conn);
                    continue;
                }
                TcpEvent::Connected(_) => continue,
            };
            let (held, ended) = self.held.get_mut(&conn).unwrap();
            *ended |= event == TcpEvent::Ended(conn);
            let mut buffer = vec![0; 1 << 20];
            let count = world.lan.gateway().receive(conn, &mut buffer);
            held.extend_from_slice(&buffer[..count]);
            let sent = world.lan.gateway().send(conn, held);
            held.drain(..sent);
            if *ended && held.is_empty() {
                world.lan.gateway().close(conn, now);
            }
        }
    }
}

fn drain(world: &mut World, client: SocketHandle) -> usize {
    let (socket, mut count) = (world.guests[0].tcp(client), 0);
    while socket.can_recv() {
        count += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
    }
    count
}

#[test]
fn events_alone_are_enough_to_serve_a_stream() {
    let mut world = World::with_guests(1);
    let client = world.guests[0].connect(PLAN.gateway(), 80, 40_000);
    let (mut echo, mut sent, mut back, total) = (Echo::default(), 0, 0, 2_000_000);
    let piece = vec![9; 300_000];
    let mut passed = 0;
    world.until("all is back", |world| {
        let left = (total - sent).min(piece.len());
        if world.guests[0].tcp(client).may_send() && left > 0 {
            sent += world.guests[0].tcp(client).send_slice(&piece[..left]).unwrap();
        }
        if sent == total {
            world.guests[0].tcp(client).close();
        }
        echo.serve(world);
        // At first the machine takes nothing in, so the gateway has to wait for room.
        passed += 1;
        if passed > 500 {
            back += drain(world, client);
        }
        back == total
    });
    world.until("over", |world| {
        echo.serve(world);
        echo.held.is_empty()
    });
}

#[test]
fn a_port_can_be_used_again_while_the_gateway_still_remembers_the_old_connection() {
    let mut world = World::with_guests(1);
    for round in 0..3 {
        let client = world.guests[0].connect(PLAN.gateway(), 80, 40_000);
        let mut conn = None;
        world.until("accepted", |world| {
            for event in std::mem::take(&mut world.events) {
                if let Event::Tcp(TcpEvent::Accepted { conn: new, .. }) = event {
                    conn = Some(new);
                }
            }
            conn.is_some()
        });
        // Who ends first is who remembers.
        let now = world.now;
        world.lan.gateway().close(conn.unwrap(), now);
        world.until("ended", |world| !world.guests[0].tcp(client).may_recv());
        world.guests[0].tcp(client).close();
        world.until("closed", |world| world.events.contains(&Event::Tcp(TcpEvent::Closed(conn.unwrap()))));
        world.guests[0].sockets.remove(client);
        assert!(world.now.as_secs() < 2, "round {round} took until {:?}", world.now);
    }
}

#[test]
fn a_machine_that_takes_nothing_does_not_fill_the_switch() {
    let mut world = World::with_guests(1);
    let (port, gateway) = (world.guests[0].port, world.lan.gateway_port());
    (0..40).for_each(|number| {
        world.guests[0].connect(PLAN.gateway(), 80, 41_000 + number);
    });
    world.run(50);
    let conns: Vec<ConnId> = world
        .events
        .drain(..)
        .filter_map(|event| match event {
            Event::Tcp(TcpEvent::Accepted { conn, .. }) => Some(conn),
            _ => None,
        })
        .collect();
    assert_eq!(conns.len(), 40);
    for conn in &conns {
        assert_eq!(world.lan.gateway().send(*conn, &[1; 100_000]), 100_000);
    }
    let mut most = 0;
    for _ in 0..5000 {
        world.lan.poll(world.now);
        most = most.max(world.lan.switch().waiting(port));
        world.now += std::time::Duration::from_millis(1);
    }
    // What made it full, and one packet of each connection beyond that.
    assert!(most > 256 * 1024 && most <= 256 * 1024 + 40 * 17_000, "{most}");
    assert_eq!(world.lan.switch().counters(gateway).unwrap().dropped(DropReason::QueueFull), 0);
    let batch = world.lan.take(port, usize::MAX, world.now);
    assert!(batch::frames(&batch, vlan::frame::LONGEST).unwrap().count() > 10);
    assert!(world.lan.switch().waiting(port) > 0, "what was held back follows at once");
}

#[test]
fn what_a_machine_has_lost_is_sent_again_at_once() {
    let mut world = World::with_guests(1);
    let client = world.guests[0].connect(PLAN.gateway(), 80, 40_000);
    let mut conn = None;
    world.until("accepted", |world| {
        let accepted = |event: Event| match event {
            Event::Tcp(TcpEvent::Accepted { conn, .. }) => Some(conn),
            _ => None,
        };
        conn = std::mem::take(&mut world.events).into_iter().find_map(accepted);
        conn.is_some()
    });
    // Behind the third come two only: too few for three answers that are the same.
    let bytes = vec![7; 5 * 15_900];
    assert_eq!(world.lan.gateway().send(conn.unwrap(), &bytes), bytes.len());
    let begun = world.now;
    let (mut lost, mut got) = (0, 0);
    world.until("all has come", |world| {
        let incoming = &mut world.guests[0].nic.incoming;
        if lost == 0 && incoming.len() >= 3 {
            incoming.remove(2);
            lost += 1;
        }
        got += drain(world, client);
        got == bytes.len()
    });
    assert_eq!(lost, 1);
    assert!(world.now - begun < std::time::Duration::from_millis(200), "it took {:?}", world.now - begun);
}
