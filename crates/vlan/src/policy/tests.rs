use super::*;

fn mirrors_only() -> Policy {
    Policy { mirrors: vec![Rule::host("mirror.example.org"), Rule::host("*.packages.example")], ..Policy::default() }
}

fn web() -> Policy {
    Policy { web: true, ..mirrors_only() }
}

fn refusal(policy: &Policy, url: &str) -> Option<Refusal> {
    parse(url).and_then(|url| policy.check(&url)).err()
}

#[test]
fn by_default_only_mirrors_can_be_reached() {
    for url in ["http://mirror.example.org/x", "https://MIRROR.example.org./x", "http://a.b.packages.example:8080/"] {
        assert_eq!(refusal(&mirrors_only(), url), None, "{url}");
    }
    for url in [
        "http://example.org/",
        "http://packages.example/",
        "http://mirror.example.org.evil.example/",
        "http://evilpackages.example",
    ] {
        assert!(matches!(refusal(&mirrors_only(), url), Some(Refusal::NoWebAccess(_))), "{url}");
        assert_eq!(refusal(&web(), url), None, "{url}");
    }
}

/// What the issue lists, and every other way to write it that a browser understands.
const CLOSED: &[&str] = &[
    "http://127.0.0.1/",
    "http://192.168.0.1/",
    "http://[::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://localhost/",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://127.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://%31%32%37.0.0.1/",
    "http://１２７.0.0.1/",
    "http://127。0。0。1/",
    "http://0/",
    "http://0.0.0.0:8080/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://192.0.2.1/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[ff02::1]/",
    "http://[fec0::1]/",
    "http://[100::1]/",
    "http://[2001:db8::1]/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://a.localhost/",
    "http://printer.local/",
    "http://metadata.google.internal/",
    "http://router/",
    "http://nas.lan/",
    "http://x.home.arpa/",
    "https://foo.localdomain/",
];

#[test]
fn what_is_not_the_public_internet_is_closed_however_it_is_written() {
    for url in CLOSED {
        let refused = refusal(&web(), url);
        assert!(matches!(refused, Some(Refusal::Closed { .. })), "{url}: {refused:?}");
    }
}

#[test]
fn public_addresses_are_open_with_web_access() {
    for url in [
        "http://1.1.1.1/",
        "http://172.15.0.1/",
        "http://172.32.0.1/",
        "http://100.63.0.1/",
        "http://100.128.0.1/",
        "http://[2606:4700::1111]/",
        "http://[::ffff:1.1.1.1]/",
        "http://[64:ff9b::1.1.1.1]/",
        "http://localhost.example.com/",
        "http://local.example.com/",
        "http://thelocal/x".trim_end_matches("/x"),
    ] {
        let expected = url == "http://thelocal";
        assert_eq!(refusal(&web(), url).is_some(), expected, "{url}");
    }
}

#[test]
fn the_user_opens_a_private_host_only_by_naming_it() {
    let named = |host: &str, port| Policy { named: vec![Rule { host: host.into(), port }], ..web() };
    assert_eq!(refusal(&named("127.0.0.1", None), "http://127.0.0.1:8080/"), None);
    assert_eq!(refusal(&named("127.0.0.1", Some(8080)), "http://0x7f.1:8080/"), None);
    assert!(refusal(&named("127.0.0.1", Some(8080)), "http://127.0.0.1/").is_some());
    assert!(refusal(&named("127.0.0.1", None), "http://localhost/").is_some());
    assert_eq!(refusal(&named("::1", None), "http://[::1]/"), None);
    assert_eq!(refusal(&named("nas.local", None), "http://NAS.local/"), None);
    assert!(refusal(&named("*.local", None), "http://nas.local/").is_some(), "a rule for many opens nothing private");
}

#[test]
fn the_block_list_goes_before_everything() {
    let policy = Policy { blocked: vec![Rule::host("*.example.org")], ..web() };
    assert!(matches!(refusal(&policy, "http://mirror.example.org/"), Some(Refusal::Blocked(_))));
}

#[test]
fn other_schemes_and_credentials_are_refused() {
    for url in [
        "file:///etc/passwd",
        "chrome://settings",
        "chrome-extension://abc/x",
        "moz-extension://abc/x",
        "about:config",
        "ftp://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "blob:https://example.org/1",
        "ws://example.org/",
        "view-source:http://example.org/",
    ] {
        assert!(matches!(refusal(&web(), url), Some(Refusal::Scheme(_))), "{url}");
    }
    assert_eq!(refusal(&web(), "http://user@example.org/"), Some(Refusal::Credentials));
    assert_eq!(refusal(&web(), "http://:secret@example.org/"), Some(Refusal::Credentials));
    for url in ["", "example.org", "http://", "http:// /", "http://256.1.1.1/", "http://[::1/", "http://a b/"] {
        assert!(matches!(refusal(&web(), url), Some(Refusal::NotAUrl(_))), "{url}");
    }
    assert!(parse(&format!("http://example.org/{}", "a".repeat(URL_MAX))).is_err());
}

#[test]
fn a_refusal_is_a_sentence_with_a_next_step() {
    let said = refusal(&web(), "http://2130706433/").unwrap().to_string();
    assert_eq!(
        said,
        "127.0.0.1 is the computer that the browser runs on; machines can't reach it unless you allow exactly this host in the machine's web settings"
    );
}

#[test]
fn rules_are_read_as_people_write_them() {
    let rule = |host: &str, port| Rule { host: host.to_owned(), port };
    assert_eq!(Rule::read("example.org"), rule("example.org", None));
    assert_eq!(Rule::read("127.0.0.1:8080"), rule("127.0.0.1", Some(8080)));
    assert_eq!(Rule::read("::1"), rule("::1", None));
    assert_eq!(Rule::read("[::1]"), rule("::1", None));
    assert_eq!(Rule::read("[::1]:80"), rule("::1", Some(80)));
    let policy = Policy { named: vec![Rule::read("[::1]:80")], ..Policy::default() };
    assert!(policy.check(&parse("http://[::1]/").unwrap()).is_ok());
    assert!(policy.check(&parse("http://[::1]:81/").unwrap()).is_err());
}
