//! The script that answers browsers where BusyBox has no httpd: one request on its standard input.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::repository;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn ask(root: &Path, request: &str) -> Option<String> {
    let script = repository("profiles/web-server/answer.sh");
    let spawned =
        Command::new("busybox").arg("sh").arg(script).arg(root).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut answering) = spawned else {
        assert!(std::env::var_os("CI").is_none(), "busybox is not installed");
        eprintln!("skipped: busybox is not installed");
        return None;
    };
    write!(answering.stdin.take().unwrap(), "{request}").unwrap();
    Some(String::from_utf8(answering.wait_with_output().unwrap().stdout).unwrap())
}

fn get(root: &Path, path: &str) -> Option<String> {
    ask(root, &format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n"))
}

#[test]
fn it_gives_files_and_lists_and_nothing_outside_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("www");
    fs::create_dir_all(root.join("sub/a & b")).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    fs::write(root.join("index.html"), "<p>first").unwrap();
    fs::write(root.join("sub/a b<c>.txt"), "text").unwrap();
    let Some(first) = get(&root, "/?x=1") else { return };
    assert_eq!(
        first,
        "HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 8\r\nConnection: close\r\n\r\n<p>first"
    );
    assert!(get(&root, "/sub/a%20b%3Cc%3E.txt").unwrap().ends_with("\r\n\r\ntext"));
    let list = get(&root, "/sub/").unwrap();
    assert!(list.contains("<a href=\"./%61%20%62%3c%63%3e%2e%74%78%74\">a b&lt;c&gt;.txt</a>"), "{list}");
    assert!(list.contains(">a &amp; b/</a>"), "{list}");
    assert!(get(&root, "/sub").unwrap().starts_with("HTTP/1.0 301 Moved Permanently\r\nLocation: /sub/\r\n"));
    for hostile in [
        "/../secret",
        "/%2e%2e/secret",
        "/sub/../../secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "../secret",
        "/\\..\\secret",
        "/a%0d%0aX:%20y",
        "/%5c056%5c056/secret",
    ] {
        let answer = get(&root, hostile).unwrap();
        assert!(
            answer.starts_with("HTTP/1.0 4") && !answer.contains("secret\n") && !answer.ends_with("secret"),
            "{hostile}: {answer}"
        );
        assert!(!answer.contains("\nX: y"), "{answer}");
    }
    assert!(ask(&root, "POST / HTTP/1.0\r\n\r\n").unwrap().starts_with("HTTP/1.0 405 "));
    assert!(ask(&root, "HEAD / HTTP/1.0\r\n\r\n").unwrap().ends_with("\r\n\r\n"));
}
