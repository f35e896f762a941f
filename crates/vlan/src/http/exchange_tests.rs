//! Answers of web servers inside machines.

use super::exchange::{Exchange, ExchangeError, Part, Question};
use proptest::prelude::*;

fn question(method: &str) -> Question {
    Question {
        method: method.to_owned(),
        target: "/a?b".to_owned(),
        host: "alpine-1.lan:8080".to_owned(),
        headers: vec![("accept".to_owned(), b"*/*".to_vec())],
        body: vec![],
        websocket: false,
    }
}

/// What comes of an answer that arrives in pieces of this length.
fn read(method: &str, answer: &[u8], step: usize) -> Result<(u16, Vec<u8>, bool), ExchangeError> {
    let mut exchange = Exchange::new(&question(method));
    let (mut status, mut body, mut whole) = (0, vec![], false);
    let mut take = |exchange: &mut Exchange| {
        while let Some(part) = exchange.part() {
            match part {
                Part::Head(head) => status = head.status,
                Part::Body(bytes) => body.extend(bytes),
                Part::End => whole = true,
            }
        }
    };
    for piece in answer.chunks(step) {
        let mut at = 0;
        while at < piece.len() {
            at += exchange.input(&piece[at..])?;
            take(&mut exchange);
        }
    }
    exchange.ended()?;
    take(&mut exchange);
    Ok((status, body, whole))
}

#[test]
fn a_connection_becomes_a_socket_only_if_that_was_asked() {
    let question = Question { websocket: true, ..question("GET") };
    let text = String::from_utf8(question.bytes().unwrap()).unwrap();
    assert!(text.contains("\r\nconnection: upgrade\r\nupgrade: websocket\r\n"), "{text}");
    let mut exchange = Exchange::new(&question);
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x81\x02hi";
    assert_eq!(exchange.input(answer), Ok(answer.len()));
    assert!(matches!(exchange.part(), Some(Part::Head(head)) if head.status == 101));
    assert_eq!(exchange.part(), Some(Part::Body(b"\x81\x02hi".to_vec())));
    exchange.input(b"more").unwrap();
    exchange.ended().unwrap();
    assert_eq!([exchange.part(), exchange.part()], [Some(Part::Body(b"more".to_vec())), Some(Part::End)]);
    // A server that does not want to answers as ever.
    let mut exchange = Exchange::new(&question);
    exchange.input(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno").unwrap();
    assert!(exchange.is_done());
}

#[test]
fn a_question_is_one_request_and_nothing_can_be_put_into_it() {
    let text = String::from_utf8(question("GET").bytes().unwrap()).unwrap();
    assert_eq!(text, "GET /a?b HTTP/1.1\r\nhost: alpine-1.lan:8080\r\nconnection: close\r\naccept: */*\r\n\r\n");
    let sent = Question {
        headers: vec![("Connection".into(), b"x-a".to_vec()), ("x-a".into(), vec![]), ("Host".into(), vec![])],
        body: b"12".to_vec(),
        ..question("POST")
    };
    let text = String::from_utf8(sent.bytes().unwrap()).unwrap();
    assert!(text.ends_with("connection: close\r\ncontent-length: 2\r\n\r\n12"), "{text}");
    for wrong in [
        Question { method: "GET /x HTTP/1.1\r\nX:".into(), ..question("GET") },
        Question { method: "CONNECT".into(), ..question("GET") },
        Question { target: "/ HTTP/1.1\r\nx: y".into(), ..question("GET") },
        Question { target: "http://elsewhere/".into(), ..question("GET") },
        Question { host: "a\r\nb".into(), ..question("GET") },
        Question { headers: vec![("a".into(), b"b\r\nc: d".to_vec())], ..question("GET") },
        Question { headers: vec![("a b".into(), vec![])], ..question("GET") },
    ] {
        assert!(matches!(wrong.bytes(), Err(ExchangeError::Question(_))), "{wrong:?}");
    }
}

#[test]
fn an_answer_ends_by_its_length_in_chunks_or_with_the_stream() {
    for (answer, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.0 200 OK\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
        ("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"),
        ("HTTP/1.1 204 No\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok"),
    ] {
        for step in [1, 7, 1000] {
            let (status, read, whole) = read("GET", answer.as_bytes(), step).unwrap();
            assert!((200..300).contains(&status) && whole, "{answer}");
            assert_eq!(read, body.as_bytes(), "{answer}");
        }
    }
    let head = read("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 1000).unwrap();
    assert_eq!(head, (200, vec![], true));
}

#[test]
fn what_is_unclear_or_too_much_is_an_error() {
    for (answer, wrong) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "complete"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "complete"),
        ("", "complete"),
        ("SSH-2.0-server\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "more than one length"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "no number"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "unclear"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "unclear"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "chunk"),
        ("HTTP/1.1 101 Switching\r\n\r\n", "come to an answer"),
    ] {
        let error = read("GET", answer.as_bytes(), 1000).unwrap_err().to_string();
        assert!(error.contains(wrong), "{answer}: {error}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(20_000));
    assert_eq!(read("GET", endless.as_bytes(), 1000), Err(ExchangeError::HeadTooLarge));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    assert_eq!(read("GET", many.as_bytes(), 1000), Err(ExchangeError::HeadTooLarge));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(9);
    assert!(read("GET", interim.as_bytes(), 1000).is_err());
}

#[test]
fn a_body_that_nobody_takes_is_not_read() {
    let mut exchange = Exchange::new(&question("GET"));
    exchange.input(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (mut taken, piece) = (0, [0; 10_000]);
    for _ in 0..100 {
        taken += exchange.input(&piece).unwrap();
    }
    assert_eq!((taken, exchange.room()), (256 * 1024, 0));
    while exchange.part().is_some() {}
    assert_eq!(exchange.room(), 256 * 1024);
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_an_error_however_they_are_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), head in any::<bool>(), step in 1_usize..50,
    ) {
        let mut answer = if head { b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec() } else { vec![] };
        answer.extend(bytes);
        prop_assert_eq!(read("GET", &answer, 1000), read("GET", &answer, step));
    }
}
