//! HTTPS of the guest's own, which the gateway reads with certificates of an authority that is the machine's alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/secure.rs"]
mod secure;

use common::{BOOT, SOON, Variant, WORK, exported, launched, run, started, stop, sum, text};
use driver::{Browser, Kind, LaunchOptions};
use e2e::{Console, Workbench};
use protocol::{ExportWhat, InstanceId, PageRequest, ProfileVerb};
use secure::SecureServer;
use serde_json::{Value, json};

/// A name for this computer that every browser knows, and the guest itself does as well: so its list of hosts says that it is somewhere outside.
const HOST: &str = "shop.localhost";
/// Where the guest believes it to be: an address of nobody's (RFC 5737).
const PLACE: &str = "198.51.100.7";
/// The guest is on the LAN.
const ONLINE: &str = "n=0; until ping -c 1 -W 1 gateway.lan > /dev/null; do n=$((n+1)); [ $n -gt 600 ] && exit 1; usleep 100000; done 2> /dev/null";
/// The gateway has a certificate for the guest.
const SERVED: &str = "n=0; until wget -q -O - http://gateway.lan/ca.crt | grep -q BEGIN; do n=$((n+1)); [ $n -gt 100 ] && exit 1; usleep 100000; done 2> /dev/null";

/// The browser's own question for leave can't be answered by a test: here the user has said yes. Nor does it know who has signed for the server.
async fn browser(variant: &Variant, kind: Kind) -> Browser {
    let manifest = std::fs::read_to_string(variant.path("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    manifest["host_permissions"].as_array_mut().unwrap().push(format!("*://{HOST}/*").into());
    std::fs::write(variant.path("manifest.json"), manifest.to_string()).unwrap();
    let options = LaunchOptions { extension_tabs: true, insecure: true, ..LaunchOptions::new(kind, variant.path("")) };
    Browser::launch(options).await.unwrap()
}

/// Waits until the page shows this.
async fn shows(browser: &Browser, wanted: &str) {
    let now = async || browser.eval("return document.body.innerText", vec![]).await;
    let there = async || Ok(now().await?.as_str().is_some_and(|text| text.contains(wanted)));
    if let Err(error) = browser.wait_until(&format!("{wanted:?} on the page"), SOON, there).await {
        panic!("{error}\n{}", now().await.unwrap());
    }
}

/// Turns HTTPS on or off as the user does, on the network page; `words` is what the page says of the machine then.
async fn switch(browser: &Browser, on: bool, words: &str) {
    browser.click("button", "Change… what alpine-1 may reach").await.unwrap();
    let tick = browser.by_role("checkbox", "HTTPS of the machine’s own").await.unwrap();
    assert_eq!(tick.is_selected().await.unwrap(), !on);
    tick.click().await.unwrap();
    assert_eq!(tick.is_selected().await.unwrap(), on);
    browser.click("button", "Allow").await.unwrap();
    let cells = "return [...document.querySelectorAll('td')].map((cell) => cell.innerText.trim())";
    let there = async || {
        let cells = browser.eval(cells, vec![]).await?;
        Ok(cells.as_array().is_some_and(|cells| cells.contains(&json!(words))))
    };
    browser.wait_until(&format!("a cell with {words:?}"), SOON, there).await.unwrap();
}

/// What BusyBox's wget of the guest gets, which has `ssl_client` check the certificate; and how it ended.
async fn wget(console: &mut Console<'_>, arguments: &str) -> (String, u8) {
    let done = console.exec(&format!("wget -q -T 150 -O - {arguments} 2>&1"), WORK).await.unwrap();
    (done.text(), done.status)
}

/// What the guest is answered by HTTPS through the proxy, which BusyBox's wget can't ask: its TLS program alone does, in the tunnel.
async fn tunneled(console: &mut Console<'_>, port: u16, request: &str) -> String {
    let program = format!(
        "cat > /tmp/tunnel <<'END'\n#!/bin/sh
printf 'CONNECT {HOST}:{port} HTTP/1.1\\r\\nHost: {HOST}:{port}\\r\\n\\r\\n'
read -r _ status _; echo \"tunnel $status\" > /tmp/said
while read -r line; do [ \"$line\" = \"$(printf '\\r')\" ] && break; done
[ $status = 200 ] || exit 1
exec 3<&0
printf '{request}\\r\\n\\r\\n' | ssl_client -s 3 -n {HOST} >> /tmp/said 2>> /tmp/said
END
chmod +x /tmp/tunnel; rm -f /tmp/said; nc gateway.lan 3128 -e /tmp/tunnel; cat /tmp/said"
    );
    text(console, &program).await
}

/// The private key of a machine's authority, as it is kept: numbers with commas between them.
async fn key(browser: &Browser, id: &InstanceId) -> Option<String> {
    let script = "
        try {
            const root = await navigator.storage.getDirectory();
            const folder = await (await root.getDirectoryHandle('instances')).getDirectoryHandle(arguments[0]);
            const file = await (await folder.getFileHandle('authority.json')).getFile();
            return JSON.parse(await file.text()).key.join(',');
        } catch (error) { if (error.name === 'NotFoundError') return null; throw error; }";
    browser.eval_async(script, vec![json!(id)]).await.unwrap().as_str().map(str::to_owned)
}

/// Waits until a machine has an authority, or none.
async fn wait_for_key(browser: &Browser, id: &InstanceId, there: bool) -> Option<String> {
    let so = async || Ok(key(browser, id).await.is_some() == there);
    browser.wait_until(&format!("a key to be there: {there}"), SOON, so).await.unwrap();
    key(browser, id).await
}

/// The key as whoever has it might write it: its bytes, numbers, hexadecimal and base64.
fn forms(key: &str) -> Vec<Vec<u8>> {
    use base64::prelude::{BASE64_STANDARD as STANDARD, Engine};
    let bytes: Vec<u8> = key.split(',').map(|byte| byte.parse().unwrap()).collect();
    assert_eq!(bytes.len(), 32);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // The last digits of base64 depend on what follows.
    let base64 = STANDARD.encode(&bytes[..30]);
    vec![bytes, key.into(), hex.into(), base64.into()]
}

/// All files of the extension that have one of these in them: the catalog, machines' disks and what they share, and everything else.
async fn files_with(browser: &Browser, needles: &[Vec<u8>]) -> Vec<String> {
    let script = "
        const needles = arguments[0].map((needle) => new Uint8Array(needle));
        const has = (bytes, needle) => {
            for (let at = bytes.indexOf(needle[0]); at >= 0; at = bytes.indexOf(needle[0], at + 1))
                if (needle.every((byte, more) => bytes[at + more] === byte)) return true;
            return false;
        };
        const found = [];
        const walk = async (folder, path) => {
            for await (const [name, handle] of folder.entries()) {
                if (handle.kind === 'directory') { await walk(handle, `${path}${name}/`); continue; }
                const file = await handle.getFile();
                const overlap = 200;
                for (let from = 0; from < file.size; from += 16 << 20) {
                    const bytes = new Uint8Array(await file.slice(from, from + (16 << 20) + overlap).arrayBuffer());
                    if (needles.some((needle) => has(bytes, needle))) { found.push(path + name); break; }
                }
            }
        };
        await walk(await navigator.storage.getDirectory(), '');
        return found.sort();";
    let found = browser.eval_async(script, vec![json!(needles)]).await.unwrap();
    serde_json::from_value(found).unwrap()
}

async fn journey(kind: Kind) {
    let server = SecureServer::start(HOST);
    let site = format!("https://{HOST}:{}", server.port);
    let variant = Variant::of(kind);
    let browser = browser(&variant, kind).await;
    browser.open("network/index.html").await.unwrap();
    let workbench = Workbench::here(&browser);
    let (id, mut console) = launched(&workbench).await;
    assert_eq!(console.exec(ONLINE, BOOT).await.unwrap().status, 0, "the network did not come up");
    text(&mut console, &format!("echo {PLACE} {HOST} >> /etc/hosts")).await;
    browser.click("button", "Change… what alpine-1 may reach").await.unwrap();
    browser.type_into("textbox", "These hosts", &format!("{HOST}:{}", server.port)).await.unwrap();
    browser.click("button", "Allow").await.unwrap();
    let off = format!("Packages, {HOST}:{}", server.port);
    shows(&browser, &off).await;

    // Without the user's choice there is a sentence, and no key.
    let request = "GET /x HTTP/1.0";
    assert_eq!(tunneled(&mut console, server.port, request).await, "tunnel 501\n");
    let (said, status) = wget(&mut console, &site).await;
    assert_ne!(status, 0, "{said}");
    shows(&browser, &format!("HTTPS can't be passed through to {PLACE}. Ask for it by http://")).await;
    let refused = workbench.profile(&id, ProfileVerb::Apply, "https", WORK).await.unwrap();
    assert!(matches!(refused.ended, Some(Err(_))), "{refused:?}");
    assert_eq!((key(&browser, &id).await, server.asked()), (None, 0));

    // With it, the machine has to trust the authority first.
    switch(&browser, true, &format!("{off}; HTTPS")).await;
    assert_eq!(console.exec(SERVED, SOON).await.unwrap().status, 0, "the gateway has no certificate");
    let (said, status) = wget(&mut console, &format!("{site}/x")).await;
    assert_ne!(status, 0, "{said}");
    shows(&browser, "TLS with the machine failed: received fatal alert").await;
    let applied = workbench.profile(&id, ProfileVerb::Apply, "https", WORK).await.unwrap();
    assert!(matches!(applied.ended, Some(Ok(()))), "{applied:?}");
    let own = wget(&mut console, "https://gateway.lan/ca.crt").await;
    assert!(own.1 == 0 && own.0.starts_with("-----BEGIN CERTIFICATE-----"), "{own:?}");
    assert_eq!(wget(&mut console, &format!("{site}/a?b")).await, ("GET /a?b\n".to_owned(), 0));
    shows(&browser, &format!("GET {site}/a?b")).await;
    let posted = wget(&mut console, &format!("--post-data hello {site}/post")).await;
    assert_eq!(posted, ("POST /post hello\n".to_owned(), 0));
    let size = 3_000_000;
    let got = text(&mut console, &format!("wget -q -O - {site}/bytes/{size} | sha256sum")).await;
    assert_eq!(got.split(' ').next().unwrap(), sum(&secure::bytes(size)));
    let answer = tunneled(&mut console, server.port, "GET /t HTTP/1.0").await;
    assert!(answer.starts_with("tunnel 200\nHTTP/1.1 200") && answer.ends_with("GET /t\n"), "{answer}");

    // What it may reach is judged as ever, whatever the tunnel was made for.
    let ask = "printf 'CONNECT 192.168.0.1:443 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -w 10 gateway.lan 3128";
    assert!(text(&mut console, ask).await.starts_with("HTTP/1.1 403"));
    let other = tunneled(&mut console, server.port, "GET /t HTTP/1.0\\r\\nHost: 192.168.0.1").await;
    assert!(other.starts_with("tunnel 200\nHTTP/1.1 403"), "{other}");

    // Its key is in one place: not in the guest, the catalog or what is exported.
    let secret = key(&browser, &id).await.expect("a key");
    let needles = forms(&secret);
    stop(&workbench, &id).await;
    assert_eq!(files_with(&browser, &needles).await, [format!("instances/{id}/authority.json")]);
    let folder = tempfile::tempdir().unwrap();
    let machine = folder.path().join("machine.tar");
    exported(&workbench, &id, ExportWhat::Machine, &machine).await;
    let machine = std::fs::read(machine).unwrap();
    let has = |needle: &[u8]| machine.windows(needle.len()).any(|part| part == needle);
    assert!(has(b"machine.json") && !has(b"authority.json") && !needles.iter().any(|needle| has(needle)));
    // It is the same one after a start, so the machine still trusts it.
    let mut console = started(&workbench, &id).await;
    assert_eq!(console.exec(ONLINE, BOOT).await.unwrap().status, 0);
    assert_eq!(console.exec(SERVED, SOON).await.unwrap().status, 0);
    assert_eq!(wget(&mut console, &format!("{site}/again")).await, ("GET /again\n".to_owned(), 0));

    // When it is off, the key is gone; when it is on again, it is another one.
    switch(&browser, false, &off).await;
    wait_for_key(&browser, &id, false).await;
    assert_eq!(tunneled(&mut console, server.port, request).await, "tunnel 501\n");
    switch(&browser, true, &format!("{off}; HTTPS")).await;
    assert_ne!(wait_for_key(&browser, &id, true).await, Some(secret));
    assert_eq!(console.exec(SERVED, SOON).await.unwrap().status, 0);
    assert_ne!(wget(&mut console, &site).await.1, 0);

    // It goes with the machine.
    let second = forms(&key(&browser, &id).await.unwrap());
    stop(&workbench, &id).await;
    workbench.call(&PageRequest::Delete(id.clone())).await.unwrap();
    wait_for_key(&browser, &id, false).await;
    let none: [&str; 0] = [];
    assert_eq!(files_with(&browser, &[needles, second].concat()).await, none);
}

#[test]
fn https_of_the_guest_is_read_where_the_user_wants_it_in_chromium() {
    run(journey(Kind::Chromium));
}

#[test]
fn https_of_the_guest_is_read_where_the_user_wants_it_in_firefox() {
    run(journey(Kind::Firefox));
}
