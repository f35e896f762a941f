//! The endpoint as a browser meets it: over WebTransport on the loopback, with a client of the same crate.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod client;

use client::{Client, PATIENCE, frame, hello, server, server_with};
use endpoint::tokens::Tokens;
use endpoint::{Config, Limits};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uplink::{End, Hello, Message, Name, Reason};
use vlan::batch;

#[tokio::test]
async fn members_of_a_room_hear_each_other_and_nobody_else_does() {
    let server = server().await;
    let mut one = Client::join(&server, hello("lab", 1)).await;
    let mut two = Client::join(&server, hello("lab", 2)).await;
    let mut other = Client::join(&server, hello("hall", 3)).await;
    one.send_frame(&frame::arp(1, 2)).await;
    assert_eq!(two.frame().await, frame::arp(1, 2));
    two.send_frame(&frame::udp(2, 1, 900)).await;
    assert_eq!(one.frame().await, frame::udp(2, 1, 900));
    // A broadcast of the other room's member reaches nobody, and it has heard nothing.
    other.send_frame(&frame::arp(3, 1)).await;
    for client in [&mut one, &mut two, &mut other] {
        client.nothing_but_answers().await;
    }
    server.shut_down().await;
}

#[tokio::test]
async fn members_are_told_who_is_there_and_what_their_machines_are_called() {
    let server = server().await;
    let mut one = Client::join(&server, hello("lab", 1)).await;
    let mut two = Client::join(&server, Hello { name: "Ada’s".to_owned(), ..hello("lab", 2) }).await;
    two.send(&Message::Names(vec![Name { host: 10, name: "alpine-1".to_owned() }])).await;
    let seen = one.members(|members| members.iter().any(|member| !member.machines.is_empty())).await;
    assert_eq!((seen.len(), seen[0].a, seen[0].b, seen[0].name.as_str()), (1, 7, 2, "Ada’s"));
    assert_eq!(seen[0].machines, [Name { host: 10, name: "alpine-1".to_owned() }]);
    drop(two);
    one.members(<[_]>::is_empty).await;
}

#[tokio::test]
async fn small_frames_that_are_not_tcp_go_as_datagrams_to_those_who_take_them() {
    let server = server().await;
    let mut one = Client::join(&server, Hello { datagrams: true, ..hello("lab", 1) }).await;
    let mut two = Client::join(&server, hello("lab", 2)).await;
    two.send_frame(&frame::arp(2, 1)).await;
    assert_eq!(one.datagram().await, frame::arp(2, 1));
    two.send_frame(&frame::udp(2, 1, 9000)).await;
    assert_eq!(one.frame().await, frame::udp(2, 1, 9000));
    one.send_datagram(&frame::udp(1, 2, 30));
    assert_eq!(two.frame().await, frame::udp(1, 2, 30));
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why() {
    let tokens = Tokens::parse("lab secret").unwrap();
    let server = server_with(|config| Config { tokens, ..config }).await;
    let token = |token: &str| Hello { token: token.to_owned(), ..hello("lab", 1) };
    assert_eq!(Client::refused(&server, token("wrong")).await.reason, Reason::Token);
    assert_eq!(
        Client::refused(&server, Hello { room: "hall".to_owned(), ..token("secret") }).await.reason,
        Reason::Room
    );
    let other = Client::refused(&server, Hello { version: 2, ..token("secret") }).await;
    assert_eq!((other.reason, other.version), (Reason::Version, 1));
    let mut member = Client::join(&server, token("secret")).await;
    // Another LAN with the same numbers, which is not the same one.
    let clash = Client::refused(&server, Hello { key: [9; 16], ..token("secret") }).await;
    assert!(clash.reason == Reason::Collision && clash.text.contains("10.7.1.0/24"), "{clash:?}");
    member.nothing_but_answers().await;
}

#[tokio::test]
async fn a_lan_that_comes_back_takes_its_own_place() {
    let server = server().await;
    let mut before = Client::join(&server, hello("lab", 1)).await;
    let mut other = Client::join(&server, hello("lab", 2)).await;
    let mut after = Client::join(&server, hello("lab", 1)).await;
    assert_eq!(before.end().await.reason, Reason::Replaced);
    other.send_frame(&frame::arp(2, 1)).await;
    assert_eq!(after.frame().await, frame::arp(2, 1));
}

#[tokio::test]
async fn nobody_speaks_for_another_nor_as_a_gateway() {
    let server = server_with(|config| Config { metrics: Some("127.0.0.1:0".parse().unwrap()), ..config }).await;
    let mut liar = Client::join(&server, hello("lab", 1)).await;
    let mut honest = Client::join(&server, hello("lab", 2)).await;
    honest.send_frame(&frame::arp(2, 1)).await;
    assert_eq!(liar.frame().await, frame::arp(2, 1));
    for lie in [
        frame::arp_from(1, [10, 7, 2, 10]),
        frame::arp_from(1, [10, 7, 1, 1]),
        frame::arp_from(1, [192, 168, 0, 1]),
        frame::udp_from(1, [10, 7, 2, 10], 5),
        frame::dhcp(1),
        // Another's hardware address.
        frame::with_mac(frame::arp(1, 2), 2),
    ] {
        liar.send_frame(&lie).await;
    }
    honest.nothing_but_answers().await;
    let numbers = numbers(&server).await;
    assert!(numbers.contains("endpoint_dropped_total{reason=\"arp_spoof\"} 3"), "{numbers}");
    assert!(numbers.contains("endpoint_dropped_total{reason=\"source_mac\"} 1"), "{numbers}");
    assert!(numbers.contains("endpoint_clients 2\nendpoint_rooms 1\n"), "{numbers}");
}

async fn numbers(server: &endpoint::Server) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.metrics.unwrap()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn who_sends_garbage_is_cut_and_the_others_stay() {
    let server = server().await;
    let mut other = Client::join(&server, hello("lab", 2)).await;
    let mut garbage = Client::join(&server, hello("lab", 1)).await;
    garbage.send_bytes(&[4, 255, 255, 255, 255]).await;
    assert_eq!(garbage.end().await.reason, Reason::Malformed);
    let mut cut = Client::join(&server, hello("lab", 1)).await;
    cut.send(&Message::Frames(vec![1, 2, 3])).await;
    assert_eq!(cut.end().await.reason, Reason::Malformed);
    // Lies that are well formed: limited at first, then the end.
    let mut liar = Client::join(&server, hello("lab", 1)).await;
    let mut lies = Vec::new();
    for _ in 0..600 {
        batch::push(&mut lies, &frame::arp_from(1, [10, 9, 9, 9]));
    }
    liar.send(&Message::Frames(lies)).await;
    assert_eq!(liar.end().await.reason, Reason::Abuse);
    other.nothing_but_answers().await;
}

#[tokio::test]
async fn limits_of_rooms_members_and_sessions_hold() {
    let limits = Limits { members: 2, rooms: 2, sessions: 5, ..Limits::default() };
    let server = server_with(|config| Config { limits, ..config }).await;
    let _one = Client::join(&server, hello("lab", 1)).await;
    let _two = Client::join(&server, hello("lab", 2)).await;
    assert_eq!(Client::refused(&server, hello("lab", 3)).await.reason, Reason::Full);
    let _other = Client::join(&server, hello("hall", 4)).await;
    assert_eq!(Client::refused(&server, hello("attic", 5)).await.reason, Reason::Full);
    let _more = Client::join(&server, hello("hall", 6)).await;
    // Sessions that were refused are over by now, or a moment later: a fifth one is let in, a sixth is not.
    let _idle = Client::connect(&server).await.unwrap();
    assert!(Client::connect(&server).await.is_none());
}

#[tokio::test]
async fn a_member_that_sends_too_fast_is_slowed_down() {
    let limits = Limits { bytes_per_second: 1 << 20, ..Limits::default() };
    let server = server_with(|config| Config { limits, ..config }).await;
    let mut one = Client::join(&server, hello("lab", 1)).await;
    let begun = std::time::Instant::now();
    let bytes = vec![0; 1 << 20];
    let mut message = vec![200];
    message.extend(u32::to_le_bytes(1000));
    for piece in bytes.chunks_exact(1000) {
        message.resize(5, 0);
        message.extend(piece);
        one.send_bytes(&message).await;
    }
    one.nothing_but_answers().await;
    // Half a second's worth goes at once.
    assert!(begun.elapsed() > Duration::from_millis(400), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_endpoint_that_is_shut_down_says_so_and_its_successor_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let own = |config: Config| Config { certificates: endpoint::Certificates::Own(folder.path().into()), ..config };
    let server = server_with(own).await;
    let mut client = Client::join(&server, hello("lab", 1)).await;
    let (address, hash) = (server.address, server.hash);
    tokio::join!(server.shut_down(), async {
        let end = client.end().await;
        assert_eq!(end, End::new(Reason::Shutdown, "The endpoint is being shut down."));
    });
    let again = server_with(|config| own(Config { listen: address, ..config })).await;
    assert_eq!(again.hash, hash, "browsers know it by this");
    Client::join(&again, hello("lab", 1)).await.nothing_but_answers().await;
    // One that is killed says nothing; its clients notice.
    let mut client = Client::join(&again, hello("lab", 2)).await;
    drop(again);
    assert!(tokio::time::timeout(PATIENCE * 2, client.closed()).await.is_ok());
}
