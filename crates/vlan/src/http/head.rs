//! What comes before a request's body.

use super::body::Length;
use super::{Header, HttpError, end_to_end, tokens};
use crate::policy;
use std::net::Ipv4Addr;
use url::Url;

/// How the machine came here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// It knows that it speaks with a proxy.
    Proxy,
    /// It believes to speak with this host.
    Caught {
        /// The name that it looked up, if the address stands for one.
        name: Option<String>,
        /// The address that it connected to.
        address: Ipv4Addr,
        /// The port that it connected to.
        port: u16,
        /// Whether it speaks TLS, which the embedding has taken off.
        tls: bool,
    },
}

/// A request, ready to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, as it came.
    pub method: String,
    /// What is to be fetched. Nobody has asked the policy yet.
    pub url: Url,
    /// The headers, without those about the connection, the host and the body's length.
    pub headers: Vec<Header>,
    /// How long the body is.
    pub body: Length,
    /// The machine waits to be told to go on before it sends the body.
    pub expects_continue: bool,
}

/// A head that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Request(Request),
    /// A tunnel to this host and port is wanted.
    Connect(String, u16),
}

/// What the answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// HTTP/1.0.
    pub(super) old: bool,
    pub(super) keep_alive: bool,
    /// The answer has no body (HEAD).
    pub(super) bodiless: bool,
}

/// Reads a head, if all of it is there.
pub(super) fn parse(bytes: &[u8], via: &Via, max_headers: usize) -> Result<Option<(Head, Manner)>, HttpError> {
    let mut storage = vec![httparse::EMPTY_HEADER; max_headers];
    let mut parsed = httparse::Request::new(&mut storage);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(HttpError::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(HttpError::Version),
        Err(_) => return Err(HttpError::Malformed("its first line or one of its headers is no good")),
    };
    strict_lines(&bytes[..length])?;
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(HttpError::Malformed("its first line is no good"));
    };
    let mut headers: Vec<Header> =
        parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect();
    let old = minor == 0;
    let manner = Manner { old, keep_alive: keep_alive(&headers, old), bodiless: method == "HEAD" };
    let host = host(&headers, old)?;
    if method == "CONNECT" {
        return connect(target, via).map(|head| Some((head, manner)));
    }
    // What fetch refuses to send (Fetch Standard, "forbidden method").
    if matches!(method, "TRACE" | "TRACK") {
        return Err(HttpError::Method(method.to_owned()));
    }
    let body = Length::of(&headers, old)?;
    let expects_continue = expectation(&headers)? && !old && body != Length::Known(0);
    let url = url(target, host.as_deref(), via)?;
    end_to_end(&mut headers);
    headers.retain(|(name, _)| !matches!(name.as_str(), "host" | "content-length" | "expect"));
    let request = Request { method: method.to_owned(), url, headers, body, expects_continue };
    Ok(Some((Head::Request(request), manner)))
}

/// Lines end with CR LF and with nothing else (RFC 9112, section 2.2): a bare LF is where others might see another header.
fn strict_lines(head: &[u8]) -> Result<(), HttpError> {
    let lines = head.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (at, _) in lines {
        if at == 0 || head[at - 1] != b'\r' {
            return Err(HttpError::Malformed("its lines do not end with CR LF"));
        }
    }
    Ok(())
}

fn values<'a>(headers: &'a [Header], wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_slice())
}

fn keep_alive(headers: &[Header], old: bool) -> bool {
    let has = |wanted: &str| {
        let lists = ["connection", "proxy-connection"].into_iter().flat_map(|name| values(headers, name));
        lists.flat_map(tokens).any(|token| token == wanted)
    };
    !has("close") && (!old || has("keep-alive"))
}

fn expectation(headers: &[Header]) -> Result<bool, HttpError> {
    let mut expectations = values(headers, "expect").flat_map(tokens).peekable();
    let any = expectations.peek().is_some();
    if expectations.all(|token| token == "100-continue") { Ok(any) } else { Err(HttpError::Expectation) }
}

/// The one Host header, checked: only what can be part of an authority is taken.
fn host(headers: &[Header], old: bool) -> Result<Option<String>, HttpError> {
    let mut hosts = values(headers, "host");
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(HttpError::Malformed("it has more than one Host header"));
    }
    let Some(first) = first else {
        return if old { Ok(None) } else { Err(HttpError::Malformed("it has no Host header")) };
    };
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~[]:%".contains(byte);
    if !first.iter().all(fits) {
        return Err(HttpError::Malformed("its Host header is no host"));
    }
    Ok(Some(String::from_utf8_lossy(first).into_owned()).filter(|host| !host.is_empty()))
}

fn connect(target: &str, via: &Via) -> Result<Head, HttpError> {
    if *via != Via::Proxy {
        return Err(HttpError::Connect);
    }
    let wrong = || HttpError::Target("a tunnel leads to HOST:PORT".to_owned());
    let (host, port) = target.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port: &u16| *port > 0 && !target.ends_with('+')).ok_or_else(wrong)?;
    // Judged as a URL's host would be.
    let url = policy::parse(&format!("https://{host}/")).map_err(|refusal| HttpError::Target(refusal.to_string()))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.port().is_none() && url.path() == "/";
    let host = url.host_str().filter(|_| plain && url.query().is_none() && url.fragment().is_none());
    host.map(|host| Head::Connect(host.to_owned(), port)).ok_or_else(wrong)
}

fn url(target: &str, host: Option<&str>, via: &Via) -> Result<Url, HttpError> {
    let text = if target.starts_with('/') { absolute(target, host, via)? } else { target.to_owned() };
    if !text.contains("://") {
        return Err(HttpError::Target("the proxy needs a whole address, such as http://example.org/".to_owned()));
    }
    let mut url = policy::parse(&text).map_err(|refusal| HttpError::Target(refusal.to_string()))?;
    url.set_fragment(None);
    if url.has_host() { Ok(url) } else { Err(HttpError::Target("it has no host".to_owned())) }
}

/// The address that a request in origin form means: the Host header's, else where the machine connected to.
fn absolute(target: &str, host: Option<&str>, via: &Via) -> Result<String, HttpError> {
    let Via::Caught { name, address, port, tls } = via else {
        return Err(HttpError::Target("the proxy needs a whole address, such as http://example.org/".to_owned()));
    };
    let (scheme, usual) = if *tls { ("https", 443) } else { ("http", 80) };
    let authority = match (host, name) {
        (Some(host), _) if *port == usual || host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) => {
            host.to_owned()
        }
        // Clients leave out only the scheme's own port.
        (Some(host), _) => format!("{host}:{port}"),
        (None, Some(name)) => format!("{name}:{port}"),
        (None, None) => format!("{address}:{port}"),
    };
    Ok(format!("{scheme}://{authority}{target}"))
}
