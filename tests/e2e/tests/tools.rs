//! Real programs of a guest through the gateway: Debian's Git and curl for the guests' processor, which `apk` installs as packages.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/git_server.rs"]
mod git_server;
#[path = "common/secure.rs"]
#[allow(dead_code, reason = "https.rs uses the rest")]
mod secure;
#[path = "common/server.rs"]
#[allow(dead_code, reason = "web.rs uses the rest")]
mod server;

use apkrepo::{Key, Package};
use common::network::succeeds;
use common::packages::debian;
use common::{Variant, is_wanted, launched, run, sum, text};
use driver::{Browser, Kind, LaunchOptions};
use e2e::{Console, Workbench};
use git_server::GitServer;
use protocol::{Access, PageRequest, ProfileVerb};
use secure::SecureServer;
use server::{Server, bytes, sha256};
use std::fs;
use std::time::Duration;

/// A name for this computer that every browser knows.
const SHOP: &str = "shop.localhost";
/// Installing packages and cloning, on a busy machine.
const LONG: Duration = Duration::from_secs(900);
const PROXY: &str =
    "export http_proxy=http://gateway.lan:3128 https_proxy=http://gateway.lan:3128 no_proxy=gateway.lan;";

fn packages() -> Result<[Package; 2], String> {
    let git = ["usr/bin/git", "usr/lib/git-core/git-remote-http", "usr/share/git-core/templates/"];
    let git = debian("git", "git", &git)?.without(&["usr/bin/git-shell"]);
    let curl = debian("curl", "curl", &["usr/bin/curl"])?.on_top_of(&git);
    Ok([git, curl])
}

/// The browser's own question for leave can't be answered by a test: here the user has said yes. Nor does it know who has signed for the server.
async fn browser(variant: &Variant, kind: Kind) -> Browser {
    let manifest = fs::read_to_string(variant.path("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let hosts = manifest["host_permissions"].as_array_mut().unwrap();
    hosts.extend([format!("*://{SHOP}/*").into(), "*://127.0.0.2/*".into()]);
    fs::write(variant.path("manifest.json"), manifest.to_string()).unwrap();
    let options = LaunchOptions { extension_tabs: true, insecure: true, ..LaunchOptions::new(kind, variant.path("")) };
    Browser::launch(options).await.unwrap()
}

async fn good(console: &mut Console<'_>, command: &str) -> String {
    let done = console.exec(&format!("{PROXY} {command}"), LONG).await.unwrap();
    assert_eq!(done.status, 0, "{command}: {}", done.text());
    done.text()
}

async fn tools(kind: Kind) {
    let packages = match packages() {
        Ok(packages) => packages,
        Err(error) => return eprintln!("skipped: Debian’s packages can’t be had: {error}"),
    };
    let (key, folder) = (Key::new("test").unwrap(), tempfile::tempdir().unwrap());
    apkrepo::repository(folder.path(), &packages, &key).unwrap();
    let (server, git, shop) = (Server::of_folder(folder.path()), GitServer::start(), SecureServer::start(SHOP));
    let wanted = git.commit(200);

    let variant = Variant::of(kind);
    let browser = browser(&variant, kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    let hosts = vec![server.host(), git.host(), format!("{SHOP}:{}", shop.port)];
    let access = Access { hosts, https: true, ..Access::default() };
    workbench.call(&PageRequest::SetAccess(id.clone(), access)).await.unwrap();
    succeeds(&mut console, "wget -q -O - http://gateway.lan/ca.crt | grep -q BEGIN").await;
    let public = fs::read_to_string(key.public()).unwrap();
    text(&mut console, &format!("echo '{public}' > /etc/apk/keys/test.rsa.pub")).await;
    text(&mut console, &format!("echo http://{}/files > /etc/apk/repositories", server.host())).await;
    good(&mut console, "apk add git curl").await;

    // A clone with all its files, and a commit that goes back.
    let site = format!("http://{}/tree.git", git.host());
    good(&mut console, &format!("cd /tmp && git clone -q {site} tree && cd tree && git fsck --strict 2>&1")).await;
    let sums =
        "cd /tmp/tree; find . -path ./.git -prune -o -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum";
    assert_eq!(text(&mut console, sums).await, format!("{wanted}  -\n"));
    let push = "cd /tmp/tree && echo more > more && git add more && git -c user.name=me -c user.email=me@localhost commit -qm more && git push -q origin main 2>&1";
    good(&mut console, push).await;
    assert_eq!(git.file("more"), "more\n");

    // curl: plain, with what it sends and where it goes on, and by HTTPS in a tunnel of the proxy and caught on its way.
    let all = bytes(3 << 20);
    let plain = format!("http://{}/bytes/{}", server.host(), all.len());
    assert_eq!(good(&mut console, &format!("curl -sS {plain} | sha256sum")).await[..64], sha256(&all));
    let on =
        format!("cd /tmp; curl -s {plain} | head -c 1000000 > part; curl -sS -C - -o part {plain} && sha256sum < part");
    assert_eq!(good(&mut console, &on).await[..64], sha256(&all));
    let posted = format!("curl -sS --data-binary @/tmp/part http://{}/echo", server.host());
    assert_eq!(good(&mut console, &posted).await, sha256(&all));
    let secure = format!("https://{SHOP}:{}", shop.port);
    let untrusted = console.exec(&format!("{PROXY} curl -sS {secure}/a 2>&1"), LONG).await.unwrap();
    assert!(untrusted.status == 60, "{} {}", untrusted.status, untrusted.text());
    let applied = workbench.profile(&id, ProfileVerb::Apply, "https", LONG).await.unwrap();
    assert_eq!(applied.ended, Some(Ok(())), "{:#?}", applied.log);
    let trust = "--cacert /etc/ssl/certs/ca-certificates.crt";
    assert_eq!(good(&mut console, &format!("curl -sS {trust} {secure}/a?b")).await, "GET /a?b\n");
    // An address of nobody's (RFC 5737), to which the guest goes by itself.
    let itself = format!("curl -sS {trust} --noproxy '*' --resolve {SHOP}:{}:198.51.100.7 {secure}", shop.port);
    assert_eq!(good(&mut console, &format!("{itself}/c")).await, "GET /c\n");
    assert_eq!(good(&mut console, &format!("{itself}/d --data hello")).await, "POST /d hello\n");
    let size = 3_000_000;
    let got = good(&mut console, &format!("{itself}/bytes/{size} | sha256sum")).await;
    assert_eq!(got[..64], sum(&secure::bytes(size)));
    browser.close().await.unwrap();
}

#[test]
fn git_and_curl_go_through_the_gateway_in_chromium() {
    if is_wanted("WEB_TOOLS") {
        run(tools(Kind::Chromium));
    }
}

#[test]
fn git_and_curl_go_through_the_gateway_in_firefox() {
    if is_wanted("WEB_TOOLS") {
        run(tools(Kind::Firefox));
    }
}
