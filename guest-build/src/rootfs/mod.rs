//! A root file system as a list of nodes in memory: the common form of what archives, overlays and directories hold.
//!
//! Nothing of the build machine gets in: not its users, its umask, the order of its directories or its clock.

mod archive;
mod directory;

pub use archive::from_tar_gz;
pub use directory::{from_directory, from_overlay};

use std::collections::{BTreeMap, BTreeSet};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory; its entries are nodes of their own.
    Directory,
    /// A file with its content.
    File(Vec<u8>),
    /// Another name for the file at this path.
    HardLink(String),
    /// A symbolic link to this target.
    Symlink(String),
    /// A character or block device.
    Device {
        /// Whether it is a block device.
        block: bool,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// One entry of a root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-user-ID, set-group-ID and sticky: at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification, in seconds since 1970.
    pub mtime: u64,
}

impl Node {
    /// A directory of root's.
    pub fn directory(mode: u32, mtime: u64) -> Self {
        Self { kind: Kind::Directory, mode, uid: 0, gid: 0, mtime }
    }

    /// A file of root's.
    pub fn file(content: Vec<u8>, mode: u32, mtime: u64) -> Self {
        Self { kind: Kind::File(content), mode, uid: 0, gid: 0, mtime }
    }

    /// A symbolic link of root's.
    pub fn symlink(target: &str, mtime: u64) -> Self {
        Self { kind: Kind::Symlink(target.to_owned()), mode: 0o777, uid: 0, gid: 0, mtime }
    }
}

/// A root file system. Paths have no slash at either end; the root directory is the empty path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rootfs {
    nodes: BTreeMap<String, Node>,
}

impl Rootfs {
    /// All nodes, sorted by path: a directory comes before what is in it.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The node at a path.
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The node at a path, to change it.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        self.nodes.get_mut(path)
    }

    /// Adds a node, or replaces the one at its path. Directories that lead to it and are missing are made, as root's with mode 0755.
    pub fn insert(&mut self, path: &str, node: Node) {
        for (slash, _) in path.match_indices('/') {
            self.nodes.entry(path[..slash].to_owned()).or_insert_with(|| Node::directory(0o755, node.mtime));
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Lays another root file system over this one: its files replace ours; a directory that we have keeps our owner and mode.
    pub fn overlay(&mut self, upper: Self) {
        for (path, node) in upper.nodes {
            let both_directories =
                node.kind == Kind::Directory && self.get(&path).is_some_and(|ours| ours.kind == Kind::Directory);
            if !both_directories {
                self.insert(&path, node);
            }
        }
    }

    /// Keeps only the nodes whose path `keep` accepts, and the directories that lead to them.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let mut needed = BTreeSet::from([String::new()]);
        for path in self.nodes.keys().filter(|path| keep(path)) {
            needed.extend(path.match_indices('/').map(|(slash, _)| path[..slash].to_owned()));
            needed.insert(path.clone());
        }
        self.nodes.retain(|path, _| needed.contains(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_replaces_files_and_leaves_directories_as_they_are() {
        let mut lower = Rootfs::default();
        lower.insert("root", Node::directory(0o700, 1));
        lower.insert("etc/motd", Node::file(b"theirs".to_vec(), 0o644, 1));
        let mut upper = Rootfs::default();
        upper.insert("root", Node::directory(0o755, 2));
        upper.insert("root/.profile", Node::file(b"ours".to_vec(), 0o644, 2));
        upper.insert("etc/motd", Node::file(b"ours".to_vec(), 0o644, 2));
        lower.overlay(upper);
        assert_eq!(lower.get("root").unwrap().mode, 0o700);
        assert_eq!(lower.get("etc/motd").unwrap().kind, Kind::File(b"ours".to_vec()));
        assert!(lower.get("root/.profile").is_some());
    }

    #[test]
    fn what_is_kept_can_still_be_reached() {
        let mut rootfs = Rootfs::default();
        for path in ["doc/a/copyright", "doc/a/changelog", "doc/b/changelog"] {
            rootfs.insert(path, Node::file(Vec::new(), 0o644, 1));
        }
        rootfs.retain(|path| path.ends_with("/copyright"));
        assert_eq!(rootfs.nodes().map(|(path, _)| path).collect::<Vec<_>>(), ["doc", "doc/a", "doc/a/copyright"]);
    }

    #[test]
    fn directories_on_the_way_are_made_and_come_first() {
        let mut rootfs = Rootfs::default();
        rootfs.insert("a/b/c", Node::symlink("d", 1));
        assert_eq!(rootfs.nodes().map(|(path, _)| path).collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
    }
}
