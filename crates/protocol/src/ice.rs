//! Servers that help browsers to be found (STUN, RFC 8489) and to be reached (TURN, RFC 8656), which only the user names.
//!
//! They are written as text, one server in each line: its address (RFC 7064, RFC 7065), and for TURN the name and the password that it wants.

use std::fmt;

/// Where pages keep the text, in `localStorage`: neither the catalog nor what is exported has the passwords.
pub const ICE_SERVERS_KEY: &str = "ice-servers";
/// The most servers: browsers warn of more, since each is asked from each address.
pub const ICE_SERVERS_MAX: usize = 4;
/// The longest text, in bytes.
pub const ICE_TEXT_MAX: usize = 2048;

/// Why a line names no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IceError {
    /// Not an address of such a server.
    #[error("“{0}” is not a server: write stun:HOST:PORT, or turn:HOST:PORT NAME PASSWORD")]
    Address(String),
    /// TURN serves nobody whom it does not know.
    #[error("{0} needs a name and a password behind it")]
    Secret(String),
    /// STUN asks nobody who he is.
    #[error("{0} takes no name and no password")]
    NoSecret(String),
    /// Too many.
    #[error("more than {ICE_SERVERS_MAX} servers")]
    Many,
    /// Too long.
    #[error("more than {ICE_TEXT_MAX} characters")]
    Long,
}

/// A server.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// Its address, such as `stun:stun.example.org:3478`.
    pub url: String,
    /// The name and the password for TURN.
    pub secret: Option<(String, String)>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Whether it is a host, by name or by address.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
            !host.is_empty() && host.len() <= 253 && host.chars().all(fine)
        }
    }
}

fn is_place(place: &str) -> bool {
    // A colon within brackets belongs to the address.
    let from = place.rfind(']').unwrap_or(0);
    match place[from..].find(':').map(|at| place.split_at(from + at)) {
        Some((host, port)) => is_host(host) && port[1..].parse::<u16>().is_ok_and(|port| port > 0),
        None => is_host(place),
    }
}

impl IceServer {
    fn parse(line: &str) -> Result<Self, IceError> {
        let mut words = line.split_whitespace();
        let url = words.next().unwrap_or_default().to_owned();
        let wrong = || IceError::Address(url.clone());
        let (scheme, rest) = url.split_once(':').ok_or_else(wrong)?;
        let relays = matches!(scheme, "turn" | "turns");
        let place = match rest.split_once('?') {
            Some((place, "transport=udp" | "transport=tcp")) if relays => place,
            Some(_) => return Err(wrong()),
            None => rest,
        };
        if !(relays || matches!(scheme, "stun" | "stuns")) || !is_place(place) {
            return Err(wrong());
        }
        let secret = match (relays, words.next(), words.next(), words.next()) {
            (false, None, ..) => None,
            (false, ..) => return Err(IceError::NoSecret(url)),
            (true, Some(name), Some(password), None) => Some((name.to_owned(), password.to_owned())),
            (true, ..) => return Err(IceError::Secret(url)),
        };
        Ok(Self { url, secret })
    }

    /// All of a text.
    pub fn all(text: &str) -> Result<Vec<Self>, IceError> {
        if text.len() > ICE_TEXT_MAX {
            return Err(IceError::Long);
        }
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let servers: Vec<_> = lines.map(Self::parse).collect::<Result<_, _>>()?;
        if servers.len() > ICE_SERVERS_MAX { Err(IceError::Many) } else { Ok(servers) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url_and_secret(line: &str) -> (String, Option<(String, String)>) {
        let [IceServer { url, secret }] = IceServer::all(line).unwrap().try_into().unwrap();
        (url, secret)
    }

    #[test]
    fn servers_are_read() {
        let secret = Some(("me".to_owned(), "secret".to_owned()));
        for (line, wanted) in [
            ("stun:stun.example.org", ("stun:stun.example.org", None)),
            ("\n  stuns:192.0.2.1:5349 \n", ("stuns:192.0.2.1:5349", None)),
            ("stun:[2001:db8::1]:3478", ("stun:[2001:db8::1]:3478", None)),
            ("turn:a.example  me secret", ("turn:a.example", secret.clone())),
            ("turns:a.example:443?transport=tcp me secret", ("turns:a.example:443?transport=tcp", secret)),
        ] {
            let (url, secret) = wanted;
            assert_eq!(url_and_secret(line), (url.to_owned(), secret));
        }
        assert_eq!(IceServer::all("").unwrap(), []);
    }

    #[test]
    fn what_is_no_server_is_refused_with_a_sentence() {
        for line in [
            "stun.example.org:3478",
            "http://example.org",
            "stun:",
            "stun::3478",
            "stun:a:0",
            "stun:a:65536",
            "stun:a b.example",
            "stun:[::1",
            "stun:a?transport=udp",
            "turn:a?transport=quic me secret",
            "stun:é",
        ] {
            let error = IceServer::all(line).unwrap_err();
            let expected = matches!(error, IceError::Address(_) | IceError::NoSecret(_));
            assert!(expected, "{line}: {error}");
        }
        assert_eq!(IceServer::all("turn:a me"), Err(IceError::Secret("turn:a".to_owned())));
        assert_eq!(IceServer::all("turn:a me my secret"), Err(IceError::Secret("turn:a".to_owned())));
        assert_eq!(IceServer::all(&"stun:a\n".repeat(ICE_SERVERS_MAX + 1)), Err(IceError::Many));
        assert_eq!(IceServer::all(&" ".repeat(ICE_TEXT_MAX + 1)), Err(IceError::Long));
    }

    #[test]
    fn a_password_is_in_no_log() {
        let shown = format!("{:?}", IceServer::all("turn:a me hush").unwrap());
        assert!(shown.contains("turn:a") && !shown.contains("hush"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_text_is_servers_or_refused(text in "((stun|turns?):.{0,20}( .{0,9}){0,3}\n){0,3}.{0,40}") {
            if let Ok(servers) = IceServer::all(&text) {
                prop_assert!(servers.iter().all(|server| text.contains(&server.url)));
            }
        }
    }
}
