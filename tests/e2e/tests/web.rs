//! The machines' way out: what a guest asks of the gateway by HTTP, the extension fetches, where the user has given leave.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/server.rs"]
#[allow(dead_code, reason = "apk.rs uses the rest")]
mod server;

use common::{BOOT, SOON, Variant, WORK, are_long_wanted, launched, run, text};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{Access, InstanceId, PageRequest};
use server::{Server, bytes, sha256};

/// The browser's own question for leave can't be answered by a test: here the user has said yes for loopback.
fn allowed(kind: Kind) -> Variant {
    let variant = Variant::of(kind);
    let manifest = std::fs::read_to_string(variant.path("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["host_permissions"].as_array_mut().unwrap().push("*://127.0.0.2/*".into());
    std::fs::write(variant.path("manifest.json"), manifest.to_string()).unwrap();
    variant
}

async fn allow(workbench: &Workbench<'_>, id: &InstanceId, web: bool, hosts: &[String]) {
    let access = Access { web, hosts: hosts.to_vec(), ..Access::default() };
    workbench.call(&PageRequest::SetAccess(id.clone(), access)).await.unwrap();
}

/// The guest's network is up.
async fn online(console: &mut Console<'_>) {
    let wait = "n=0; until ping -c 1 -W 1 gateway.lan > /dev/null; do n=$((n+1)); [ $n -gt 600 ] && exit 1; usleep 100000; done 2> /dev/null";
    assert_eq!(console.exec(wait, BOOT).await.unwrap().status, 0, "the network did not come up");
}

const PROXY: &str = "export http_proxy=http://gateway.lan:3128;";

/// What BusyBox's wget of the guest prints of this.
async fn wget(console: &mut Console<'_>, arguments: &str) -> (String, u8) {
    let done = console.exec(&format!("{PROXY} wget -q -O - {arguments} 2>&1"), WORK).await.unwrap();
    (done.text(), done.status)
}

/// What a POST of what `body` puts out is answered. BusyBox's wget says GET to a proxy, whatever it was told.
async fn post(console: &mut Console<'_>, url: &str, body: &str, length: usize) -> String {
    let head = format!("POST {url} HTTP/1.0\\r\\nContent-Type: text/plain\\r\\nContent-Length: {length}\\r\\n\\r\\n");
    text(console, &format!("(printf '{head}'; {body}) | nc -w 20 gateway.lan 3128")).await
}

async fn page_of_machine<'a>(browser: &'a Browser, server: &Server) -> (Workbench<'a>, InstanceId, Console<'a>) {
    let workbench = Workbench::open(browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    online(&mut console).await;
    allow(&workbench, &id, false, &[server.host()]).await;
    (workbench, id, console)
}

async fn fetches(kind: Kind) {
    let server = Server::start();
    let variant = allowed(kind);
    let browser = variant.browser_with_tabs().await;
    let (_, _, mut console) = page_of_machine(&browser, &server).await;
    let site = format!("http://{}", server.host());

    // A file of some MiB, whole and from its middle.
    let mib = std::env::var("WEB_MIB").map_or(8, |text| text.parse().unwrap());
    let all = bytes(mib << 20);
    let got = text(&mut console, &format!("{PROXY} wget -q -O - {site}/bytes/{} | sha256sum", all.len())).await;
    assert_eq!(got.split(' ').next().unwrap(), sha256(&all));
    // A file has to fit on the machine's disk.
    let all = bytes(8 << 20);
    let rest = format!(
        "{PROXY} cd /tmp; wget -q -O - {site}/bytes/{n} | head -c 1000000 > part; wget -q -c -O part {site}/bytes/{n}; sha256sum < part; rm part",
        n = all.len()
    );
    let resumed = text(&mut console, &rest).await;
    assert!(resumed.starts_with(&sha256(&all)), "{resumed}");

    // A body, a status, a redirect.
    let length: usize = std::env::var("WEB_POST").map_or(3_000_000, |text| text.parse().unwrap());
    let sent = text(&mut console, &format!("head -c {length} /dev/urandom > /tmp/body; sha256sum < /tmp/body")).await;
    let posted = post(&mut console, &format!("{site}/echo"), "cat /tmp/body", length).await;
    assert!(posted.ends_with(sent.split(' ').next().unwrap()), "{posted}");
    let (said, status) = wget(&mut console, &format!("{site}/missing")).await;
    assert!(status != 0 && said.contains("404"), "{said}");
    let moved = text(&mut console, &format!("{PROXY} wget -q -O - {site}/moved | sha256sum")).await;
    assert_eq!(moved.split(' ').next().unwrap(), sha256(&bytes(1000)));

    // No cookies, and nothing that says where it comes from but that it is an extension.
    for _ in 0..2 {
        assert_eq!(wget(&mut console, &format!("{site}/cookie")).await.0, "cookie\n");
    }
    let asked = server.asked();
    assert!(
        asked.iter().all(|asked| !asked
            .headers
            .iter()
            .any(|header| header.starts_with("cookie:") || header.starts_with("referer:"))),
        "{asked:?}"
    );

    // Many at once.
    let many = format!(
        "{PROXY} cd /tmp; for n in $(seq 50); do (wget -q -O got$n {site}/bytes/$((n*1000)) || touch failed) & done; wait; ls failed 2>/dev/null; cat got* | wc -c"
    );
    assert_eq!(text(&mut console, &many).await.trim(), (1000 * (50 * 51) / 2).to_string());
}

#[test]
fn a_machine_fetches_from_a_host_that_was_allowed_in_chromium() {
    run(fetches(Kind::Chromium));
}

#[test]
fn a_machine_fetches_from_a_host_that_was_allowed_in_firefox() {
    run(fetches(Kind::Firefox));
}

async fn bad_servers(kind: Kind) {
    let server = Server::start();
    let variant = allowed(kind);
    let browser = variant.browser_with_tabs().await;
    let (_, _, mut console) = page_of_machine(&browser, &server).await;
    let site = format!("http://{}", server.host());
    for path in ["short", "reset", "endless"] {
        let (said, status) = wget(&mut console, &format!("{site}/{path}")).await;
        assert_ne!(status, 0, "{path}: {said}");
    }
    let (said, _) = wget(&mut console, &format!("{site}/reset")).await;
    assert!(said.contains("502"), "{said}");
    // The machine gives up before the gateway does, and others are not held up meanwhile.
    let hang = format!("{PROXY} wget -q -T 5 -O - {site}/hang & sleep 1; wget -q -O - {site}/hello; wait");
    assert_eq!(text(&mut console, &hang).await.lines().next(), Some("hello"));
    assert_eq!(wget(&mut console, &format!("{site}/hello")).await, ("hello\n".to_owned(), 0));
}

#[test]
fn bad_servers_are_told_and_harm_nobody_in_chromium() {
    run(bad_servers(Kind::Chromium));
}

#[test]
fn bad_servers_are_told_and_harm_nobody_in_firefox() {
    if are_long_wanted() {
        run(bad_servers(Kind::Firefox));
    }
}

async fn refused(kind: Kind) {
    let (open, closed) = (Server::start(), Server::start_at("127.0.0.1"));
    let variant = allowed(kind);
    let browser = variant.browser_with_tabs().await;
    let (workbench, id, mut console) = page_of_machine(&browser, &open).await;
    let port = closed.port;
    // What nobody named is refused, with web access too.
    for web in [false, true] {
        allow(&workbench, &id, web, &[open.host()]).await;
        for host in [
            "127.0.0.1",
            "192.168.0.1",
            "[::1]",
            "169.254.169.254",
            "localhost",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "0x7f.1",
            "127.1",
            "[::ffff:127.0.0.1]",
            "10.255.0.1",
            "localhost.",
            "intranet",
        ] {
            // By hand: wget would look some of these up by itself.
            let ask = format!("printf 'GET http://{host}:{port}/x HTTP/1.0\\r\\n\\r\\n' | nc -w 10 gateway.lan 3128");
            let said = text(&mut console, &ask).await;
            assert!(said.starts_with("HTTP/1.1 403"), "{host}: {said}");
        }
        // Caught on their way.
        for host in ["169.254.169.254", "192.168.0.1"] {
            let caught = console.exec(&format!("wget -q -T 10 -O - http://{host}/x 2>&1"), SOON).await.unwrap();
            assert!(caught.status != 0 && caught.text().contains("403"), "{host}: {}", caught.text());
        }
        // A host that is allowed sends the browser there: the answer is refused, and what could change something is not sent.
        for host in ["127.0.0.1", "localhost", "[::1]", "2130706433"] {
            let there = format!("http://{}/to/{host}:{port}/x", open.host());
            let (said, status) = wget(&mut console, &there).await;
            assert!(status != 0 && (said.contains("403") || said.contains("502")), "{host}: {said}");
            let said = post(&mut console, &there, "printf secret", 6).await;
            assert!(said.starts_with("HTTP/1.1 502"), "{host}: {said}");
        }
    }
    assert_eq!(open.asked().len(), 16);
    assert!(closed.asked().iter().all(|asked| matches!(&*asked.method, "GET" | "OPTIONS")), "{:?}", closed.asked());

    // By default a name outside does not exist.
    allow(&workbench, &id, false, &[]).await;
    let unknown = console.exec("nslookup example.org", SOON).await.unwrap();
    assert!(unknown.text().contains("NXDOMAIN"), "{}", unknown.text());
    let mirror = console.exec("nslookup dl-cdn.alpinelinux.org", SOON).await.unwrap();
    assert!(mirror.text().contains("198.1"), "{}", mirror.text());
    let (said, _) = wget(&mut console, &format!("http://{}/hello", open.host())).await;
    assert!(said.contains("403"), "{said}");
    let secure = text(
        &mut console,
        "printf 'CONNECT example.org:443 HTTP/1.1\\r\\nHost: example.org:443\\r\\n\\r\\n' | nc -w 10 gateway.lan 3128",
    )
    .await;
    assert!(secure.starts_with("HTTP/1.1 501") && secure.contains("http://"), "{secure}");
}

#[test]
fn what_was_not_allowed_is_refused_in_chromium() {
    run(refused(Kind::Chromium));
}

#[test]
fn what_was_not_allowed_is_refused_in_firefox() {
    if are_long_wanted() {
        run(refused(Kind::Firefox));
    }
}

async fn kept(kind: Kind) {
    let server = Server::start();
    let variant = allowed(kind);
    let browser = variant.browser_with_tabs().await;
    let (workbench, _, mut console) = page_of_machine(&browser, &server).await;
    let package = format!("http://{}/package/tool-1.0-r0.apk", server.host());
    let fetch = format!("{PROXY} wget -q -O - {package} | sha256sum");
    let wanted = sha256(&bytes(300_000));
    assert_eq!(text(&mut console, &fetch).await.split(' ').next().unwrap(), wanted);
    // Another machine gets it without its being sent again.
    let (other, mut second) = launched(&workbench).await;
    online(&mut second).await;
    allow(&workbench, &other, false, &[server.host()]).await;
    assert_eq!(text(&mut second, &fetch).await.split(' ').next().unwrap(), wanted);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].headers.contains(&"if-none-match: \"one\"".to_owned()), "{asked:?}");
    // And with the network gone.
    server.go_away();
    assert_eq!(text(&mut second, &fetch).await.split(' ').next().unwrap(), wanted);
    let (said, status) = wget(&mut second, &format!("http://{}/other.apk", server.host())).await;
    assert!(status != 0, "{said}");
}

#[test]
fn packages_are_kept_for_all_machines_and_without_a_network_in_chromium() {
    run(kept(Kind::Chromium));
}

#[test]
fn packages_are_kept_for_all_machines_and_without_a_network_in_firefox() {
    if are_long_wanted() {
        run(kept(Kind::Firefox));
    }
}

/// Waits until the page shows this.
async fn shows(browser: &Browser, wanted: &str) {
    let there = async || {
        Ok(browser
            .eval("return document.body.innerText", vec![])
            .await?
            .as_str()
            .is_some_and(|text| text.contains(wanted)))
    };
    if let Err(error) = browser.wait_until(&format!("{wanted:?} on the page"), SOON, there).await {
        panic!("{error}\n{}", browser.eval("return document.body.innerText", vec![]).await.unwrap());
    }
}

async fn page(kind: Kind) {
    let server = Server::start();
    let variant = allowed(kind);
    let browser = variant.browser_with_tabs().await;
    browser.open("network/index.html").await.unwrap();
    shows(&browser, "No machine is on the LAN").await;
    let workbench = Workbench::here(&browser);
    let (_, mut console) = launched(&workbench).await;
    online(&mut console).await;
    browser.by_role("listitem", "alpine-1").await.unwrap();
    shows(&browser, "Packages only").await;
    // The pages of the one browser are cross-origin isolated, those of the other are not.
    let way = match kind {
        Kind::Chromium => "through shared memory",
        Kind::Firefox => "by messages",
    };
    shows(&browser, way).await;

    // What it may reach is changed here, and the browser is asked for leave.
    browser.click("button", "Change… what alpine-1 may reach").await.unwrap();
    browser.type_into("textbox", "These hosts", "no host/").await.unwrap();
    shows(&browser, "is not a host").await;
    browser.type_into("textbox", "These hosts", &server.host()).await.unwrap();
    browser.click("button", "Allow").await.unwrap();
    shows(&browser, &format!("Packages, {}", server.host())).await;

    browser.click("button", "Capture alpine-1").await.unwrap();
    browser.by_role("button", "End capture of alpine-1").await.unwrap();
    assert_eq!(wget(&mut console, &format!("http://{}/hello", server.host())).await.0, "hello\n");
    wget(&mut console, "http://192.168.0.1/secret").await;
    shows(&browser, &format!("GET http://{}/hello", server.host())).await;
    shows(&browser, "192.168.0.1 is an address of a private network").await;
    console.exec("nslookup shop.example.org", SOON).await.unwrap();
    shows(&browser, "DNS shop.example.org").await;

    let save = async || Ok(browser.names("button").await?.into_iter().find(|name| name.starts_with("Save ")));
    let save = browser.wait_for("the capture's button", SOON, save).await.unwrap();
    // The number of frames on it grows.
    let click = "[...document.querySelectorAll('button')].find((one) => one.innerText.startsWith('Save ')).click()";
    assert!(save.ends_with(" frames of alpine-1"), "{save}");
    browser.eval(click, vec![]).await.unwrap();
    let id = workbench.world().await.unwrap().instances[0].id.clone();
    let file = browser.downloads().join(format!("{id}.pcap"));
    let there = async || Ok(std::fs::read(&file).ok().filter(|file| file.len() > 1000));
    let capture = browser.wait_for("the capture among the downloads", SOON, there).await.unwrap();
    assert_eq!(capture[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "not a pcap file");
    if let Ok(judge) = std::process::Command::new("tshark").arg("-r").arg(&file).args(["-Y", "_ws.malformed"]).output()
    {
        assert!(judge.status.success() && judge.stdout.is_empty(), "{}", String::from_utf8_lossy(&judge.stdout));
    }
    browser.click("button", "End capture of alpine-1").await.unwrap();
    browser.by_role("button", "Capture alpine-1").await.unwrap();
}

#[test]
fn the_network_page_shows_the_lan_and_changes_what_a_machine_may_reach_in_chromium() {
    run(page(Kind::Chromium));
}

#[test]
fn the_network_page_shows_the_lan_and_changes_what_a_machine_may_reach_in_firefox() {
    run(page(Kind::Firefox));
}
