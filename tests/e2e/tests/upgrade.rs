//! A new version of the extension brings a new base image; machines stay on the one that they were made on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use block::MemoryFile;
use common::{BOOT, SOON, Variant, run};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{PageRequest, State};
use qcow2::CreateOptions;
use sha2::{Digest, Sha256};
use std::fs;

/// Puts an empty disk in the place of the packaged image: a machine that is moved onto it does not boot.
fn package_empty_image(variant: &Variant) {
    let list = variant.path("images/templates.json");
    let mut templates: serde_json::Value = serde_json::from_slice(&fs::read(&list).unwrap()).unwrap();
    let image = &mut templates[0]["image"];
    let mut file = MemoryFile::default();
    qcow2::create(&mut file, &CreateOptions::new(image["disk_bytes"].as_u64().unwrap())).unwrap();
    let digest: String = Sha256::digest(file.bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    image["sha256"] = digest.into();
    image["bytes"] = file.bytes().len().into();
    fs::write(variant.path(image["path"].as_str().unwrap()), file.bytes()).unwrap();
    fs::write(list, templates.to_string()).unwrap();
}

/// In Firefox, because Chromium takes an unpacked extension in another folder for another extension.
#[test]
fn a_machine_stays_on_the_image_that_it_was_made_on() {
    run(async {
        let profile = tempfile::tempdir().unwrap();
        let variant = Variant::of(Kind::Firefox);
        let start = async || -> Browser { variant.browser_with(profile.path()).await };

        let browser = start().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        console.exec("echo kept > /root/kept; sync", SOON).await.unwrap();
        workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
        workbench.wait_for_state(&id, &[State::Stopped], SOON).await.unwrap();
        browser.close().await.unwrap();

        package_empty_image(&variant);
        let browser = start().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        assert_eq!(console.exec("cat /root/kept", SOON).await.unwrap().text(), "kept\n");
    });
}
