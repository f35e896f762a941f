//! The runner's programs, in Alpine itself: what profiles bring and take away.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use apkrepo::{Key, Package};
use common::alpine::Alpine;
use common::{catalog, lay, profile};
use profile::{MarkState, Reason, marks};
use std::fs;
use std::io::Read as _;

const RUN: &str = "sh /mnt/host/profiles";

fn with(bundles: &[profile::Bundle]) -> Option<Alpine> {
    let alpine = Alpine::start()?;
    lay(&alpine.path("mnt/host/profiles"), bundles);
    Some(alpine)
}

fn state(alpine: &Alpine, name: &str) -> Option<(MarkState, String, Reason)> {
    let list = marks(&alpine.text(&format!("{RUN}/list.sh"))).unwrap();
    let mark = list.into_iter().find(|mark| mark.name.as_str() == name)?;
    Some((mark.state, mark.version.to_string(), mark.reason))
}

fn applied(version: &str, reason: Reason) -> Option<(MarkState, String, Reason)> {
    Some((MarkState::Applied, version.to_owned(), reason))
}

#[test]
fn the_catalog_is_right() {
    let profiles: Vec<_> = catalog().iter().map(|bundle| bundle.profile().clone()).collect();
    assert_eq!(profiles.len(), 9);
    for profile in &profiles {
        profile::order(&profile.name, &profiles, &[]).unwrap();
    }
}

#[test]
fn the_web_server_comes_and_goes_without_a_trace() {
    let Some(alpine) = with(&catalog()) else { return };
    let before = alpine.everything();
    println!("{}", alpine.text(&format!("{RUN}/apply.sh web-server")));
    assert_eq!(state(&alpine, "web-server"), applied("1.0", Reason::User));
    assert!(alpine.text("wget -q -O - http://127.0.0.1/").contains("The web server runs"));
    alpine.text(&format!("{RUN}/check.sh web-server"));

    let there = alpine.everything();
    assert!(alpine.text(&format!("{RUN}/apply.sh web-server")).contains("applied already"));
    assert_eq!(alpine.everything(), there, "applying it again changes nothing");

    assert_eq!(alpine.sh(&format!("{RUN}/apply.sh nginx")).status, 1, "nginx wants the same port");
    println!("{}", alpine.text(&format!("{RUN}/rollback.sh web-server")));
    assert_eq!(alpine.everything(), before);
    assert_eq!(state(&alpine, "web-server"), None);
    assert_ne!(alpine.sh("wget -q -O - -T 2 http://127.0.0.1/").status, 0);
    alpine.text(&format!("{RUN}/apply.sh web-server"));
    alpine.text("wget -q -O - http://127.0.0.1/");
}
