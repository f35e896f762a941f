//! HTTPS of the guest's own, which the gateway reads with certificates of an authority that is the machine's alone.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use authority::{Authority, Tls};
use common::{BOOT, SOON, Variant, WORK, launched, run, text};
use driver::{Browser, Kind, LaunchOptions};
use e2e::{Console, Workbench};
use protocol::{Access, InstanceId, PageRequest, ProfileVerb};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

/// A web server that speaks HTTPS only, with a certificate of its own.
fn secure_server() -> u16 {
    let authority = Authority::new("test", &[9; 32], now()).unwrap();
    let listener = TcpListener::bind(("127.0.0.2", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let authority = authority.clone();
            thread::spawn(move || serve(stream, &authority));
        }
    });
    port
}

fn serve(mut stream: TcpStream, authority: &Arc<Authority>) -> Option<()> {
    let mut tls = Tls::new(authority, "127.0.0.2", now()).ok()?;
    let (mut plain, mut bytes) = (vec![], [0; 16_384]);
    while !plain.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
        tls.input(&bytes[..count], &mut plain).ok()?;
        let sealed = tls.output().to_vec();
        stream.write_all(&sealed).ok()?;
        tls.sent(sealed.len());
    }
    let path = String::from_utf8_lossy(&plain).split(' ').nth(1)?.to_owned();
    let body = format!("secure {path}\n");
    tls.send(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).as_bytes(),
    );
    tls.close();
    let sealed = tls.output().to_vec();
    stream.write_all(&sealed).ok()
}

async fn allow(workbench: &Workbench<'_>, id: &InstanceId, https: bool, port: u16) {
    let access = Access { web: false, https, hosts: vec![format!("127.0.0.2:{port}")] };
    workbench.call(&PageRequest::SetAccess(id.clone(), access)).await.unwrap();
}

/// What the guest is answered by HTTPS through the proxy, by its TLS program alone: the connection is a program's input and output.
async fn tunneled(console: &mut Console<'_>, port: u16, path: &str) -> String {
    let program = format!(
        "cat > /tmp/tunnel <<'END'\n#!/bin/sh
printf 'CONNECT 127.0.0.2:{port} HTTP/1.1\\r\\nHost: 127.0.0.2:{port}\\r\\n\\r\\n'
read -r _ status _; echo \"tunnel $status\" > /tmp/said
while read -r line; do [ \"$line\" = \"$(printf '\\r')\" ] && break; done
[ $status = 200 ] || exit 1
exec 3<&0
printf 'GET {path} HTTP/1.0\\r\\nHost: 127.0.0.2:{port}\\r\\n\\r\\n' | ssl_client -s 3 -n shop.example.org >> /tmp/said 2>> /tmp/said
END
chmod +x /tmp/tunnel; rm -f /tmp/said; nc gateway.lan 3128 -e /tmp/tunnel; cat /tmp/said"
    );
    text(console, &program).await
}

async fn journey(kind: Kind) {
    let port = secure_server();
    let variant = Variant::of(kind);
    let manifest = std::fs::read_to_string(variant.path("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["host_permissions"].as_array_mut().unwrap().push("*://127.0.0.2/*".into());
    std::fs::write(variant.path("manifest.json"), manifest.to_string()).unwrap();
    let mut options = LaunchOptions::new(kind, variant.path(""));
    (options.extension_tabs, options.insecure) = (true, true);
    let browser = Browser::launch(options).await.unwrap();
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    let online = "n=0; until ping -c 1 -W 1 gateway.lan > /dev/null; do n=$((n+1)); [ $n -gt 600 ] && exit 1; usleep 100000; done 2> /dev/null";
    assert_eq!(console.exec(online, BOOT).await.unwrap().status, 0, "the network did not come up");

    // Without the user's choice there is a sentence.
    allow(&workbench, &id, false, port).await;
    assert_eq!(tunneled(&mut console, port, "/x").await, "tunnel 501\n");
    let refused = workbench.profile(&id, ProfileVerb::Apply, "https", WORK).await.unwrap();
    assert!(matches!(refused.ended, Some(Err(_))), "{refused:?}");

    // With it, the machine has to trust the authority first.
    allow(&workbench, &id, true, port).await;
    let served = "n=0; until wget -q -O - http://gateway.lan/ca.crt | grep -q BEGIN; do n=$((n+1)); [ $n -gt 100 ] && exit 1; usleep 100000; done";
    assert_eq!(console.exec(served, SOON).await.unwrap().status, 0, "the gateway has no certificate");
    let untrusted = console.exec("wget -q -O - https://gateway.lan/ca.crt", SOON).await.unwrap();
    assert_ne!(untrusted.status, 0, "{}", untrusted.text());
    let applied = workbench.profile(&id, ProfileVerb::Apply, "https", WORK).await.unwrap();
    assert!(matches!(applied.ended, Some(Ok(()))), "{applied:?}");
    let own = text(&mut console, "wget -q -O - https://gateway.lan/ca.crt").await;
    assert!(own.starts_with("-----BEGIN CERTIFICATE-----"), "{own}");
    let answer = tunneled(&mut console, port, "/a?b").await;
    assert!(answer.starts_with("tunnel 200\nHTTP/1.1 200") && answer.ends_with("secure /a?b\n"), "{answer}");
    // What it may reach is judged as ever.
    let ask = "printf 'CONNECT 192.168.0.1:443 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -w 10 gateway.lan 3128";
    assert!(text(&mut console, ask).await.starts_with("HTTP/1.1 403"));

    // Another machine's authority is another one, and this machine's is gone when HTTPS is off.
    allow(&workbench, &id, false, port).await;
    assert_eq!(tunneled(&mut console, port, "/x").await, "tunnel 501\n");
    allow(&workbench, &id, true, port).await;
    assert_eq!(console.exec(served, SOON).await.unwrap().status, 0);
    let anew = console.exec("wget -q -O - https://gateway.lan/ca.crt", SOON).await.unwrap();
    assert_ne!(anew.status, 0, "{}", anew.text());
}

#[test]
fn https_of_the_guest_is_read_where_the_user_wants_it_in_chromium() {
    run(journey(Kind::Chromium));
}

#[test]
fn https_of_the_guest_is_read_where_the_user_wants_it_in_firefox() {
    run(journey(Kind::Firefox));
}
