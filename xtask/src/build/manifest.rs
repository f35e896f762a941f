//! The one manifest, as each browser wants it.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// A kind of browser, as far as manifests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    /// Chrome and its relatives: a service worker, an offscreen document.
    Chrome,
    /// Firefox: an event page.
    Firefox,
}

/// Keys that Firefox does not know, and says so.
const CHROME_ONLY: [&str; 4] =
    ["cross_origin_embedder_policy", "cross_origin_opener_policy", "minimum_chrome_version", "sandbox"];
/// Keys that Chrome does not know.
const FIREFOX_ONLY: [&str; 1] = ["browser_specific_settings"];

/// Derives a browser's manifest from the repository's and writes it into `place`.
pub fn write(root: &Path, place: &Path, browser: Browser) -> Result<()> {
    let text = fs::read_to_string(root.join("manifest.json"))?;
    let manifest: Value = serde_json::from_str(&text).context("manifest.json is not JSON")?;
    let derived = derive(manifest, browser).context("manifest.json lacks a key that the build derives from")?;
    fs::write(place.join("manifest.json"), serde_json::to_string_pretty(&derived)?)?;
    Ok(())
}

fn derive(mut manifest: Value, browser: Browser) -> Option<Value> {
    let keys = manifest.as_object_mut()?;
    for foreign in if browser == Browser::Chrome { &FIREFOX_ONLY[..] } else { &CHROME_ONLY[..] } {
        keys.remove(*foreign);
    }
    let background: &mut Map<String, Value> = keys.get_mut("background")?.as_object_mut()?;
    match browser {
        Browser::Chrome => background.remove("page"),
        Browser::Firefox => {
            background.remove("type");
            background.remove("service_worker")
        }
    };
    if browser == Browser::Firefox {
        keys.get_mut("content_security_policy")?.as_object_mut()?.remove("sandbox");
        keys.get_mut("permissions")?.as_array_mut()?.retain(|permission| permission != "offscreen");
    }
    Some(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(browser: Browser) -> Value {
        let text = include_str!("../../../manifest.json");
        derive(serde_json::from_str(text).unwrap(), browser).unwrap()
    }

    #[test]
    fn chrome_gets_a_service_worker_and_no_key_of_firefox() {
        let manifest = derived(Browser::Chrome);
        assert!(manifest["background"]["service_worker"].is_string());
        assert!(manifest["background"].get("page").is_none());
        assert!(manifest.get("browser_specific_settings").is_none());
    }

    #[test]
    fn firefox_gets_an_event_page_and_no_permission_it_does_not_know() {
        let manifest = derived(Browser::Firefox);
        assert!(manifest["background"]["page"].is_string());
        assert!(manifest["background"].get("service_worker").is_none());
        assert!(!manifest["permissions"].as_array().unwrap().iter().any(|permission| permission == "offscreen"));
    }

    #[test]
    fn what_runs_apart_from_the_extension_in_chrome_reaches_nothing_and_is_not_in_firefox() {
        let manifest = derived(Browser::Chrome);
        assert_eq!(manifest["sandbox"]["pages"], serde_json::json!(["network/frame.html"]));
        let policy = manifest["content_security_policy"]["sandbox"].as_str().unwrap();
        assert!(policy.starts_with("sandbox allow-scripts allow-forms; default-src 'none';"), "{policy}");
        assert!(!policy.contains("allow-same-origin") && !policy.contains("http"), "{policy}");
        let manifest = derived(Browser::Firefox);
        assert!(manifest.get("sandbox").is_none() && manifest["content_security_policy"].get("sandbox").is_none());
    }

    #[test]
    fn neither_may_run_remote_code_or_reach_other_sites_unasked() {
        for browser in [Browser::Chrome, Browser::Firefox] {
            let manifest = derived(browser);
            let policy = manifest["content_security_policy"]["extension_pages"].as_str().unwrap();
            assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
            // What machines ask for is fetched where the user has given leave.
            assert!(policy.contains("connect-src 'self' https: http:;"), "{policy}");
            assert_eq!(manifest["host_permissions"], serde_json::json!(["https://dl-cdn.alpinelinux.org/*"]));
            assert_eq!(manifest["optional_host_permissions"], serde_json::json!(["*://*/*"]));
        }
    }
}
