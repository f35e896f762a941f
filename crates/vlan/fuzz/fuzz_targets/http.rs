#![no_main]
//! A stream of any bytes, whole and cut into pieces: what comes of it is the same.

use std::time::Duration;
use vlan::http::{Connection, Event, Limits, Via};

fn run(data: &[u8], step: usize, via: &Via) -> Vec<String> {
    let now = Duration::ZERO;
    let limits = Limits { head_bytes: 2000, headers: 10, body_bytes: 5000, ..Limits::default() };
    let mut connection = Connection::new(via.clone(), limits, now);
    let (mut at, mut log, mut body) = (0, Vec::new(), Vec::new());
    while at < data.len() {
        let end = (at + step).min(data.len());
        let mut moved = connection.input(&data[at..end], now);
        at += moved;
        while let Some(event) = connection.event() {
            moved += 1;
            match event {
                Event::Body(bytes) => body.extend(bytes),
                Event::BodyEnd => {
                    log.push(format!("{body:?}"));
                    body.clear();
                    connection.refuse(403, "no");
                }
                Event::Request(request) => {
                    assert!(request.url.has_host());
                    log.push(format!("{} {} {:?}", request.method, request.url, request.headers));
                }
                Event::Connect(host, port) => {
                    assert!(!host.is_empty() && port > 0);
                    log.push(format!("tunnel {host} {port}"));
                    connection.refuse(403, "no");
                }
                // How much of the body came before depends on the pieces.
                Event::Broken(error) => log.push(error.to_string()),
            }
        }
        if moved == 0 {
            break;
        }
    }
    log.push(String::from_utf8_lossy(connection.output()).into_owned());
    log
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((step, data)) = data.split_first() else { return };
    let caught = Via::Caught { name: Some("a.example".into()), address: [1, 1, 1, 1].into(), port: 80, tls: false };
    for via in [Via::Proxy, caught] {
        assert_eq!(run(data, usize::MAX / 2, &via), run(data, usize::from(*step).max(1), &via));
    }
});
