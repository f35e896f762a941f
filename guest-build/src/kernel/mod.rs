//! The kernel of every machine: Linux from Debian's source package, small, monolithic, and *flat*.
//!
//! [`build`] needs a Debian system, a compiler and several minutes, so what it makes is committed in `images/kernel/`:
//!
//! | file | what |
//! | --- | --- |
//! | `kernel.fragment` | the options that we ask for |
//! | `patches/` | what we change in the source; with the fragment, all that is written by hand |
//! | `vmlinuz-flat.zst` | the kernel, compressed by zstd |
//! | `config` | the full configuration that came of it |
//! | `kernel.toml` | versions, size and checksum: [`KernelInfo`] |
//!
//! [`flat_kernel`] is what everybody else needs.

mod flat;
mod fragment;
mod source;

use crate::command::{run, tool};
use crate::{Error, Result, digest, files};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// What a kernel says of its own build. Constant, so that the same source and compiler make the same bytes.
const BUILD_IDENTITY: [(&str, &str); 4] = [
    ("KBUILD_BUILD_USER", "build"),
    ("KBUILD_BUILD_HOST", "vm-workbench"),
    ("KBUILD_BUILD_VERSION", "1"),
    ("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 2026"),
];

/// An unpacked kernel is about 7 MB. More than this is not a kernel of ours, whatever the committed file claims.
const FLAT_MAX: usize = 64 << 20;

/// The contents of `images/kernel/kernel.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelInfo {
    /// What `uname -r` says in the guest.
    pub version: String,
    /// The Debian package with the source.
    pub source_package: String,
    /// Debian's version of that package.
    pub package_version: String,
    /// The compiler that built it; another one makes other bytes.
    pub compiler: String,
    /// How it was built, for a reader.
    pub recipe: String,
    /// Of the flat image, in bytes.
    pub size: usize,
    /// Of the flat image, in hex.
    pub sha256: String,
}

/// Builds the kernel from source and writes what `images/kernel/` has of it. Takes about five minutes on two cores.
///
/// # Errors
/// Needs Debian's apt and the packages that the errors name; fails when an option of the fragment is not in the outcome.
pub fn build(root: &Path) -> Result<KernelInfo> {
    // make, apt and patch run in directories of their own.
    let root = &std::path::absolute(root).map_err(Error::io("find", root))?;
    let work = root.join("target/guest/kernel");
    let (source, package_version) = source::prepare(&work, &directory(root).join("patches"))?;
    let output = work.join("build");
    files::empty_dir(&output)?;
    configure(&source, &output, &directory(root).join("kernel.fragment"))?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    run(make(&source, &output)?.arg(format!("-j{jobs}")).arg("bzImage"))?;
    let image = flat_image(&output)?;
    let info = KernelInfo {
        version: files::read_text(&output.join("include/config/kernel.release"))?.trim().to_owned(),
        source_package: source::PACKAGE.to_owned(),
        package_version,
        compiler: compiler(&output)?,
        recipe: "patches/; make ARCH=i386 tinyconfig, merged with kernel.fragment; bzImage's setup followed by `objcopy -O binary vmlinux`; zstd -19"
            .to_owned(),
        size: image.len(),
        sha256: digest::sha256(&image),
    };
    write(root, &output, &image, &info)?;
    Ok(info)
}

/// The committed kernel, ready for v86's `bzimage` and for `qemu -kernel`, with its checksum verified.
///
/// # Errors
/// When the committed files are missing, or are not what `kernel.toml` says.
pub fn flat_kernel(root: &Path) -> Result<Vec<u8>> {
    let path = directory(root).join("vmlinuz-flat.zst");
    let info = info(root)?;
    let image = zstd::bulk::decompress(&files::read(&path)?, info.size.min(FLAT_MAX))
        .map_err(Error::io("decompress", &path))?;
    let found = digest::sha256(&image);
    if found == info.sha256 {
        return Ok(image);
    }
    Err(Error::WrongChecksum {
        what: path.display().to_string(),
        algorithm: "SHA-256",
        found,
        expected: info.sha256,
        pinned_in: directory(root).join("kernel.toml"),
    })
}

/// What is known of the committed kernel.
///
/// # Errors
/// When `kernel.toml` is missing or has another form.
pub fn info(root: &Path) -> Result<KernelInfo> {
    files::read_toml(&directory(root).join("kernel.toml"))
}

fn directory(root: &Path) -> PathBuf {
    root.join("images/kernel")
}

fn make(source: &Path, output: &Path) -> Result<Command> {
    for (program, package) in [("flex", "flex"), ("bison", "bison"), ("bc", "bc"), ("gcc", "gcc")] {
        crate::command::find(program, package)?;
    }
    let mut command = tool("make", "make")?;
    command
        .arg("-s")
        .arg("-C")
        .arg(source)
        .arg("ARCH=i386")
        .arg(format!("O={}", output.display()))
        .envs(BUILD_IDENTITY);
    Ok(command)
}

fn configure(source: &Path, output: &Path, fragment: &Path) -> Result<()> {
    run(make(source, output)?.arg("tinyconfig"))?;
    let config = output.join(".config");
    let merge = source.join("scripts/kconfig/merge_config.sh");
    run(Command::new(merge).current_dir(source).arg("-m").arg("-O").arg(output).arg(&config).arg(fragment))?;
    run(make(source, output)?.arg("olddefconfig"))?;
    let refused = fragment::refused(&files::read_text(fragment)?, &files::read_text(&config)?);
    if refused.is_empty() { Ok(()) } else { Err(Error::FragmentRefused(refused)) }
}

fn flat_image(output: &Path) -> Result<Vec<u8>> {
    let vmlinux = output.join("vmlinux");
    let binary = output.join("vmlinux.flat");
    run(tool("objcopy", "binutils")?
        .args(["-O", "binary", "-S", "-R", ".note", "-R", ".comment"])
        .arg(&vmlinux)
        .arg(&binary))?;
    flat::assemble(
        &files::read(&output.join("arch/x86/boot/bzImage"))?,
        &files::read(&vmlinux)?,
        &files::read(&binary)?,
    )
}

fn compiler(output: &Path) -> Result<String> {
    let config = output.join(".config");
    let text = files::read_text(&config)?;
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT="))
        .map(|value| value.trim_matches('"').to_owned());
    found.ok_or_else(|| Error::bad_file(config, "it does not name the compiler"))
}

fn write(root: &Path, output: &Path, image: &[u8], info: &KernelInfo) -> Result<()> {
    let to = directory(root);
    let compressed = zstd::bulk::compress(image, 19).map_err(Error::io("compress", to.join("vmlinuz-flat.zst")))?;
    files::write(&to.join("vmlinuz-flat.zst"), compressed)?;
    files::copy(&output.join(".config"), &to.join("config"))?;
    let table = toml::to_string(info).map_err(|error| Error::bad_file(to.join("kernel.toml"), error))?;
    files::write(&to.join("kernel.toml"), format!("# Written by `cargo xtask kernel`.\n{table}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a kernel of a few bytes.
    fn repository(image: &[u8], sha256: String) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let to = directory(root.path());
        files::create_dir_all(&to).unwrap();
        files::write(&to.join("vmlinuz-flat.zst"), zstd::bulk::compress(image, 1).unwrap()).unwrap();
        let info = KernelInfo {
            version: "6.12.0".into(),
            source_package: source::PACKAGE.into(),
            package_version: "6.12.0-1".into(),
            compiler: "gcc".into(),
            recipe: "none".into(),
            size: image.len(),
            sha256,
        };
        files::write(&to.join("kernel.toml"), toml::to_string(&info).unwrap()).unwrap();
        root
    }

    #[test]
    fn the_kernel_comes_back_when_its_checksum_is_right() {
        let root = repository(b"kernel", digest::sha256(b"kernel"));
        assert_eq!(flat_kernel(root.path()).unwrap(), b"kernel");
    }

    #[test]
    fn a_kernel_with_another_checksum_is_refused() {
        let root = repository(b"kernel", digest::sha256(b"another"));
        let error = flat_kernel(root.path()).unwrap_err();
        assert!(matches!(error, Error::WrongChecksum { algorithm: "SHA-256", .. }), "{error}");
    }

    #[test]
    fn the_committed_kernel_is_what_its_description_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let image = flat_kernel(&root).unwrap();
        assert_eq!(
            flat::payload_of(&image),
            Some(image.len() - flat::setup_len(&image).unwrap()),
            "syssize covers the payload"
        );
        let config = files::read_text(&directory(&root).join("config")).unwrap();
        let fragment = files::read_text(&directory(&root).join("kernel.fragment")).unwrap();
        assert_eq!(fragment::refused(&fragment, &config), Vec::<String>::new(), "the config is that of this fragment");
    }
}
