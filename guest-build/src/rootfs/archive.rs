//! A root file system from a tar archive: owners, modes and times are the archive's, whoever unpacks it.

use super::{Kind, Node, Rootfs};
use flate2::read::GzDecoder;
use std::io::{self, Read};
use std::path::{Component, Path};
use tar::{Archive, Entry, EntryType};

/// More than this, unpacked, is not a minimal root file system but an attack on the build machine's memory.
const UNPACKED_MAX: u64 = 1 << 30;

/// Reads a gzip-compressed tar archive.
///
/// # Errors
/// When it is damaged, has kinds of entries or names that an image can't hold, or is over a gigabyte.
pub fn from_tar_gz(archive: &[u8]) -> io::Result<Rootfs> {
    let mut rootfs = Rootfs::default();
    let mut archive = Archive::new(GzDecoder::new(archive).take(UNPACKED_MAX));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = inside_root(&entry.path()?)?;
        let kind = kind_of(&mut entry, &path)?;
        let header = entry.header();
        let node = Node {
            kind,
            mode: header.mode()? & 0o7777,
            uid: u32::try_from(header.uid()?).map_err(io::Error::other)?,
            gid: u32::try_from(header.gid()?).map_err(io::Error::other)?,
            mtime: header.mtime()?,
        };
        rootfs.insert(&path, node);
    }
    Ok(rootfs)
}

fn kind_of(entry: &mut Entry<'_, impl Read>, path: &str) -> io::Result<Kind> {
    let target = || io::Error::other(format!("the link {path} has no target"));
    let device = |number: io::Result<Option<u32>>| number.map(Option::unwrap_or_default);
    Ok(match entry.header().entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Regular | EntryType::Continuous => {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            Kind::File(content)
        }
        EntryType::Link => Kind::HardLink(inside_root(&entry.link_name()?.ok_or_else(target)?)?),
        EntryType::Symlink => Kind::Symlink(text(&entry.link_name()?.ok_or_else(target)?)?.to_owned()),
        kind @ (EntryType::Block | EntryType::Char) => Kind::Device {
            block: kind == EntryType::Block,
            major: device(entry.header().device_major())?,
            minor: device(entry.header().device_minor())?,
        },
        other => {
            return Err(io::Error::other(format!("{path} is of the kind {other:?}, which no image of ours holds")));
        }
    })
}

/// `./etc/motd` as `etc/motd`; nothing that leads out of the root.
fn inside_root(path: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(text(Path::new(name))?.to_owned()),
            Component::CurDir | Component::RootDir => {}
            _ => {
                return Err(io::Error::other(format!(
                    "the archive has a path that leads out of it: {}",
                    path.display()
                )));
            }
        }
    }
    Ok(names.join("/"))
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str()
        .ok_or_else(|| io::Error::other(format!("the archive has a name that is not UTF-8: {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    fn header(kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(0);
        header.set_gid(42);
        header.set_mtime(1_700_000_000);
        header
    }

    fn archive(fill: impl FnOnce(&mut Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        fill(&mut builder);
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn owners_modes_and_times_are_the_archives() {
        let data = archive(|tar| {
            tar.append_data(&mut header(EntryType::Directory, 0o755, 0), "./", &[][..]).unwrap();
            tar.append_data(&mut header(EntryType::Regular, 0o640, 5), "./etc/shadow", &b"root:"[..]).unwrap();
            tar.append_data(&mut header(EntryType::Regular, 0o4755, 1), "./bin/su", &b"x"[..]).unwrap();
            tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), "./bin/sh", "/bin/busybox").unwrap();
            tar.append_link(&mut header(EntryType::Link, 0o755, 0), "./bin/su2", "./bin/su").unwrap();
        });
        let rootfs = from_tar_gz(&data).unwrap();
        let shadow = rootfs.get("etc/shadow").unwrap();
        assert_eq!((shadow.mode, shadow.uid, shadow.gid, shadow.mtime), (0o640, 0, 42, 1_700_000_000));
        assert_eq!(shadow.kind, Kind::File(b"root:".to_vec()));
        assert_eq!(rootfs.get("bin/su").unwrap().mode, 0o4755);
        assert_eq!(rootfs.get("bin/sh").unwrap().kind, Kind::Symlink("/bin/busybox".into()));
        assert_eq!(rootfs.get("bin/su2").unwrap().kind, Kind::HardLink("bin/su".into()));
        assert_eq!(rootfs.get("").unwrap().kind, Kind::Directory);
    }

    #[test]
    fn a_path_out_of_the_root_is_refused() {
        // The builder refuses such a name, so it is put into the header's first field directly.
        let mut header = header(EntryType::Regular, 0o644, 1);
        header.as_mut_bytes()[..13].copy_from_slice(b"../etc/passwd");
        header.set_cksum();
        let data = archive(|tar| tar.append(&header, &b"x"[..]).unwrap());
        assert!(from_tar_gz(&data).unwrap_err().to_string().contains("leads out"));
    }

    #[test]
    fn a_truncated_archive_is_refused() {
        let data =
            archive(|tar| tar.append_data(&mut header(EntryType::Regular, 0o644, 9000), "f", &[1; 9000][..]).unwrap());
        assert!(from_tar_gz(&data[..data.len() / 2]).is_err());
    }
}
