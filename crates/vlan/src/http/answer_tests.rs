//! What the machine gets.

use super::tests::{NOW, answer, events, output, proxy, request};
use super::{Event, HttpError, Response};

#[test]
fn requests_are_answered_one_after_the_other() {
    let mut connection = proxy();
    let one = "GET http://example.org/1 HTTP/1.1\r\nHost: x\r\n\r\n";
    let two = one.replace("/1 ", "/2 ");
    let both = format!("{one}{two}");
    assert_eq!(connection.input(both.as_bytes(), NOW), one.len(), "the second waits");
    assert_eq!(events(&mut connection).len(), 2);
    connection.respond(&answer(Some(2)));
    assert_eq!(connection.body(b"ok"), 2);
    assert_eq!(connection.input(two.as_bytes(), NOW), 0);
    connection.finish();
    assert_eq!(connection.input(two.as_bytes(), NOW), two.len());
    assert!(matches!(&events(&mut connection)[0], Event::Request(request) if request.url.path() == "/2"));
    connection.respond(&answer(None));
    connection.body(b"ok");
    connection.finish();
    let text = output(&mut connection);
    let first = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
    let second =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert_eq!(text, format!("{first}{second}"));
    assert!(!connection.is_over());
}

#[test]
fn the_stream_ends_when_the_machine_wants_it_or_nothing_else_can_end_the_body() {
    for (head, length, tail, over) in [
        ("1.1\r\nHost: x\r\nConnection: close", Some(2), "connection: close\r\n\r\nok", true),
        ("1.0", Some(2), "connection: close\r\n\r\nok", true),
        ("1.0\r\nConnection: keep-alive", Some(2), "connection: keep-alive\r\n\r\nok", false),
        ("1.0\r\nConnection: keep-alive", None, "connection: close\r\n\r\nok", true),
    ] {
        let mut connection = proxy();
        request(&mut connection, &format!("GET http://example.org/ HTTP/{head}\r\n\r\n"));
        connection.respond(&answer(length));
        connection.body(b"ok");
        connection.finish();
        let text = output(&mut connection);
        assert!(text.ends_with(tail), "{head}: {text}");
        assert_eq!(connection.is_over(), over, "{head}");
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let mut connection = proxy();
    request(&mut connection, "HEAD http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.respond(&answer(Some(1000)));
    assert_eq!(connection.body(b"ignored"), 7);
    connection.finish();
    assert_eq!(output(&mut connection), "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\n\r\n");
    request(&mut connection, "GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.respond(&Response { status: 304, ..answer(None) });
    connection.finish();
    assert_eq!(output(&mut connection), "HTTP/1.1 304 Not Modified\r\ncontent-type: text/plain\r\n\r\n");
}

#[test]
fn an_answer_of_another_length_than_announced_is_cut_off() {
    for body in ["shor", "too long"] {
        let mut connection = proxy();
        request(&mut connection, "GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
        connection.respond(&answer(Some(5)));
        connection.body(body.as_bytes());
        connection.finish();
        assert!(output(&mut connection).ends_with(&body[..body.len().min(5)]));
        assert!(connection.is_cut() && !connection.is_over(), "{body}");
    }
    let mut connection = proxy();
    request(&mut connection, "GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.respond(&answer(None));
    connection.body(b"half");
    connection.refuse(502, "the server went away");
    assert!(output(&mut connection).ends_with("half\r\n") && connection.is_cut());
}

#[test]
fn a_refusal_is_a_sentence_and_the_stream_goes_on() {
    let mut connection = proxy();
    request(&mut connection, "GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.refuse(403, "not allowed");
    let text = output(&mut connection);
    assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\n") && text.ends_with("\r\n\r\nnot allowed\n"), "{text}");
    request(&mut connection, "GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.refuse(504, "the server did not answer in time");
    assert!(output(&mut connection).starts_with("HTTP/1.1 504 Gateway Timeout\r\n"));
}

#[test]
fn who_expects_to_be_asked_is_asked() {
    let mut connection = proxy();
    let text = "PUT http://example.org/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
    assert!(request(&mut connection, text).expects_continue);
    connection.proceed();
    assert_eq!(output(&mut connection), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.input(b"ok", NOW);
    assert_eq!(events(&mut connection), [Event::Body(b"ok".to_vec()), Event::BodyEnd]);
    let mut refused = proxy();
    request(&mut refused, text);
    refused.refuse(403, "no");
    assert!(
        output(&mut refused).contains("connection: close") && refused.is_over(),
        "its body may come or not: nobody can know"
    );
}

#[test]
fn a_machine_that_goes_away_in_the_middle_of_its_body_is_reported() {
    let mut connection = proxy();
    request(&mut connection, "PUT http://example.org/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
    connection.ended();
    assert!(matches!(events(&mut connection)[..], [Event::Broken(HttpError::Framing(_))]));
    let mut whole = proxy();
    request(&mut whole, "GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    whole.ended();
    whole.respond(&answer(Some(2)));
    whole.body(b"ok");
    whole.finish();
    assert!(output(&mut whole).ends_with("ok") && whole.is_over(), "the answer still goes out");
}

#[test]
fn no_more_of_an_answer_is_taken_than_can_wait() {
    let mut connection = proxy();
    request(&mut connection, "GET http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.respond(&answer(None));
    let piece = vec![b'x'; 100_000];
    let taken: usize = (0..100).map(|_| connection.body(&piece)).sum();
    assert!((200_000..=256 * 1024).contains(&taken), "{taken}");
    assert_eq!((connection.body(&piece), connection.room()), (0, 0));
}
