#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "x")]
mod common;
use common::*;
use driver::Kind;
use e2e::Workbench;
use serde_json::json;
#[test]
fn scratch() {
    run(async {
        let browser = common::browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, _) = launched(&workbench).await;
        stop(&workbench, &id).await;
        let ev = |k: serde_json::Value| json!({"Catalog": {"Events": {"machine": null, "kinds": k, "since": 1, "limit": 10}}});
        let t = std::time::Instant::now();
        let r = browser.eval_async("return Promise.all([0,1].map(async (i) => { const t = performance.now(); const r = await window.remote.call(arguments[i]); return [performance.now()-t, r]; }))", vec![ev(json!([])), ev(json!(["booted", "storage"]))]).await;
        println!("{:?} {r:?}", t.elapsed());
        browser.open("history/index.html").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(8)).await;
        println!("{:?}", browser.eval("return document.querySelector('.charts').outerHTML", vec![]).await);
        println!("{:?}", browser.names("img").await);
        for (w, h, name) in [(1280, 800, "wide"), (500, 800, "narrow")] {
            browser.resize(w, h).await.unwrap();
            browser.eval("document.getElementById('sql').dispatchEvent(new KeyboardEvent('keydown', {key:'Enter', ctrlKey:true, bubbles:true}))", vec![]).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            browser.screenshot(std::path::Path::new(&format!("/tmp/duckt/{name}.png"))).await.unwrap();
            browser.eval("window.scrollTo(0, 9999)", vec![]).await.unwrap();
            browser.screenshot(std::path::Path::new(&format!("/tmp/duckt/{name}2.png"))).await.unwrap();
        }
        browser.resize(1000, 900).await.unwrap();
        browser.open("popup/index.html").await.unwrap();
        browser.resize(400, 600).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        browser.screenshot(std::path::Path::new("/tmp/duckt/popup.png")).await.unwrap();
    });
}
