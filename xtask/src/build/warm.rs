//! A template's warm state: the memory of a machine that has just booted, and the layer over the image that belongs to it.
//!
//! The machine boots in Node.js, in the very WebAssembly that is packaged, so this comes after all else is built. What comes out is kept in
//! `target/guest` for as long as nothing that goes into it changes.

use crate::succeed;
use anyhow::{Context, Result, bail};
use block::{Disk, StdFile};
use protocol::{ImageFile, MemoryMib, WarmState};
use qcow2::{BackingFormat, BackingRef, CreateOptions, Qcow2};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What boots the machine.
const SCRIPT: &str = "xtask/src/build/warm.mjs";
/// What else decides how the machine is made, beside what is packaged.
const SOURCES: [&str; 4] = [SCRIPT, "src/machine/v86.rs", "src/machine/state_maker.rs", "xtask/src/build/warm.rs"];
/// What of the package the machine is made of.
const PACKAGED: [&str; 5] =
    ["vendor/v86.js", "vendor/v86.wasm", "images/kernel.bin", "images/bios.bin", "images/vgabios.bin"];
/// Makes the guest stop at its gate (docs/agent.md).
const AT_THE_GATE: &str = "workbench.warm";
/// What is written, here and into the package.
const STATE: &str = "memory";
const LAYER: &str = "layer.qcow2";
/// As in qcow2, and in the script.
const CLUSTER: usize = 64 << 10;

/// What a warm state is made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The built extension.
    pub extension: &'a Path,
    /// The raw image.
    pub raw: &'a Path,
    /// The same as it is packaged.
    pub image: &'a ImageFile,
    /// The template's command line.
    pub cmdline: &'a str,
    /// The machine's memory.
    pub memory: MemoryMib,
    /// The image's name, and so the files'.
    pub name: &'a str,
}

/// Puts the warm state into the package's images.
pub fn package(root: &Path, from: &Ingredients<'_>) -> Result<WarmState> {
    let kept = root.join("target/guest/warm").join(from.name);
    let key = key(root, from)?;
    let key_file = kept.join("key");
    if fs::read_to_string(&key_file).is_ok_and(|old| old == key) {
        eprintln!("warm state: as before");
    } else {
        if kept.exists() {
            fs::remove_dir_all(&kept)?;
        }
        fs::create_dir_all(&kept)?;
        make(root, from, &kept).context("the template's warm state can't be made")?;
        fs::write(&key_file, &key)?;
    }
    let put = |name: &str| -> Result<String> {
        let packaged = format!("images/{}-warm-{name}", from.name);
        fs::copy(kept.join(name), from.extension.join(&packaged))?;
        Ok(packaged)
    };
    Ok(WarmState { memory: from.memory, state: put(STATE)?, layer: put(LAYER)?, key })
}

fn key(root: &Path, from: &Ingredients<'_>) -> Result<String> {
    let mut hash = Sha256::new();
    let files = PACKAGED.iter().map(|name| from.extension.join(name));
    for file in files.chain(SOURCES.iter().map(|name| root.join(name))) {
        hash.update(fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?);
    }
    hash.update(format!("{} {} {}", from.image.sha256, from.cmdline, from.memory.bytes()));
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make(root: &Path, from: &Ingredients<'_>, out: &Path) -> Result<()> {
    let job = out.join("job.json");
    let text = json!({
        "image": from.raw,
        "diskBytes": from.image.disk_bytes,
        "cmdline": format!("{} {AT_THE_GATE}", from.cmdline),
        "memory": from.memory.bytes(),
        "out": out,
    });
    fs::write(&job, text.to_string())?;
    // Node.js takes the extension's scripts for modules only where this says so; the package needs no such file.
    let says_so = from.extension.join("package.json");
    fs::write(&says_so, r#"{"type":"module"}"#)?;
    let booted = succeed(Command::new("node").arg(root.join(SCRIPT)).arg(from.extension).arg(&job));
    fs::remove_file(&says_so)?;
    booted?;
    memory(out)?;
    layer(from, out)
}

/// Packs what the machine's memory and its terminals had as a saved memory.
fn memory(out: &Path) -> Result<()> {
    let take = |name: &str| -> Result<Vec<u8>> {
        let path = out.join(name);
        let bytes = fs::read(&path)?;
        fs::remove_file(&path)?;
        Ok(bytes)
    };
    let (serial, shell, state) = (take("serial.bin")?, take("shell.bin")?, take("state.bin")?);
    let beside = [&serial[..], &shell, &[]];
    let mut behind = vec![];
    // Unpacking it would take a good part of the time that it is there to save; what is shipped is packed as a whole.
    let line = layers::saved::write_plain(beside, true, &state, &mut behind)?;
    fs::write(out.join(STATE), [line, behind].concat())?;
    Ok(())
}

/// Puts what the guest had written into a layer over the image.
fn layer(from: &Ingredients<'_>, out: &Path) -> Result<()> {
    let take = |name: &str| -> Result<(PathBuf, Vec<u8>)> {
        let path = out.join(name);
        let bytes = fs::read(&path)?;
        Ok((path, bytes))
    };
    let ((index_file, indexes), (data_file, data)) = (take("clusters.json")?, take("clusters.bin")?);
    let indexes: Vec<u64> = serde_json::from_slice(&indexes)?;
    if data.len() != indexes.len() * CLUSTER {
        bail!("{} clusters were written, but there are {} bytes of them", indexes.len(), data.len());
    }
    let mut file =
        StdFile::new(File::options().read(true).write(true).create(true).truncate(true).open(out.join(LAYER))?);
    let backing = BackingRef { name: from.image.name(), format: Some(BackingFormat::Qcow2) };
    qcow2::create(&mut file, &CreateOptions::overlay(from.image.disk_bytes, backing))?;
    let image = StdFile::new(File::open(from.extension.join(&from.image.path))?);
    let mut layer = Qcow2::open(file, Some(Box::new(Qcow2::open_read_only(image, None)?)))?;
    for (index, bytes) in indexes.iter().zip(data.chunks(CLUSTER)) {
        layer.write(index * CLUSTER as u64, bytes)?;
    }
    layer.flush()?;
    fs::remove_file(index_file)?;
    fs::remove_file(data_file)?;
    Ok(())
}
