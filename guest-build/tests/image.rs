//! Builds whole images from a small distribution made up here, in a repository made up here with the real overlays, and reads them with an
//! ext4 reader that shares nothing with the tools that wrote them. No network.
#![expect(clippy::unwrap_used, reason = "clippy excuses tests, but not the functions that they share")]

use ext4_view::{Ext4, FileType};
use flate2::{Compression, write::GzEncoder};
use guest_build::Error;
use guest_build::image::{Flavour, GuestImage, Package, ensure, ensure_flavour, packages, workspace};
use sha2::{Digest, Sha512};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// Not a path that a real mirror has, should ALPINE_MIRROR be set here.
const ARCHIVE: &str = "made-up/rootfs.tar.gz";
const MTIME: u64 = 1_700_000_000;
/// Tells the copy of this program that a test starts where to build.
const CHILD: &str = "GUEST_BUILD_TEST_CHILD";

/// What apk records of a package.
const INSTALLED: &[u8] = b"P:busybox\nV:1.36.1-r29\nL:GPL-2.0-only\no:busybox\nc:1747c01f\nF:bin\nR:busybox\n\n";

/// A directory with a repository and, beside it, the shared mirror where `ensure` looks.
struct World {
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { directory: tempfile::tempdir().unwrap() };
        let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images");
        copy(&real.join("common"), &world.root().join("images/common"));
        copy(&real.join("alpine"), &world.root().join("images/alpine"));
        copy(&real.join("tools"), &world.root().join("images/tools"));
        copy(&real.join("workspace"), &world.root().join("images/workspace"));
        world.publish(&archive("root:*::0:::::\n"));
        world
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Puts an archive into the mirror and pins it.
    fn publish(&self, archive: &[u8]) {
        let path = self.mirrored();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, archive).unwrap();
        let sha512: String = Sha512::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
        let pin = format!("file = \"{ARCHIVE}\"\nsha512 = \"{sha512}\"\n");
        fs::write(self.root().join("images/alpine/source.toml"), pin).unwrap();
    }

    fn mirrored(&self) -> PathBuf {
        self.directory.path().join("shared/alpine").join(ARCHIVE)
    }

    fn build(&self) -> Result<GuestImage, Error> {
        ensure_flavour(&self.root(), &self.directory.path().join("out"), Flavour::Alpine)
    }

    fn build_and_open(&self) -> Ext4 {
        Ext4::load_from_path(self.build().unwrap().path).unwrap()
    }
}

/// A distribution with one of each thing that an image has to get right.
fn archive(shadow: &str) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let header = |kind, mode, gid, size| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(gid);
        header.set_size(size);
        header.set_mtime(MTIME);
        header
    };
    for (path, mode) in [("./", 0o755), ("./root", 0o700), ("./tmp", 0o1777), ("./etc", 0o755)] {
        tar.append_data(&mut header(EntryType::Directory, mode, 0, 0), path, &[][..]).unwrap();
    }
    tar.append_data(&mut header(EntryType::Regular, 0o640, 42, shadow.len() as u64), "./etc/shadow", shadow.as_bytes())
        .unwrap();
    tar.append_data(&mut header(EntryType::Regular, 0o4755, 0, 6), "./bin/busybox", &b"\x7fELF\x01\x01"[..]).unwrap();
    tar.append_data(&mut header(EntryType::Regular, 0o644, 0, 100_000), "./lib/a b", &[7; 100_000][..]).unwrap();
    tar.append_data(
        &mut header(EntryType::Regular, 0o644, 0, INSTALLED.len() as u64),
        "./lib/apk/db/installed",
        INSTALLED,
    )
    .unwrap();
    tar.append_link(&mut header(EntryType::Symlink, 0o777, 0, 0), "./bin/sh", "/bin/busybox").unwrap();
    tar.append_link(&mut header(EntryType::Link, 0o4755, 0, 0), "./bin/hard", "./bin/busybox").unwrap();
    let mut null = header(EntryType::Char, 0o666, 0, 0);
    null.set_device_major(1).unwrap();
    null.set_device_minor(3).unwrap();
    tar.append_data(&mut null, "./dev/null", &[][..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn mode_and_owner(fs: &Ext4, path: &str) -> (u16, u32, u32) {
    let metadata = fs.symlink_metadata(path).unwrap();
    (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
}

#[test]
fn the_image_holds_the_distribution_with_its_owners_modes_and_times() {
    let image = World::new().build_and_open();
    assert_eq!(mode_and_owner(&image, "/etc/shadow"), (0o640, 0, 42));
    assert_eq!(mode_and_owner(&image, "/bin/busybox"), (0o4755, 0, 0));
    assert_eq!(mode_and_owner(&image, "/root"), (0o700, 0, 0));
    assert_eq!(mode_and_owner(&image, "/tmp"), (0o1777, 0, 0));
    assert_eq!(mode_and_owner(&image, "/"), (0o755, 0, 0));
    assert_eq!(image.read_link("/bin/sh").unwrap(), "/bin/busybox");
    assert_eq!(image.read("/lib/a b").unwrap(), [7; 100_000]);
    assert_eq!(image.read("/bin/hard").unwrap(), b"\x7fELF\x01\x01");
    assert_eq!(image.metadata("/dev/null").unwrap().file_type(), FileType::CharacterDevice);
    let modified = image.metadata("/etc/shadow").unwrap().modified();
    assert_eq!(modified.seconds(), i64::try_from(MTIME).unwrap());
}

#[test]
fn the_image_holds_our_overlays() {
    let image = World::new().build_and_open();
    assert_eq!(mode_and_owner(&image, "/usr/lib/workbench/boot"), (0o755, 0, 0));
    assert_eq!(mode_and_owner(&image, "/etc/inittab"), (0o644, 0, 0));
    assert_eq!(image.read_to_string("/etc/hostname").unwrap(), "alpine\n");
    assert!(image.metadata("/mnt/host").unwrap().is_dir() && image.metadata("/workspace").unwrap().is_dir());
    assert!(!image.exists("/mnt/host/.gitkeep").unwrap());
    assert!(image.metadata("/usr/local/sbin/poweroff").unwrap().mode() & 0o111 != 0, "the link leads to a program");
    assert!(image.metadata("/sbin/poweroff").unwrap().mode() & 0o111 != 0, "the link leads to a program");
}

#[test]
fn an_image_tells_of_its_packages() {
    let world = World::new();
    let found = packages(&world.build().unwrap()).unwrap();
    let package = Package {
        name: "busybox".into(),
        version: "1.36.1-r29".into(),
        license: Some("GPL-2.0-only".into()),
        source: "aports 1747c01f, busybox".into(),
    };
    assert_eq!(found, [package]);
}

#[test]
fn the_same_inputs_make_the_same_bytes_under_another_name_and_umask() {
    let (one, other) = (World::new(), World::new());
    // The umask belongs to the process, so another process builds the second one.
    let script = "umask 077; exec \"$0\" --exact child_build";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, other.directory.path())
        .status();
    assert!(status.unwrap().success());
    let image = one.build().unwrap();
    let again = other.directory.path().join("out").join(image.path.file_name().unwrap());
    assert!(fs::read(&image.path).unwrap() == fs::read(again).unwrap(), "two builds differ");
}

/// Not a test of its own: what the test above runs as another process.
#[test]
fn child_build() {
    if let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) {
        ensure_flavour(&directory.join("repository"), &directory.join("out"), Flavour::Alpine).unwrap();
    }
}

#[test]
fn no_time_in_the_superblock_is_that_of_the_build() {
    let world = World::new();
    let image = fs::read(world.build().unwrap().path).unwrap();
    // Linux, Documentation/filesystems/ext4/super.rst; the superblock is at 1024.
    for (name, offset) in [("s_wtime", 0x30), ("s_lastcheck", 0x40), ("s_mkfs_time", 0x108)] {
        let time = u32::from_le_bytes(image[1024 + offset..][..4].try_into().unwrap());
        assert_eq!(time, 1_725_580_800, "{name} is the epoch of image.toml");
    }
}

#[test]
fn the_programs_of_ours_are_there_and_can_be_run() {
    let fs = World::new().build_and_open();
    assert_eq!(mode_and_owner(&fs, "/usr/lib/workbench/growfs"), (0o755, 0, 0));
    assert!(fs.read("/usr/lib/workbench/growfs").unwrap().starts_with(b"\x7fELF"));
}

#[test]
fn a_workspace_is_empty_always_the_same_and_can_grow_to_a_tebibyte() {
    let world = World::new();
    let out = world.directory.path().join("out");
    let first = workspace(&world.root(), &out).unwrap();
    let image = fs::read(&first.path).unwrap();
    assert_eq!((first.size, image.len() as u64), (128 << 20, 128 << 20));
    // Linux, Documentation/filesystems/ext4/super.rst; the superblock is at 1024.
    let reserved = u16::from_le_bytes(image[1024 + 0xce..][..2].try_into().unwrap());
    let groups_of_a_tebibyte = (1u64 << 40) / (128 << 20);
    assert!(u64::from(reserved) + 1 >= groups_of_a_tebibyte * 32 / 4096, "{reserved} blocks of descriptors");
    let read_only_compatible = u32::from_le_bytes(image[1024 + 0x64..][..4].try_into().unwrap());
    assert_ne!(
        read_only_compatible & 0x10,
        0,
        "descriptors have checksums, or inode tables could not be left unwritten"
    );
    let fs = Ext4::load_from_path(&first.path).unwrap();
    let names: Vec<_> =
        fs.read_dir("/").unwrap().map(|entry| entry.unwrap().file_name().as_str().unwrap().to_owned()).collect();
    assert_eq!(names, [".", "..", "lost+found"]);
    let again = workspace(&world.root(), &world.directory.path().join("elsewhere")).unwrap();
    assert_eq!(again.sha256, first.sha256, "two builds differ");
}

#[test]
fn an_image_is_built_again_only_when_an_input_changed() {
    let world = World::new();
    let first = world.build().unwrap();
    let written = || fs::metadata(&first.path).unwrap().modified().unwrap();
    let before = written();
    fs::remove_file(world.mirrored()).unwrap();
    assert_eq!(world.build().unwrap(), first, "needs no source");
    assert_eq!(written(), before);
    fs::write(world.root().join("images/common/overlay/etc/motd"), "changed").unwrap();
    let second = world.build().unwrap();
    assert_ne!(second.sha256, first.sha256, "and for this the archive that was kept is enough");
    world.publish(&archive("root:!::0:::::\n"));
    assert_ne!(world.build().unwrap().sha256, second.sha256);
}

#[test]
fn a_wrong_checksum_is_refused_and_no_other_flavour_is_built_instead() {
    let world = World::new();
    fs::write(world.mirrored(), archive("root::0:::::\n")).unwrap();
    let out = world.directory.path().join("out");
    let error = ensure(&world.root(), &out).unwrap_err();
    assert!(matches!(error, Error::WrongChecksum { algorithm: "SHA-512", .. }), "{error}");
    assert!(!out.exists(), "nothing was written");
}

#[test]
fn a_distribution_that_does_not_fit_is_an_error_and_leaves_no_image() {
    let world = World::new();
    let recipe = world.root().join("images/alpine/image.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    fs::write(&recipe, text.replace("size_mib = 256", "size_mib = 12")).unwrap();
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_size(12 << 20);
    tar.append_data(&mut header, "big", vec![1; 12 << 20].as_slice()).unwrap();
    world.publish(&tar.into_inner().unwrap().finish().unwrap());
    let error = world.build().unwrap_err();
    assert!(matches!(error, Error::BadImage { .. }), "{error}");
    assert!(!world.directory.path().join("out/alpine-3.20.img").exists());
}
