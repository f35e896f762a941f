//! What certificates say, as another reader of them sees it.

use crate::client::{Client, NOW, authority};
use authority::{Authority, Tls};
use rustls::version::TLS13;
use std::net::Ipv4Addr;
use x509_parser::prelude::{ExtendedKeyUsage, FromDer, GeneralName, X509Certificate};

const DAY: i64 = 86_400;
/// As [`NOW`], in seconds.
const TODAY: i64 = 1_800_000_000;

fn read(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

fn times(certificate: &X509Certificate<'_>) -> (i64, i64) {
    (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp())
}

/// Servers and nobody else.
fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    *usage == ExtendedKeyUsage { server_auth: true, ..nobody() }
}

fn nobody() -> ExtendedKeyUsage<'static> {
    ExtendedKeyUsage {
        any: false,
        server_auth: false,
        client_auth: false,
        code_signing: false,
        email_protection: false,
        time_stamping: false,
        ocsp_signing: false,
        other: vec![],
    }
}

#[test]
fn an_authority_signs_for_servers_and_makes_no_further_authority() {
    let authority = authority(3);
    let own = read(authority.certificate());
    let name = own.subject().iter_common_name().next().unwrap().as_str().unwrap();
    assert_eq!((name, own.issuer()), ("VM Workbench, for alpine-1 alone", own.subject()));
    let limits = own.basic_constraints().unwrap().unwrap();
    assert!(limits.critical && limits.value.ca);
    assert_eq!(limits.value.path_len_constraint, Some(0));
    let usage = own.key_usage().unwrap().unwrap();
    // All of its bits: certificates are what it signs, not even lists of revoked ones.
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.flags == 1 << 5, "{:?}", usage.value);
    assert!(is_for_servers(&own));
    assert_eq!(times(&own), (TODAY - DAY, TODAY + 3650 * DAY));
}

#[test]
fn a_certificate_is_for_one_host_and_nothing_else() {
    let authority = authority(3);
    let address = Ipv4Addr::new(192, 0, 2, 7).octets();
    let long = "a.very.long.name.that.has.more.than.sixty.four.signs.in.it.example.org";
    let hosts = [
        ("example.org", GeneralName::DNSName("example.org")),
        (long, GeneralName::DNSName(long)),
        ("192.0.2.7", GeneralName::IPAddress(&address)),
    ];
    let mut serials = vec![];
    for (host, wanted) in hosts {
        let mut client = Client::new(&authority, host, &TLS13, NOW);
        client.meets(&mut Tls::new(&authority, host, NOW).unwrap()).unwrap();
        let shown = client.shown();
        assert_eq!((shown.len(), &*shown[1]), (2, authority.certificate()));
        let (own, leaf) = (read(authority.certificate()), read(&shown[0]));
        assert_eq!(leaf.subject_alternative_name().unwrap().unwrap().value.general_names, [wanted]);
        assert_eq!(leaf.issuer(), own.subject());
        assert_eq!(times(&leaf), (TODAY - DAY, TODAY + 90 * DAY));
        assert!(!leaf.is_ca() && is_for_servers(&leaf));
        let usage = leaf.key_usage().unwrap().unwrap().value;
        assert!(usage.digital_signature() && usage.flags == 1, "{usage:?}");
        assert_ne!(leaf.public_key().raw, own.public_key().raw, "the authority's key signs certificates only");
        serials.push(leaf.raw_serial().to_vec());
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 3);
}

#[test]
fn whatever_a_machine_is_called_its_authority_can_be_made() {
    for name in ["", "é\n\0", &"long".repeat(100)] {
        let authority = Authority::new(name, &[5; 32], NOW).unwrap();
        let own = read(authority.certificate());
        let common = own.subject().iter_common_name().next().unwrap().as_str().unwrap();
        assert!(common.chars().count() <= 64, "{common}");
    }
}

#[test]
fn the_key_is_in_nothing_that_the_machine_is_given() {
    let random: [u8; 32] = std::array::from_fn(|at| at as u8 + 1);
    let authority = Authority::new("alpine-1", &random, NOW).unwrap();
    let text = authority.pem();
    assert_eq!(text.matches("-----BEGIN").count(), 1, "{text}");
    let mut client = Client::new(&authority, "example.org", &TLS13, NOW);
    let mut tls = Tls::new(&authority, "example.org", NOW).unwrap();
    client.meets(&mut tls).unwrap();
    for bytes in client.shown().into_iter().chain([authority.certificate().to_vec(), text.into_bytes()]) {
        assert!(!bytes.windows(8).any(|part| part == &random[8..16]));
    }
}
