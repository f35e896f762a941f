//! Who trusts an authority, and who does not.

use crate::client::{Client, NOW, authority};
use authority::{Authority, Tls};
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Asks as a machine would that trusts an authority, and whose clock shows `at`; gives the answer, or why there is none.
fn asked(trusted: &Authority, signer: &Arc<Authority>, host: &str, at: Duration) -> Result<String, String> {
    let mut answer = String::new();
    for version in [&TLS13, &TLS12] {
        let mut client = Client::new(trusted, host, version, at);
        let mut tls = Tls::new(signer, host, NOW).unwrap();
        client.say(b"question");
        assert_eq!(client.meets(&mut tls)?, b"question");
        assert_eq!(tls.send(b"answer"), 6);
        client.end();
        client.meets(&mut tls)?;
        assert!(tls.ended());
        tls.close();
        client.meets(&mut tls)?;
        answer = String::from_utf8(client.read).unwrap();
    }
    Ok(answer)
}

#[test]
fn who_trusts_the_authority_reads_what_is_said_in_the_place_of_any_host() {
    let authority = authority(3);
    for host in [
        "example.org",
        "under_score.xn--nxasmq6b.example",
        "a.very.long.name.that.has.more.than.sixty.four.signs.in.it.example.org",
        "192.0.2.7",
        "2001:db8::7",
    ] {
        assert_eq!(asked(&authority, &authority, host, NOW).as_deref(), Ok("answer"), "{host}");
    }
}

#[test]
fn certificates_hold_from_the_day_before_for_three_months() {
    let authority = authority(3);
    for at in [NOW - DAY, NOW + 90 * DAY] {
        assert_eq!(asked(&authority, &authority, "example.org", at).as_deref(), Ok("answer"), "{at:?}");
    }
    let second = Duration::from_secs(1);
    for (at, wanted) in [(NOW - DAY - second, "NotValidYet"), (NOW + 90 * DAY + second, "Expired")] {
        let why = asked(&authority, &authority, "example.org", at).unwrap_err();
        assert!(why.contains(wanted), "{why}");
    }
}

#[test]
fn another_machine_does_not_trust_it_and_says_so() {
    let why = asked(&authority(4), &authority(3), "example.org", NOW).unwrap_err();
    assert!(why.contains("UnknownIssuer") || why.contains("BadSignature"), "{why}");
    assert!(why.contains("TLS with the machine failed: received fatal alert"), "{why}");
}

#[test]
fn what_was_kept_is_trusted_as_before() {
    let kept = serde_json::to_string(authority(3).kept()).unwrap();
    let again = Authority::from_kept(serde_json::from_str(&kept).unwrap()).unwrap();
    assert_eq!(asked(&authority(3), &again, "example.org", NOW).as_deref(), Ok("answer"));
}

#[test]
fn a_certificate_is_for_the_host_that_the_machine_names() {
    let authority = authority(3);
    // The gateway believed that it was about another one.
    let mut client = Client::new(&authority, "example.org", &TLS13, NOW);
    let mut tls = Tls::new(&authority, "example.net", NOW).unwrap();
    client.meets(&mut tls).unwrap();
    assert_eq!(tls.host(), Some("example.org"));
    // Addresses are not named in TLS: there it is what the gateway knows, also as it is written in an address.
    for (host, good) in [("[2001:db8::7]", true), ("2001:db8::8", false)] {
        let mut client = Client::new(&authority, "2001:db8::7", &TLS13, NOW);
        let mut tls = Tls::new(&authority, host, NOW).unwrap();
        assert_eq!(client.meets(&mut tls).is_ok(), good, "{host}");
    }
}
