#![no_main]
//! An answer of any bytes, whole and cut into pieces: what comes of it is the same, and never more than came in.

use vlan::http::{Exchange, Part, Question};

fn run(data: &[u8], step: usize, method: &str, websocket: bool) -> Result<(u16, Vec<u8>, bool), String> {
    let (target, host) = ("/".to_owned(), "machine.lan".to_owned());
    let question = Question { method: method.to_owned(), target, host, headers: vec![], body: vec![], websocket };
    let mut exchange = Exchange::new(&question);
    let (mut status, mut body, mut whole) = (0, vec![], false);
    let mut take = |exchange: &mut Exchange| {
        while let Some(part) = exchange.part() {
            match part {
                Part::Head(head) => {
                    assert!(status == 0 && (head.status >= 200 || websocket && head.status == 101));
                    status = head.status;
                }
                Part::Body(bytes) => body.extend(bytes),
                Part::End => whole = true,
            }
        }
    };
    for piece in data.chunks(step) {
        let mut at = 0;
        while at < piece.len() {
            at += exchange.input(&piece[at..]).map_err(|error| error.to_string())?;
            take(&mut exchange);
        }
    }
    exchange.ended().map_err(|error| error.to_string())?;
    take(&mut exchange);
    assert!(whole && body.len() <= data.len());
    Ok((status, body, whole))
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((step, data)) = data.split_first() else { return };
    let method = if step & 128 == 0 { "GET" } else { "HEAD" };
    let (websocket, step) = (step & 64 != 0, usize::from(step & 63).max(1));
    assert_eq!(run(data, usize::MAX / 2, method, websocket), run(data, step, method, websocket));
});
