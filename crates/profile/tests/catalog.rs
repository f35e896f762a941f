//! Every profile of the catalog, in Alpine itself: applied, checked, applied again, taken back without a trace, and applied once more.
//!
//! Packages come from a signed repository that the test makes. What is in them are stand-ins for the programs, which answer what the profiles'
//! own scripts ask; `tests/e2e` has Node.js and Git themselves in a machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use apkrepo::{Key, Package};
use common::alpine::Alpine;
use common::{assert_same, catalog, lay};
use profile::{MarkState, marks};
use std::fs;

const RUN: &str = "sh /mnt/host/profiles";

fn program(package: &str, path: &str, text: &str) -> Package {
    Package::new(package, "1.0-r0").file(path, format!("#!/bin/sh\n{text}\n"), 0o755)
}

/// A program that serves each who connects to a port by a script.
fn server(package: &str, before: &str, port: u32, answer: &str) -> Package {
    let path = format!("/usr/lib/{package}/answer");
    let serve = format!("{before}\nexec nc -lk -p {port} -e {path}");
    program(package, &format!("usr/sbin/{package}"), &serve).file(&path[1..], format!("#!/bin/sh\n{answer}\n"), 0o755)
}

fn packages() -> Vec<Package> {
    let compile = "while [ $# != 0 ]; do [ \"$1\" != -o ] || out=$2; shift; done; echo '#!/bin/sh' > \"$out\"; chmod 755 \"$out\"";
    let cached = "mkdir -p /usr/lib/python3.12/__pycache__; : > /usr/lib/python3.12/__pycache__/json.pyc";
    let keys = "for kind in rsa ecdsa ed25519; do : > /etc/dropbear/dropbear_${kind}_host_key; done";
    let page = "read -r line; printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'; cat /var/www/workbench/index.html";
    let account = "#!/bin/sh\naddgroup -S nginx\nadduser -S -D -H -G nginx nginx\naddgroup nginx www-data\nexit 0\n";
    vec![
        program("git", "usr/bin/git", "echo git version 2").depends("pcre2"),
        program("pcre2", "usr/lib/libpcre2.so", ""),
        program("gcc", "usr/bin/gcc", compile).depends("binutils").depends("musl-dev"),
        program("binutils", "usr/bin/ld", ""),
        program("make", "usr/bin/make", "echo GNU Make"),
        program("musl-dev", "usr/include/stdio.h", ""),
        program("patch", "usr/bin/patch", ""),
        program("pkgconf", "usr/bin/pkgconf", ""),
        program("python3", "usr/bin/python3", cached).file("usr/lib/python3.12/json.py", "", 0o644),
        program("py3-pip", "usr/bin/pip", "").depends("python3"),
        program("nodejs", "usr/bin/node", "echo 42"),
        program("npm", "usr/bin/npm", "").depends("nodejs"),
        program("sqlite", "usr/bin/sqlite3", "echo 42"),
        server("dropbear", keys, 22, "echo SSH-2.0-stand-in"),
        server("nginx", "[ \"$1\" != -t ] || exit 0\n: > /var/log/nginx/access.log", 80, page)
            .script("pre-install", account)
            .file("etc/nginx/http.d/default.conf", "server {}\n", 0o644)
            .file("var/log/nginx/.keep", "", 0o644),
    ]
}

/// What a certificate looks like to the profile `https`.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nd29ya2JlbmNo\n-----END CERTIFICATE-----\n";

/// Puts a stand-in for the gateway there, which answers once it has been started.
fn gateway(alpine: &Alpine) {
    // What is not read when a connection is closed makes it a reset one.
    let head = "while read -r line && [ ${#line} -gt 1 ]; do :; done";
    let answer = format!("#!/bin/sh\n{head}\nprintf 'HTTP/1.0 200 OK\\r\\n\\r\\n'\ncat <<'END'\n{CERTIFICATE}END\n");
    fs::write(alpine.path("usr/lib/gateway"), answer).unwrap();
    alpine.text("chmod 755 /usr/lib/gateway; echo 127.0.0.1 gateway.lan >> /etc/hosts");
}

/// Has a profile applied, beside whatever it asks.
fn apply(name: &str) -> String {
    let listening = "until netstat -ltn | grep -q ':80 '; do sleep 0.1; done";
    match name {
        "https" => format!("nc -l -p 80 -e /usr/lib/gateway & {listening}; {RUN}/apply.sh https"),
        _ => format!("{RUN}/apply.sh {name}"),
    }
}

/// A listing without the time at which apk made the package that all others hang on, and without where apk notes it.
fn timeless(listing: &str) -> String {
    let dated = ["  ./etc/apk/world", "  ./lib/apk/db/installed"];
    let lines =
        listing.lines().filter(|line| !line.starts_with(".workbench-") && !dated.iter().any(|end| line.ends_with(end)));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn every_profile_comes_and_goes_without_a_trace_as_often_as_one_likes() {
    let bundles = catalog();
    let Some(alpine) = Alpine::start() else { return };
    lay(&alpine.path("mnt/host/profiles"), &bundles);
    let key = Key::new("test").unwrap();
    fs::copy(key.public(), alpine.path("etc/apk/keys/test.rsa.pub")).unwrap();
    alpine.text(": > /etc/apk/repositories");
    gateway(&alpine);
    let before = alpine.everything();
    let states = || {
        let list = marks(&alpine.text(&format!("{RUN}/list.sh"))).unwrap();
        list.into_iter().map(|mark| (mark.name.to_string(), mark.state)).collect::<Vec<_>>()
    };

    // Without a repository: what needs packages is refused, and says which.
    for bundle in bundles.iter().filter(|bundle| !bundle.profile().packages.alpine.is_empty()) {
        let name = bundle.profile().name.as_str();
        let done = alpine.sh(&format!("{RUN}/apply.sh {name}"));
        let first = &bundle.profile().packages.alpine[0];
        assert!(done.status == 1 && done.text.contains("(no such package)"), "{name} needs {first}: {}", done.text);
        assert_same(&alpine.everything(), &before, &done.text);
        assert_eq!(states(), [(name.to_owned(), MarkState::Failed)]);
        alpine.text(&format!("{RUN}/rollback.sh {name}"));
    }

    apkrepo::repository(&alpine.path("mnt/host/cache/alpine"), &packages(), &key).unwrap();
    for bundle in &bundles {
        let name = bundle.profile().name.as_str();
        let said = alpine.text(&apply(name));
        assert!(states().contains(&(name.to_owned(), MarkState::Applied)), "{said}");
        let there = alpine.everything();
        assert_ne!(there, before, "{name} brings something");
        alpine.text(&format!("{RUN}/check.sh {name}"));
        let again = alpine.text(&format!("{RUN}/apply.sh {name}"));
        assert!(again.contains("is applied already"), "{again}");
        assert_same(&alpine.everything(), &there, &again);
        alpine.text(&format!("{RUN}/rollback.sh {name}"));
        assert_same(&alpine.everything(), &before, name);
        assert_eq!(states(), []);
        let said = alpine.text(&apply(name));
        assert_same(&timeless(&alpine.everything()), &timeless(&there), &said);
        alpine.text(&format!("{RUN}/check.sh {name} && {RUN}/rollback.sh {name}"));
        assert_same(&alpine.everything(), &before, name);
    }

    // All that can be there together, taken back in the order in which they came.
    let together = bundles.iter().map(|b| b.profile().name.as_str()).filter(|name| *name != "nginx");
    let mut together: Vec<_> = together.collect();
    // The stand-in for the gateway needs the port that the web server keeps.
    together.sort_by_key(|name| *name != "https");
    for name in &together {
        alpine.text(&apply(name));
    }
    for name in &together {
        let done = alpine.sh(&format!("{RUN}/rollback.sh {name}"));
        // Git and Python stay as long as the tools for developers need them.
        assert!(matches!(done.status, 0 | 3), "{}", done.text);
    }
    assert_same(&alpine.everything(), &before, "all together");
    assert_eq!(states(), []);
}
