use super::*;
use proptest::prelude::*;
use std::time::Duration;

pub(super) const NOW: Duration = Duration::from_secs(7);

pub(super) fn proxy() -> Connection {
    Connection::new(Via::Proxy, Limits::default(), NOW)
}

pub(super) fn caught(name: Option<&str>, port: u16) -> Connection {
    let via = Via::Caught { name: name.map(str::to_owned), address: [93, 184, 216, 34].into(), port, tls: false };
    Connection::new(via, Limits::default(), NOW)
}

pub(super) fn events(connection: &mut Connection) -> Vec<Event> {
    std::iter::from_fn(|| connection.event()).collect()
}

pub(super) fn output(connection: &mut Connection) -> String {
    let text = String::from_utf8_lossy(connection.output()).into_owned();
    connection.sent(text.len(), NOW);
    text
}

pub(super) fn request(connection: &mut Connection, text: &str) -> Request {
    assert_eq!(connection.input(text.as_bytes(), NOW), text.len());
    match events(connection).remove(0) {
        Event::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

/// What comes of a text that is to be refused: the status, and the sentence.
pub(super) fn refusal(connection: &mut Connection, text: &str) -> (u16, String) {
    connection.input(text.as_bytes(), NOW);
    let answer = output(connection);
    assert!(connection.is_over() || connection.is_cut(), "{text:?}: {answer:?}");
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{text:?}: {answer:?}")), answer.rsplit("\r\n").next().unwrap().to_owned())
}

pub(super) fn answer(length: Option<u64>) -> Response {
    let headers = vec![("Content-Type".to_owned(), b"text/plain".to_vec())];
    Response { status: 200, reason: String::new(), headers, length }
}

#[test]
fn a_proxys_request_names_the_whole_address() {
    let text =
        "GET http://Example.org:8080/a%20b?c#d HTTP/1.1\r\nHost: other\r\nAccept: */*\r\nRange: bytes=1-\r\n\r\n";
    let request = request(&mut proxy(), text);
    assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "http://example.org:8080/a%20b?c"));
    assert_eq!(request.headers, [("accept".into(), b"*/*".to_vec()), ("range".into(), b"bytes=1-".to_vec())]);
    assert!(!request.has_body() && !request.expects_continue);
    let upgraded = self::request(&mut proxy(), "GET https://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(upgraded.url.scheme(), "https");
}

#[test]
fn a_caught_request_means_the_host_that_it_names() {
    let url = |name, port, head: &str| request(&mut caught(name, port), &format!("GET /x HTTP/1.{head}\r\n\r\n")).url;
    assert_eq!(url(Some("a.example"), 80, "1\r\nHost: b.example").as_str(), "http://b.example/x");
    assert_eq!(url(Some("a.example"), 8080, "1\r\nHost: b.example").as_str(), "http://b.example:8080/x");
    assert_eq!(url(Some("a.example"), 8080, "1\r\nHost: b.example:81").as_str(), "http://b.example:81/x");
    assert_eq!(url(Some("a.example"), 80, "0").as_str(), "http://a.example/x");
    assert_eq!(url(None, 80, "0").as_str(), "http://93.184.216.34/x");
    assert_eq!(url(None, 8080, "1\r\nHost: [2606:4700::1]").as_str(), "http://[2606:4700::1]:8080/x");
    assert_eq!(url(None, 80, "1\r\nHost: [2606:4700::1]:81").as_str(), "http://[2606:4700::1]:81/x");
}

#[test]
fn a_tunnel_is_the_proxys_business() {
    let mut connection = proxy();
    let text = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n\x16\x03\x01";
    assert_eq!(connection.input(text, NOW), text.len() - 3, "the rest is the tunnel's");
    assert_eq!(events(&mut connection), [Event::Connect("example.org".into(), 443)]);
    connection.tunnel();
    assert_eq!(output(&mut connection), "HTTP/1.1 200 Connection established\r\n\r\n");
    assert_eq!(connection.input(b"\x16\x03\x01", NOW), 0);
    let head = |target: &str| format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(refusal(&mut caught(None, 80), &head("example.org:443")).0, 405);
    for target in
        ["example.org", "example.org:0", "example.org:99999", "a@example.org:1", "http://a/:1", "a/b:1", "a?b:1", ":1"]
    {
        assert_eq!(refusal(&mut proxy(), &head(target)).0, 400, "{target}");
    }
}

#[test]
fn what_is_about_the_connection_stays_here() {
    let text = "GET http://example.org/ HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n\
        Proxy-Authorization: secret\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Other: 2\r\n\r\n";
    let mut connection = proxy();
    assert_eq!(request(&mut connection, text).headers, [("x-other".into(), b"2".to_vec())]);
    let mut response = answer(Some(0));
    for (name, value) in
        [("Connection", "X-Hop"), ("x-hop", "1"), ("Transfer-Encoding", "chunked"), ("Content-Length", "77")]
    {
        response.headers.push((name.into(), value.into()));
    }
    response.headers.push(("x-evil".into(), b"a\r\nset-cookie: b".to_vec()));
    response.headers.push(("bad name".into(), b"x".to_vec()));
    connection.respond(&response);
    connection.finish();
    assert_eq!(output(&mut connection), "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_body_comes_in_pieces_however_it_is_cut() {
    for text in [
        "POST http://example.org/ HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
        "POST http://example.org/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6 ; z\r\n world\r\n0\r\nTrailer: 1\r\n\r\n",
    ] {
        for step in 1..text.len() {
            let (mut connection, mut at, mut body, mut ended) = (proxy(), 0, Vec::new(), false);
            while at < text.len() {
                let end = (at + step).min(text.len());
                at += connection.input(&text.as_bytes()[at..end], NOW);
                for event in events(&mut connection) {
                    match event {
                        Event::Request(request) => assert!(request.has_body()),
                        Event::Body(bytes) => body.extend(bytes),
                        Event::BodyEnd => ended = true,
                        other => panic!("{step}: {other:?}"),
                    }
                }
            }
            assert_eq!((body.as_slice(), ended), (&b"hello world"[..], true), "in steps of {step}");
        }
    }
}

#[test]
fn a_body_that_nobody_takes_makes_the_machine_wait() {
    let mut connection = proxy();
    let head = "POST http://example.org/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n";
    connection.input(head.as_bytes(), NOW);
    let piece = vec![1; 1_000_000];
    let taken = connection.input(&piece, NOW);
    assert_eq!(taken, 64 * 1024);
    assert_eq!(connection.input(&piece, NOW), 0);
    assert_eq!(events(&mut connection).len(), 2);
    assert_eq!(connection.input(&piece, NOW), 64 * 1024);
}

/// What smugglers send, and what nobody can make sense of.
#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let head = |rest: &str| format!("POST http://example.org/ HTTP/1.1\r\nHost: x\r\n{rest}\r\n\r\n");
    for (status, rest) in [
        (400, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        (400, "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        (400, "Content-Length: 5\r\nContent-Length: 5"),
        (400, "Content-Length: 5, 5"),
        (400, "Content-Length: +5"),
        (400, "Content-Length: -5"),
        (400, "Content-Length: 0x5"),
        (400, "Content-Length: "),
        (400, "Content-Length: 99999999999999999999"),
        (400, "Content-Length : 5"),
        (501, "Transfer-Encoding: xchunked"),
        (501, "Transfer-Encoding: gzip, chunked"),
        (501, "Transfer-Encoding: chunked, chunked"),
        (501, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        (501, "Transfer-Encoding:"),
        (400, "Transfer-Encoding: chunked\r\n Content-Length: 5"),
        (400, "X: a\n\nGET / HTTP/1.1"),
        (400, "X: a\nContent-Length: 5"),
        (400, "X: a\rContent-Length: 5"),
        (400, "X: a\0b"),
        (400, "Host: y"),
        (400, " X: leading"),
        (417, "Expect: 200-ok"),
    ] {
        assert_eq!(refusal(&mut proxy(), &head(rest)).0, status, "{rest:?}");
    }
    for (status, text) in [
        (400, "GET http://example.org/ HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, "GET example.org HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, "GET http:// HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
        (505, "GET http://example.org/ HTTP/2.0\r\nHost: x\r\n\r\n"),
        (400, "G\x7fT http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        (405, "TRACE http://example.org/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        (400, "POST http://example.org/ HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        assert_eq!(refusal(&mut proxy(), text).0, status, "{text:?}");
    }
    for host in ["a/b", "a@b", "a?b", "a b", "a#b", "a\\b", "a,b"] {
        assert_eq!(refusal(&mut caught(None, 80), &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).0, 400, "{host}");
    }
}

#[test]
fn a_malformed_chunk_breaks_the_request_off() {
    for chunk in [
        "x\r\n",
        "\r\n",
        "5\n",
        "-1\r\n",
        "+1\r\n",
        "0x5\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\r\nhello!\r\n",
        "5\r\nhello\n",
        "ffffffffffffffff\r\n",
        "0\r\nX: y\n\r\n",
        "1\rx\r\n",
    ] {
        let mut connection = proxy();
        let head = "POST http://example.org/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (status, sentence) = refusal(&mut connection, &format!("{head}{chunk}"));
        assert!(status == 400 && sentence.contains("chunk"), "{chunk:?}: {status} {sentence}");
        assert!(matches!(events(&mut connection).last(), Some(Event::Broken(HttpError::Framing(_)))), "{chunk:?}");
    }
    let endless = format!(
        "{}{}",
        "POST http://example.org/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        "x".repeat(300)
    );
    assert_eq!(refusal(&mut proxy(), &endless).0, 400);
}

#[test]
fn sizes_and_patience_have_limits() {
    let limits = Limits { head_bytes: 1000, headers: 5, body_bytes: 10, patience: Duration::from_secs(5) };
    let new = || Connection::new(Via::Proxy, limits, NOW);
    let start = "POST http://example.org/ HTTP/1.1\r\nHost: x\r\n";
    assert_eq!(refusal(&mut new(), &format!("{start}X: {}", "y".repeat(1000))).0, 431);
    assert_eq!(refusal(&mut new(), &format!("{start}{}\r\n", "X: y\r\n".repeat(5))).0, 431);
    assert_eq!(refusal(&mut new(), &format!("{start}Content-Length: 11\r\n\r\n")).0, 413);
    let mut chunked = new();
    let (status, _) =
        refusal(&mut chunked, &format!("{start}Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n3\r\n"));
    assert_eq!(status, 413);
    assert_eq!(events(&mut chunked).last(), Some(&Event::Broken(HttpError::BodyTooLarge(10))));

    let mut slow = new();
    slow.input(b"GET http://exam", NOW);
    slow.tick(NOW + Duration::from_millis(4999));
    assert!(output(&mut slow).is_empty());
    slow.tick(NOW + Duration::from_secs(5));
    assert!(output(&mut slow).starts_with("HTTP/1.1 408 ") && slow.is_over());
    let mut idle = new();
    idle.tick(NOW + Duration::from_secs(5));
    assert!(output(&mut idle).is_empty() && idle.is_over(), "who has said nothing is told nothing");
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_survived(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..10)) {
        let mut connection = proxy();
        for piece in pieces {
            connection.input(&piece, NOW);
            while let Some(event) = connection.event() {
                if matches!(event, Event::Request(_)) {
                    connection.refuse(403, "no");
                }
            }
        }
    }

    #[test]
    fn how_a_stream_is_cut_changes_nothing(cuts in prop::collection::vec(1usize..40, 1..60), words in prop::collection::vec(0usize..12, 1..12)) {
        const WORDS: [&str; 12] = ["GET http://a.example/ HTTP/1.1\r\n", "POST http://a.example/ HTTP/1.1\r\n", "Host: x\r\n", "\r\n", "\n", "Content-Length: 3\r\n",
            "abc", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n", "0\r\n\r\n", "Connection: close\r\n", "\r"];
        let text: String = words.iter().map(|word| WORDS[*word]).collect();
        let run = |cuts: &mut dyn Iterator<Item = usize>| {
            let (mut connection, mut at, mut log) = (proxy(), 0, String::new());
            let mut body = Vec::new();
            while at < text.len() {
                let end = (at + cuts.next().unwrap_or(1)).min(text.len());
                let taken = connection.input(&text.as_bytes()[at..end], NOW);
                at += taken;
                let mut moved = taken > 0;
                for event in events(&mut connection) {
                    moved = true;
                    match event {
                        Event::Body(bytes) => body.extend(bytes),
                        Event::BodyEnd => {
                            log += &format!("end {body:?} ");
                            connection.refuse(403, "no");
                        }
                        Event::Request(request) => log += &format!("{} ", request.method),
                        other => log += &format!("{other:?} "),
                    }
                }
                if !moved { break; }
            }
            log + &output(&mut connection)
        };
        prop_assert_eq!(run(&mut std::iter::repeat(usize::MAX / 2)), run(&mut cuts.iter().copied().cycle()));
    }
}
