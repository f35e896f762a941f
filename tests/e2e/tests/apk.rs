//! The guest's own package manager through the gateway, with a signed repository on a web server of the test's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/server.rs"]
#[allow(dead_code, reason = "web.rs uses the rest")]
mod server;

use apkrepo::{Key, Package};
use common::{BOOT, Variant, WORK, are_long_wanted, launched, run, text};
use driver::Kind;
use e2e::{Console, Workbench};
use protocol::{Access, InstanceId, PageRequest};
use server::{Server, bytes, sha256};

/// A machine whose network is up, which trusts the key and may ask the server.
async fn prepared<'a>(workbench: &Workbench<'a>, server: &Server, key: &Key) -> (InstanceId, Console<'a>) {
    let (id, mut console) = launched(workbench).await;
    let access = Access { hosts: vec![server.host()], ..Access::default() };
    workbench.call(&PageRequest::SetAccess(id.clone(), access)).await.unwrap();
    let online = "n=0; until ping -c 1 -W 1 gateway.lan > /dev/null; do n=$((n+1)); [ $n -gt 600 ] && exit 1; usleep 100000; done 2> /dev/null";
    assert_eq!(console.exec(online, BOOT).await.unwrap().status, 0, "the network did not come up");
    let public = std::fs::read_to_string(key.public()).unwrap();
    let trust = format!(
        "cat > /etc/apk/keys/test.rsa.pub <<'END'\n{public}\nEND\necho http://{}/files > /etc/apk/repositories",
        server.host()
    );
    text(&mut console, &trust).await;
    (id, console)
}

const INSTALL: &str =
    "export http_proxy=http://gateway.lan:3128; apk update && apk add tool && tool && sha256sum < /usr/share/tool/data";

async fn installs(kind: Kind) {
    let key = Key::new("test").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = bytes(2 << 20);
    let packages = [
        Package::new("tool", "1.2-r0").depends("tool-data").file("usr/bin/tool", "#!/bin/sh\necho it works\n", 0o755),
        Package::new("tool-data", "1.2-r0").file("usr/share/tool/data", data.clone(), 0o644),
    ];
    apkrepo::repository(folder.path(), &packages, &key).unwrap();
    let server = Server::of_folder(folder.path());
    let variant = Variant::of(kind);
    let manifest = std::fs::read_to_string(variant.path("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["host_permissions"].as_array_mut().unwrap().push("*://127.0.0.2/*".into());
    std::fs::write(variant.path("manifest.json"), manifest.to_string()).unwrap();
    let browser = variant.browser_with_tabs().await;
    let workbench = Workbench::open(&browser).await.unwrap();

    let (_, mut console) = prepared(&workbench, &server, &key).await;
    let done = console.exec(INSTALL, WORK).await.unwrap();
    assert_eq!(done.status, 0, "{}", done.text());
    assert!(done.text().contains("it works") && done.text().contains(&sha256(&data)), "{}", done.text());
    let asked = server.asked().len();
    assert_eq!(asked, 3, "an index and two packages: {:?}", server.asked());

    // With the network gone, another machine installs the same.
    server.go_away();
    let (_, mut second) = prepared(&workbench, &server, &key).await;
    let done = second.exec(INSTALL, WORK).await.unwrap();
    assert_eq!(done.status, 0, "{}", done.text());
    assert!(done.text().contains("it works") && done.text().contains(&sha256(&data)), "{}", done.text());
    assert_eq!(server.asked().len(), asked, "nobody was there to be asked");
    let unsigned = second.exec("echo tampered >> /etc/apk/keys/test.rsa.pub; rm -f /var/cache/apk/*; sed -i 's/BEGIN/BEGUN/' /etc/apk/keys/test.rsa.pub; apk update", WORK).await.unwrap();
    assert!(unsigned.status != 0 || unsigned.text().contains("UNTRUSTED"), "{}", unsigned.text());
}

#[test]
fn apk_installs_through_the_gateway_and_again_without_a_network_in_chromium() {
    run(installs(Kind::Chromium));
}

#[test]
fn apk_installs_through_the_gateway_and_again_without_a_network_in_firefox() {
    if are_long_wanted() {
        run(installs(Kind::Firefox));
    }
}
