//! The console's panel of the files that a machine shares.

use super::{SOON, WORK};
use driver::Browser;
use protocol::InstanceId;
use std::fs;

/// Opens a machine's console with the panel of its shared files.
pub async fn open_panel(browser: &Browser, id: &InstanceId) {
    browser.open(&format!("console/index.html?id={id}")).await.unwrap();
    browser.click("button", "Files").await.unwrap();
    browser.by_role("complementary", "Files").await.unwrap();
}

/// What the list in the panel shows, from top to bottom.
async fn listed(browser: &Browser) -> driver::Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('.files > li')].map((file) => file.getAttribute('aria-label'))";
    Ok(serde_json::from_value(browser.eval(script, vec![]).await?).unwrap_or_default())
}

/// Waits until the list in the panel shows these, from top to bottom.
pub async fn wait_for_listed(browser: &Browser, wanted: &[&str]) {
    let same = async || Ok(listed(browser).await? == wanted);
    if let Err(error) = browser.wait_until(&format!("the files to be {wanted:?}"), SOON, same).await {
        panic!("{error}\nThey are {:?}", listed(browser).await);
    }
}

/// Waits for a download of the browser's, and gives its content.
pub async fn downloaded(browser: &Browser, name: &str, bytes: u64) -> Vec<u8> {
    let saved = browser.downloads().join(name);
    let whole = async || Ok(fs::metadata(&saved).is_ok_and(|file| file.len() == bytes));
    browser.wait_until(&format!("{name} among the downloads"), WORK, whole).await.unwrap();
    fs::read(saved).unwrap()
}
