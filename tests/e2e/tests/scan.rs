//! A pairing code out of a picture: a file that is chosen, dropped or pasted, and what a camera sees.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{SOON, dist, run};
use driver::thirtyfour::By;
use driver::{Browser, Kind, LaunchOptions, Network};
use peering::qr::Picture;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Making a connection's code on a busy machine.
const MADE: Duration = Duration::from_secs(60);
/// The field of the other side's code.
const FIELD: &str = "#invitation-code";

/// The picture of an element of the page, as PNG.
async fn picture(browser: &Browser, of: &str) -> Vec<u8> {
    browser.driver().find(By::Css(of)).await.unwrap().screenshot_as_png().await.unwrap()
}

/// What stands in the field for the other side's code.
async fn field(browser: &Browser) -> String {
    let value = browser.eval("return document.querySelector(arguments[0])?.value ?? ''", vec![json!(FIELD)]).await;
    value.unwrap().as_str().unwrap_or_default().to_owned()
}

/// Waits until the field has this, and empties it.
async fn holds(browser: &Browser, code: &str) {
    let there = async || Ok(field(browser).await == code);
    browser.wait_until("the code in the field", SOON, there).await.unwrap();
    browser.type_into("textbox", "The other side’s code", "").await.unwrap();
    browser.wait_until("an empty field", SOON, async || Ok(field(browser).await.is_empty())).await.unwrap();
}

/// Waits until the dialog says this.
async fn says(browser: &Browser, words: &str) {
    let told = async || {
        let shown = browser.eval("return document.querySelector('dialog')?.innerText ?? ''", vec![]).await?;
        Ok(shown.as_str().is_some_and(|shown| shown.contains(words)))
    };
    browser.wait_until(&format!("the words “{words}”"), SOON, told).await.unwrap();
}

async fn choose(browser: &Browser, path: &Path) {
    let input = browser.driver().find(By::Css("dialog input[type=file]")).await.unwrap();
    input.send_keys(path.to_str().unwrap()).await.unwrap();
}

/// Drops a picture on the field, or pastes it.
async fn hand_in(browser: &Browser, how: &str, png: &[u8]) {
    let script = "
        const [selector, how, bytes] = arguments;
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], 'picture.png', { type: 'image/png' }));
        const common = { bubbles: true, cancelable: true };
        const event = how === 'drop'
            ? new DragEvent('drop', { ...common, dataTransfer: data })
            : new ClipboardEvent('paste', { ...common, clipboardData: data });
        return !document.querySelector(selector).dispatchEvent(event);";
    let taken = browser.eval(script, vec![json!(FIELD), json!(how), json!(png)]).await.unwrap();
    assert_eq!(taken, true, "{how}");
}

async fn scanned(kind: Kind) {
    let network = Network::new(1).unwrap();
    let options = LaunchOptions { namespace: Some(network.host(1)), ..LaunchOptions::new(kind, dist(kind)) };
    let browser = Browser::launch(options).await.unwrap();
    browser.open("network/index.html").await.unwrap();
    browser.click("button", "Invite… another browser").await.unwrap();
    browser.type_into("textbox", "What the other side calls this browser", "ann").await.unwrap();
    browser.click("button", "Make a code").await.unwrap();
    let shown = "return document.querySelector('textarea[readonly]')?.value ?? ''";
    let made = async || Ok(browser.eval(shown, vec![]).await?.as_str().is_some_and(|code| code.starts_with("VMW")));
    browser.wait_until("the code of the invitation", MADE, made).await.unwrap();
    let code = browser.eval(shown, vec![]).await.unwrap().as_str().unwrap().to_owned();
    browser.click("button", "Show QR code").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (qr, plain, text) =
        (folder.path().join("qr.png"), folder.path().join("plain.png"), folder.path().join("a.png"));
    let png = picture(&browser, "svg.qr").await;
    fs::write(&qr, &png).unwrap();
    fs::write(&plain, picture(&browser, ".peers-head").await).unwrap();
    fs::write(&text, "no picture at all").unwrap();

    browser.click("button", "Join… another browser with its code").await.unwrap();
    choose(&browser, &plain).await;
    says(&browser, "There is no QR code to be seen in this picture").await;
    choose(&browser, &text).await;
    says(&browser, "This file is no picture that the browser knows.").await;
    choose(&browser, &qr).await;
    holds(&browser, &code).await;
    // Firefox lets no script make a paste with a file in it.
    let ways: &[&str] = if kind == Kind::Chromium { &["drop", "paste"] } else { &["drop"] };
    for how in ways {
        hand_in(&browser, how, &png).await;
        holds(&browser, &code).await;
    }

    // There is no camera here, or nobody who allows it.
    browser.click("button", "Scan with the camera…").await.unwrap();
    says(&browser, "camera").await;
    browser.close().await.unwrap();
}

#[test]
fn a_code_is_read_in_a_picture_in_chromium() {
    run(scanned(Kind::Chromium));
}

#[test]
fn a_code_is_read_in_a_picture_in_firefox() {
    run(scanned(Kind::Firefox));
}

/// A film of one frame that shows a code (YUV4MPEG2).
fn film(text: &str) -> Vec<u8> {
    const WIDTH: usize = 640;
    const HEIGHT: usize = 480;
    const SCALE: usize = 5;
    let picture = Picture::of(text).unwrap();
    let (left, top) = ((WIDTH - picture.side * SCALE) / 2, (HEIGHT - picture.side * SCALE) / 2);
    let mut film = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\nFRAME\n").into_bytes();
    for (y, x) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (y, x))) {
        let dark = x >= left && y >= top && picture.is_dark((x - left) / SCALE, (y - top) / SCALE);
        film.push(if dark { 20 } else { 230 });
    }
    film.extend([128; WIDTH * HEIGHT / 2]);
    film
}

#[test]
fn a_camera_sees_a_code_in_chromium() {
    run(async {
        let (folder, code) = (tempfile::tempdir().unwrap(), format!("VMW{}", "2Z".repeat(140)));
        let file = folder.path().join("film.y4m");
        fs::write(&file, film(&code)).unwrap();
        let mut options = LaunchOptions::new(Kind::Chromium, dist(Kind::Chromium));
        options.extra_args =
            ["use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"].map(String::from).into();
        options.extra_args.push(format!("use-file-for-fake-video-capture={}", file.display()));
        let browser = Browser::launch(options).await.unwrap();
        browser.open("network/index.html").await.unwrap();
        browser.click("button", "Join… another browser with its code").await.unwrap();
        browser.click("button", "Scan with the camera…").await.unwrap();
        holds(&browser, &code).await;
        let video = "return document.querySelector('video') === null";
        assert_eq!(browser.eval(video, vec![]).await.unwrap(), true, "the camera is off");
        browser.close().await.unwrap();
    });
}
