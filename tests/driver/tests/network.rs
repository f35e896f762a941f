//! Hosts on a switch, without any browser: what their cables do to what they say.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

use driver::Network;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for everything that is not lost.
const SOON: Duration = Duration::from_secs(3);

/// Sockets on the first two hosts.
fn sockets(network: &Network) -> [UdpSocket; 2] {
    [1, 2].map(|host| {
        let socket = network.udp(host, 7000).unwrap();
        socket.connect((format!("10.99.0.{}", 3 - host), 7000)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    })
}

/// How long a question and its answer take.
fn round_trip(near: &UdpSocket, far: &UdpSocket) -> Duration {
    let mut buffer = [0; 2000];
    let asked = Instant::now();
    near.send(&[1; 1400]).unwrap();
    let length = far.recv(&mut buffer).unwrap();
    far.send(&buffer[..length]).unwrap();
    assert_eq!(near.recv(&mut buffer).unwrap(), 1400);
    asked.elapsed()
}

/// The least of several, since the machine may be busy.
fn least(near: &UdpSocket, far: &UdpSocket) -> Duration {
    (0..10).map(|_| round_trip(near, far)).min().unwrap()
}

#[test]
fn a_cable_delays_and_loses_what_it_is_told_to() {
    let mut network = Network::new(2).unwrap();
    let [near, far] = sockets(&network);
    assert!(least(&near, &far) < Duration::from_millis(10));

    network.set_cable(2, Duration::from_millis(30), 0.0).unwrap();
    let slow = least(&near, &far);
    assert!((60..90).contains(&slow.as_millis()), "{slow:?}");

    network.set_cable(2, Duration::ZERO, 20.0).unwrap();
    let hear = || {
        let (mut numbers, mut buffer) = (vec![], [0; 2]);
        while far.recv(&mut buffer).is_ok() {
            numbers.push(u16::from_be_bytes(buffer));
        }
        numbers
    };
    // Heard at once: a socket keeps only some hundreds.
    let numbers = thread::scope(|scope| {
        let heard = scope.spawn(hear);
        for number in 0..1000_u16 {
            near.send(&number.to_be_bytes()).unwrap();
            thread::sleep(Duration::from_micros(200));
        }
        heard.join().unwrap()
    });
    assert!((750..850).contains(&numbers.len()), "{} of 1000 have come", numbers.len());
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");

    // And back, and once more.
    let all_come = || (0..200).all(|_| round_trip(&near, &far) < SOON);
    for _ in 0..2 {
        network.set_cable(2, Duration::ZERO, 0.0).unwrap();
        assert!(all_come() && least(&near, &far) < Duration::from_millis(10));
        network.set_cable(2, Duration::from_millis(30), 0.0).unwrap();
        assert!(least(&near, &far) >= Duration::from_millis(60));
    }
}

#[test]
fn a_cable_is_pulled_out_and_put_back_whatever_it_does() {
    let mut network = Network::new(2).unwrap();
    let [near, far] = sockets(&network);
    network.set_cable(1, Duration::from_millis(5), 0.0).unwrap();
    round_trip(&near, &far);
    network.plug(1, false).unwrap();
    near.send(b"lost").unwrap();
    far.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(far.recv(&mut [0; 4]).is_err());
    network.plug(1, true).unwrap();
    far.set_read_timeout(Some(SOON)).unwrap();
    assert!(least(&near, &far) >= Duration::from_millis(10));
}
