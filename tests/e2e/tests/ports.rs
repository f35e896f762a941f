//! A machine's web site in a tab of the extension: it is shown, it works, and it reaches nothing but the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/server.rs"]
#[allow(dead_code, reason = "web.rs uses the rest")]
mod server;

use common::{BOOT, SOON, browser, launched, run, text};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{InstanceId, LAN_CHANNEL};
use server::Server;

/// Answers one request each time that nc has taken a connection.
const SITE: &str = r#"#!/bin/sh
read -r method path _
length=0
while read -r name value; do
    value=${value%?}
    case $name in
        [Cc]ookie:) cookie=$value ;;
        [Cc]ontent-[Ll]ength:) length=$value ;;
        ?) break ;;
    esac
done
say() { printf 'HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %s\r\n%b\r\n%s' "$1" "$2" "${#3}" "$4" "$3"; }
case $path in
    /) say '200 OK' text/html "$(cat /tmp/index)" 'Set-Cookie: seen=yes\r\n' ;;
    /style.css) say '200 OK' text/css 'h1 { color: rgb(1, 2, 3) } p { background: url(pic.svg) }' ;;
    /pic.svg) say '200 OK' image/svg+xml '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>' ;;
    /app.js) say '200 OK' text/javascript "$(cat /tmp/app)" ;;
    /cookie) say '200 OK' text/plain "$cookie" ;;
    /moved) say '302 Found' text/plain '' 'Location: /next?from=moved\r\n' ;;
    /next*) say '200 OK' text/html "<title>Next</title><h1>Next</h1><a id=out target=_top href='http://192.168.0.1/'>out</a> $path" ;;
    /sent) say '200 OK' text/plain "$(head -c $length)" ;;
    /file) say '200 OK' application/octet-stream 0123456789 ;;
    /lies) printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort' ;;
    /endless) printf 'HTTP/1.1 200 OK\r\n'; while echo 'x-more: and more and more'; do :; done ;;
    *) say '404 Not Found' text/html "<h1>Nothing at $path</h1>" ;;
esac
"#;

/// A web socket: says hello, keeps the first frame that comes, and says goodbye.
const SOCKET: &str = r#"#!/bin/sh
while read -r name value; do
    value=${value%?}
    case $name in
        [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:) key=$value ;;
        [Cc]ookie:) echo "$value" > /tmp/cookie ;;
        ?) break ;;
    esac
done
accept=$(printf '%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11' "$key" | sha1sum | cut -d' ' -f1 | xxd -r -p | base64)
printf 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n' "$accept"
printf '\201\005hello\202\002\001\002'
dd bs=1 count=11 of=/tmp/frame 2> /dev/null
printf '\210\006\003\350done'
cat > /dev/null
"#;

/// The first page. Its last lines are what it would try without scripts, or with those that stand in attributes.
const INDEX: &str = r#"<!doctype html><title>A site</title><link rel=stylesheet href=style.css>
<h1>Hello</h1><p><img id=pic src=/pic.svg><a id=next href=/moved>next</a></p>
<form id=form action=sent method=post><input name=a value="1 2"><button>Send</button></form>
<div id=said></div><script src=app.js></script>
<img src='http://SERVER/picture'><img srcset='http://SERVER/set 2x'><video poster='http://SERVER/poster'></video>
<link rel=prefetch href='http://SERVER/prefetch'><link rel=stylesheet href='http://SERVER/style'>
<style>@import 'http://SERVER/import'; form { background: url(http://SERVER/background) }</style>
<iframe src='http://SERVER/frame'></iframe><object data='http://SERVER/object'></object><embed src='http://SERVER/embed'>
<meta http-equiv=refresh content='0; url=http://SERVER/refresh'><svg><image href='http://SERVER/svg' /></svg>
<img src=none onerror="document.body.id = 'ran'; new Image().src = 'http://SERVER/attribute'">"#;

/// What a hostile site would try. `SERVER` is a web server on this computer.
const APP: &str = r"
const tried = {};
const attempt = async (name, work) => { try { tried[name] = (await work()) ? 'REACHED' : 'no' } catch { tried[name] = 'no' } };
(async () => {
    // A worker has what has been stood in for in the window.
    const apart = (work) => new Promise((done) => {
        const code = `(async () => { try { postMessage(Boolean(await (${work})())) } catch { postMessage(false) } })()`;
        const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
        worker.onmessage = ({ data }) => done(data);
        worker.onerror = () => done('it was not tried');
    });
    await attempt('api', () => globalThis.chrome?.runtime?.id ?? globalThis.browser?.runtime?.id);
    await attempt('origin', () => self.origin !== 'null');
    await attempt('parent', () => parent.document.title);
    await attempt('storage', () => navigator.storage.getDirectory());
    await attempt('database', () => indexedDB.open('catalog'));
    await attempt('fetch', () => apart(`async () => { await fetch('http://SERVER/fetch', { mode: 'no-cors' }); return true }`));
    await attempt('image', () => new Promise((done) => {
        const image = new Image(); image.onload = () => done(true); image.onerror = () => done(false); image.src = 'http://SERVER/image';
    }));
    await attempt('beacon', () => (navigator.sendBeacon('http://SERVER/beacon'), false));
    await attempt('top', () => { top.location = 'http://SERVER/top'; return false });
    await attempt('socket', () => apart(`() => new Promise((done) => {
        const socket = new WebSocket('ws://SERVER/socket'); socket.onopen = () => done(true); socket.onerror = () => done(false);
    })`));
    // Each request of this page is said on the channel.
    tried.channel = 'no';
    new BroadcastChannel('LAN_CHANNEL').onmessage = () => { tried.channel = 'REACHED' };
    const answer = await fetch('/cookie');
    document.cookie = 'own=script';
    document.getElementById('said').textContent = JSON.stringify({ tried, cookie: await answer.text(), own: document.cookie });
})();
";

async fn served(console: &mut Console<'_>, port: u16, server: &Server) {
    for (name, content) in [("site", SITE), ("index", INDEX), ("app", APP)] {
        put(console, name, &content.replace("SERVER", &server.host()).replace("LAN_CHANNEL", LAN_CHANNEL)).await;
    }
    let online = "n=0; until ping -c 1 -W 1 gateway.lan > /dev/null; do n=$((n+1)); [ $n -gt 600 ] && exit 1; usleep 100000; done 2> /dev/null";
    assert_eq!(console.exec(online, BOOT).await.unwrap().status, 0, "the network did not come up");
    text(console, &format!("chmod +x /tmp/site; (nc -lk -p {port} -e /tmp/site < /dev/null > /dev/null 2>&1 &)")).await;
}

/// Waits until a script in the page, or in the frame with the site, gives something true.
async fn until(browser: &Browser, framed: bool, what: &str, script: &str) -> serde_json::Value {
    let driver = browser.driver();
    let there = async || {
        if framed && driver.enter_frame(0).await.is_err() {
            return Ok(None);
        }
        let found = browser.eval(script, vec![]).await;
        driver.enter_default_frame().await.ok();
        Ok(found.ok().filter(|found| !matches!(found, serde_json::Value::Null | serde_json::Value::Bool(false))))
    };
    match browser.wait_for(what, SOON, there).await {
        Ok(found) => found,
        Err(error) => {
            let shown = browser.eval("return document.body.innerText", vec![]).await;
            driver.enter_frame(0).await.ok();
            let inside = browser.eval("return document.documentElement.outerHTML", vec![]).await;
            panic!("{error}\naround: {shown:?}\ninside: {inside:?}");
        }
    }
}

async fn shows(browser: &Browser, wanted: &str) {
    until(browser, false, wanted, &format!("return document.body.innerText.includes({wanted:?})")).await;
}

async fn address(browser: &Browser, wanted: &str) {
    let script = format!("return document.querySelector('.view-address input')?.value.endsWith({wanted:?})");
    until(browser, false, wanted, &script).await;
}

async fn opened(browser: &Browser, id: &InstanceId, port: u16) {
    browser.new_tab(&format!("network/view.html?id={id}&port={port}")).await.unwrap();
}

/// Clicks something in the site, as soon as it is laid out.
async fn click(browser: &Browser, id: &str) {
    until(browser, true, id, &format!("return document.getElementById({id:?}) !== null")).await;
    let driver = browser.driver();
    let clicked = async || {
        driver.enter_frame(0).await.ok();
        let found = driver.find(driver::thirtyfour::By::Css(format!("#{id}"))).await;
        let clicked = match found {
            Ok(element) => element.click().await,
            Err(error) => Err(error),
        };
        driver.enter_default_frame().await.ok();
        // What was clicked may have taken the frame away before the browser could say that it was clicked.
        Ok(clicked.err().is_none_or(|error| error.to_string().contains("frame detached")))
    };
    browser.wait_until(&format!("#{id} to be clicked"), SOON, clicked).await.unwrap();
}

async fn site(kind: Kind) {
    let server = Server::start();
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    served(&mut console, 8080, &server).await;

    opened(&browser, &id, 8080).await;
    let look = "const style = getComputedStyle(document.querySelector('h1')).color;
        return style === 'rgb(1, 2, 3)' && document.getElementById('pic').naturalWidth === 7";
    until(&browser, true, "the page with its style and picture", look).await;
    until(&browser, true, "its way of layout", "return document.compatMode === 'CSS1Compat'").await;
    until(&browser, false, "the title", "return document.title.startsWith('A site · alpine-1')").await;
    let said = "return document.getElementById('said').textContent || null";
    if kind == Kind::Chromium {
        let said = until(&browser, true, "what the script said", said).await;
        let said: serde_json::Value = serde_json::from_str(said.as_str().unwrap()).unwrap();
        let tried = said["tried"].as_object().unwrap();
        assert!(tried.len() == 11 && tried.values().all(|outcome| outcome == "no"), "{said}");
        assert_eq!((&said["cookie"], &said["own"]), (&"seen=yes".into(), &"seen=yes; own=script".into()));
    } else {
        shows(&browser, "Without scripts").await;
        let scripts = until(&browser, true, "no scripts", "return [document.scripts.length, document.body.id]").await;
        assert_eq!(scripts, serde_json::json!([0, ""]));
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());

    // A link, a redirect, back and forward, the address field.
    click(&browser, "next").await;
    address(&browser, "/next?from=moved").await;
    until(&browser, true, "the next page", "return document.body.innerText.includes('/next?from=moved')").await;
    browser.click("button", "Back").await.unwrap();
    until(&browser, true, "the first page", "return document.querySelector('h1')?.innerText === 'Hello'").await;
    browser.click("button", "Forward").await.unwrap();
    until(&browser, true, "the next page", "return document.querySelector('h1')?.innerText === 'Next'").await;
    click(&browser, "out").await;
    shows(&browser, "192.168.0.1 is not this machine").await;
    for (typed, wanted) in [
        ("/cookie\u{e007}", if kind == Kind::Chromium { "seen=yes; own=script" } else { "seen=yes" }),
        ("/missing\u{e007}", "Nothing at /missing"),
    ] {
        browser.type_into("textbox", "Address", typed).await.unwrap();
        until(&browser, true, wanted, &format!("return document.body.innerText.includes({wanted:?})")).await;
    }
    shows(&browser, "status 404").await;

    // A form.
    browser.type_into("textbox", "Address", "/\u{e007}").await.unwrap();
    until(&browser, true, "the form", "return document.getElementById('form') !== null").await;
    browser.driver().enter_frame(0).await.unwrap();
    let send = driver::thirtyfour::By::Css("#form button");
    browser.driver().find(send).await.unwrap().click().await.unwrap();
    browser.driver().enter_default_frame().await.unwrap();
    until(&browser, true, "what was sent", "return document.body.innerText.includes('a=1+2')").await;

    // What is no page, what is wrong, and nobody there.
    for (typed, wanted) in [
        ("/file\u{e007}", "file is a file of 10"),
        ("/lies\u{e007}", "ended the connection before its answer was complete"),
        ("/endless\u{e007}", "too large or too many"),
        ("localhost:9\u{e007}", "nothing in the machine answers at this port"),
        ("https://alpine-1.lan/\u{e007}", "only a machine’s plain HTTP"),
    ] {
        browser.type_into("textbox", "Address", typed).await.unwrap();
        shows(&browser, wanted).await;
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

/// Puts a file into the guest.
async fn put(console: &mut Console<'_>, name: &str, content: &str) {
    let put = format!("cat > /tmp/{name} <<'END_OF_FILE'\n{content}\nEND_OF_FILE");
    assert_eq!(console.exec(&put, SOON).await.unwrap().status, 0);
}

/// Scripts run in Chromium alone.
#[test]
fn a_sites_script_speaks_on_a_web_socket_in_chromium() {
    run(async {
        let server = Server::start();
        let browser = browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, mut console) = launched(&workbench).await;
        served(&mut console, 80, &server).await;
        put(&mut console, "socket", SOCKET).await;
        text(&mut console, "chmod +x /tmp/socket; (nc -lk -p 81 -e /tmp/socket < /dev/null > /dev/null 2>&1 &)").await;
        let script = "<div id=said></div><script>
            const said = [];
            const note = (what) => { said.push(what); document.getElementById('said').textContent = said.join(' ') };
            const socket = new WebSocket('ws://' + 'alpine-1.lan:81/path');
            socket.binaryType = 'arraybuffer';
            socket.onopen = () => note('open');
            socket.onmessage = ({ data }) => {
                note(typeof data === 'string' ? data : new Uint8Array(data).join('-'));
                if (typeof data === 'string') socket.send('there');
            };
            socket.onclose = ({ code, reason, wasClean }) => note([code, reason, wasClean].join('-'));
            const elsewhere = new WebSocket('ws://192.168.0.1/');
            elsewhere.onclose = ({ code }) => note('elsewhere-' + code);
            const nobody = new WebSocket('ws://localhost:9/');
            nobody.onerror = () => note('nobody');
        </script>";
        put(&mut console, "index", script).await;
        let first = browser.tab().await.unwrap();
        opened(&browser, &id, 80).await;
        let said = "const said = document.getElementById('said')?.textContent ?? '';
            return ['elsewhere-1006', 'nobody', '1000-done-true'].every((end) => said.includes(end)) && said";
        let said = until(&browser, true, "all that the sockets said", said).await;
        let said: Vec<&str> = said.as_str().unwrap().split(' ').collect();
        let own: Vec<&str> =
            said.into_iter().filter(|word| !word.starts_with("elsewhere") && *word != "nobody").collect();
        assert_eq!(own, ["open", "hello", "1-2", "1000-done-true"]);
        browser.switch_to(&first).await.unwrap();
        // The frame is masked (RFC 6455, section 5.3).
        let frame = text(&mut console, "xxd -p /tmp/frame").await;
        let bytes: Vec<u8> = (0..11).map(|at| u8::from_str_radix(&frame[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(bytes[..2], [0x81, 0x85]);
        let plain: Vec<u8> = bytes[6..].iter().zip(bytes[2..6].iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        assert_eq!(plain, b"there");
        assert!(server.asked().is_empty(), "{:?}", server.asked());
    });
}

#[test]
fn a_machines_site_is_shown_and_reaches_nothing_else_in_chromium() {
    run(site(Kind::Chromium));
}

#[test]
fn a_machines_site_is_shown_and_reaches_nothing_else_in_firefox() {
    run(site(Kind::Firefox));
}

/// A site that leads its own frame away is stopped, and the page says so.
#[test]
fn a_site_that_leaves_its_frame_is_stopped_in_chromium() {
    run(async {
        let server = Server::start();
        let browser = browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, mut console) = launched(&workbench).await;
        served(&mut console, 80, &server).await;
        let leave = format!("echo '<script>location = \"http://{}/left\"</script>' > /tmp/index", server.host());
        text(&mut console, &leave).await;
        opened(&browser, &id, 80).await;
        shows(&browser, "The site has tried to leave its frame").await;
        assert!(server.asked().is_empty(), "{:?}", server.asked());
    });
}
