//! A client that trusts the authority, or does not, speaks with the gateway's end.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use authority::{Authority, Tls};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use std::io::{Cursor, Read, Write};
use std::sync::Arc;
use std::time::Duration;

const NOW: Duration = Duration::from_secs(1_800_000_000);

#[derive(Debug)]
struct Clock(Duration);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}

fn authority(random: u8) -> Arc<Authority> {
    Authority::new("alpine-1", &[random; 32], NOW).unwrap()
}

/// Asks as a machine would that trusts an authority; gives the answer, or why there is none.
fn asked(
    trusted: &Authority,
    signer: &Arc<Authority>,
    host: &str,
    (version, at): (&'static SupportedProtocolVersion, Duration),
) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trusted.certificate().to_vec())).unwrap();
    let provider = Arc::new(rustls_rustcrypto::provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock(at))).with_protocol_versions(&[version]);
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = Tls::new(signer, host, NOW).unwrap();
    client.writer().write_all(b"question").unwrap();
    let (mut heard, mut answer) = (vec![], vec![]);
    for _ in 0..20 {
        let mut bytes = vec![];
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        // In small pieces, as they come from a network.
        for piece in bytes.chunks(100) {
            tls.input(piece, &mut heard).map_err(|error| error.to_string())?;
        }
        if heard == b"question" {
            heard.clear();
            assert_eq!(tls.send(b"answer"), 6);
            tls.close();
        }
        let sealed = tls.output().to_vec();
        tls.sent(sealed.len());
        let mut cursor = Cursor::new(&sealed);
        while cursor.position() < sealed.len() as u64 {
            client.read_tls(&mut cursor).unwrap();
            let ready = client.process_new_packets().map_err(|error| error.to_string())?.plaintext_bytes_to_read();
            let mut plain = vec![0; ready];
            client.reader().read_exact(&mut plain).unwrap();
            answer.extend(plain);
        }
    }
    Ok(String::from_utf8(answer).unwrap())
}

#[test]
fn who_trusts_the_authority_reads_what_is_said_in_the_place_of_any_host() {
    let authority = authority(3);
    for version in [&TLS13, &TLS12] {
        for host in
            ["example.org", "a.very.long.name.that.has.more.than.sixty.four.signs.in.it.example.org", "192.0.2.7"]
        {
            assert_eq!(asked(&authority, &authority, host, (version, NOW)).as_deref(), Ok("answer"), "{host}");
        }
    }
    // A guest's clock may be a day behind.
    let yesterday = NOW - Duration::from_secs(86_400);
    assert_eq!(asked(&authority, &authority, "example.org", (&TLS13, yesterday)).as_deref(), Ok("answer"));
}

#[test]
fn another_machine_does_not_trust_it() {
    let why = asked(&authority(4), &authority(3), "example.org", (&TLS13, NOW)).unwrap_err();
    assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");
    let kept = serde_json::to_string(authority(3).kept()).unwrap();
    let again = Authority::from_kept(serde_json::from_str(&kept).unwrap()).unwrap();
    assert_eq!(asked(&authority(3), &again, "example.org", (&TLS13, NOW)).as_deref(), Ok("answer"));
}

#[test]
fn what_is_no_tls_is_an_error_and_nothing_more() {
    let authority = authority(3);
    let mut plain = vec![];
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22; 1000], &[0; 70_000], &[22, 3, 1, 0xff, 0xff]] {
        let mut tls = Tls::new(&authority, "example.org", NOW).unwrap();
        let _ = tls.input(bytes, &mut plain);
        assert!(plain.is_empty());
    }
}
