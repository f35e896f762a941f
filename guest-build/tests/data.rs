//! What is committed in `images/` fits together.
#![expect(clippy::unwrap_used, reason = "clippy excuses tests, but not the functions that they share")]

use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../images")
}

fn text(path: &str) -> String {
    fs::read_to_string(images().join(path)).unwrap()
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

#[test]
fn the_firmware_is_what_its_description_says() {
    let readme = text("bios/README.md");
    for (name, size) in [("bios.bin", 128 << 10), ("vgabios-stdvga.bin", 39424)] {
        let data = fs::read(images().join("bios").join(name)).unwrap();
        assert_eq!(data.len(), size);
        let sha256: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(readme.contains(&format!("| `{name}` | {size} | `{sha256}` |")), "{name} has {sha256}");
    }
}

#[test]
fn the_consoles_greet_with_the_message_of_the_day() {
    let motd = text("common/overlay/etc/motd");
    assert!(
        text("common/overlay/etc/profile.d/workbench.sh")
            .contains(&format!("echo '{}'", motd.trim_end_matches('\n').to_owned() + "\n"))
    );
}

#[test]
fn every_script_of_the_overlays_is_correct_shell() {
    let overlays = ["common", "alpine", "debian"].map(|flavour| files(&images().join(flavour).join("overlay")));
    let is_script =
        |path: &Path| path.extension().is_some_and(|end| end == "sh") || fs::read(path).unwrap().starts_with(b"#!");
    let scripts: Vec<_> = overlays.into_iter().flatten().filter(|path| is_script(path)).collect();
    assert!(scripts.len() >= 6, "{scripts:?}");
    for script in scripts {
        let output = Command::new("sh").arg("-n").arg(&script).output().unwrap();
        assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    }
}
