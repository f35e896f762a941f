//! The server against a plain map of paths: whatever a guest does, both say the same.

#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod support;

use ninep::Errno;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::*;

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Dir,
    File(Vec<u8>),
    Link(Vec<u8>),
}

/// Paths to nodes; a node of several paths is a hard link.
#[derive(Default)]
struct Model {
    nodes: Vec<Node>,
    paths: BTreeMap<String, usize>,
}

impl Model {
    /// What a path names, if everything above it is a directory.
    fn at(&self, path: &str) -> Result<usize, Errno> {
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !above.is_empty() && self.nodes[self.paths[&above]] != Node::Dir {
                return Err(Errno::NotDir);
            }
            above = if above.is_empty() { part.into() } else { format!("{above}/{part}") };
            if !self.paths.contains_key(&above) {
                return Err(Errno::NoEnt);
            }
        }
        Ok(self.paths[path])
    }

    /// Whether a name can be put there.
    fn above(&self, path: &str) -> Result<(), Errno> {
        match path.rsplit_once('/') {
            None => Ok(()),
            Some((above, _)) if self.nodes[self.at(above)?] == Node::Dir => Ok(()),
            Some(_) => Err(Errno::NotDir),
        }
    }

    fn make(&mut self, path: &str, node: Node) -> Result<(), Errno> {
        self.above(path)?;
        if self.paths.contains_key(path) {
            return Err(Errno::Exist);
        }
        self.nodes.push(node);
        self.paths.insert(path.into(), self.nodes.len() - 1);
        Ok(())
    }

    fn children(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        self.paths.keys().filter(|path| path.starts_with(&prefix)).cloned().collect()
    }

    fn remove(&mut self, path: &str, directory: bool) -> Result<(), Errno> {
        self.above(path)?;
        let node = &self.nodes[self.at(path)?];
        match (*node == Node::Dir, directory) {
            (true, false) => return Err(Errno::IsDir),
            (false, true) => return Err(Errno::NotDir),
            (true, true) if !self.children(path).is_empty() => return Err(Errno::NotEmpty),
            _ => {}
        }
        self.paths.remove(path);
        Ok(())
    }

    fn link(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        let node = self.at(old)?;
        self.above(new)?;
        if self.nodes[node] == Node::Dir {
            return Err(Errno::Perm);
        }
        if self.paths.contains_key(new) {
            return Err(Errno::Exist);
        }
        self.paths.insert(new.into(), node);
        Ok(())
    }

    fn rename(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        self.above(old)?;
        self.above(new)?;
        let node = self.at(old)?;
        let dir = self.nodes[node] == Node::Dir;
        if dir && (new == old || new.starts_with(&format!("{old}/"))) {
            return if new == old { Ok(()) } else { Err(Errno::Inval) };
        }
        if let Ok(there) = self.at(new) {
            if there == node {
                return Ok(());
            }
            match (self.nodes[there] == Node::Dir, dir) {
                (true, false) => return Err(Errno::IsDir),
                (false, true) => return Err(Errno::NotDir),
                (true, true) if !self.children(new).is_empty() => return Err(Errno::NotEmpty),
                _ => {}
            }
        }
        for below in self.children(old) {
            let node = self.paths.remove(&below).unwrap();
            self.paths.insert(format!("{new}{}", &below[old.len()..]), node);
        }
        self.paths.remove(old);
        self.paths.insert(new.into(), node);
        Ok(())
    }

    fn file(&mut self, path: &str) -> Result<&mut Vec<u8>, Errno> {
        let node = self.at(path)?;
        match &mut self.nodes[node] {
            Node::File(bytes) => Ok(bytes),
            Node::Dir => Err(Errno::IsDir),
            Node::Link(_) => Err(Errno::Inval),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Create(String),
    Mkdir(String),
    Symlink(String, String),
    Link(String, String),
    Rename(String, String),
    Unlink(String),
    Rmdir(String),
    Write(String, u16, Vec<u8>),
    Append(String, Vec<u8>),
    Truncate(String, u16),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|parts| parts.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    let data = || prop::collection::vec(any::<u8>(), 1..50);
    prop_oneof![
        2 => path().prop_map(Step::Create),
        4 => path().prop_map(Step::Mkdir),
        1 => (path(), path()).prop_map(|(a, b)| Step::Symlink(a, b)),
        1 => (path(), path()).prop_map(|(a, b)| Step::Link(a, b)),
        4 => (path(), path()).prop_map(|(a, b)| Step::Rename(a, b)),
        1 => path().prop_map(Step::Unlink),
        1 => path().prop_map(Step::Rmdir),
        2 => (path(), 0u16..100, data()).prop_map(|(a, b, c)| Step::Write(a, b, c)),
        1 => (path(), data()).prop_map(|(a, b)| Step::Append(a, b)),
        1 => (path(), 0u16..100).prop_map(|(a, b)| Step::Truncate(a, b)),
    ]
}

fn put(file: &mut Vec<u8>, at: usize, data: &[u8]) {
    if file.len() < at + data.len() {
        file.resize(at + data.len(), 0);
    }
    file[at..at + data.len()].copy_from_slice(data);
}

fn model(model: &mut Model, step: &Step) -> Result<(), Errno> {
    match step {
        Step::Create(path) => model.make(path, Node::File(Vec::new())),
        Step::Mkdir(path) => model.make(path, Node::Dir),
        Step::Symlink(path, target) => model.make(path, Node::Link(target.clone().into_bytes())),
        Step::Link(old, new) => model.link(old, new),
        Step::Rename(old, new) => model.rename(old, new),
        Step::Unlink(path) => model.remove(path, false),
        Step::Rmdir(path) => model.remove(path, true),
        Step::Write(path, at, data) => model.file(path).map(|file| put(file, usize::from(*at), data)),
        Step::Append(path, data) => model.file(path).map(|file| file.extend(data)),
        Step::Truncate(path, size) => model.file(path).map(|file| file.resize(usize::from(*size), 0)),
    }
}

fn real(guest: &mut Client, step: &Step) -> Answer<()> {
    match step {
        Step::Create(path) => guest.create(path, RDWR | EXCL, 0o644).and_then(|fid| guest.clunk(fid)),
        Step::Mkdir(path) => guest.mkdir(path),
        Step::Symlink(path, target) => guest.symlink(path, target.as_bytes()),
        Step::Link(old, new) => guest.link(old, new),
        Step::Rename(old, new) => guest.rename(old, new),
        Step::Unlink(path) => guest.unlink(path),
        Step::Rmdir(path) => guest.rmdir(path),
        Step::Write(path, at, data) => {
            let fid = guest.open(path, WRONLY)?;
            guest.write(fid, (*at).into(), data).and_then(|_| guest.clunk(fid))
        }
        Step::Append(path, data) => {
            let fid = guest.open(path, WRONLY | APPEND)?;
            guest.write(fid, 0, data).and_then(|_| guest.clunk(fid))
        }
        Step::Truncate(path, size) => guest.truncate(path, (*size).into()),
    }
}

fn compare(guest: &mut Client, model: &Model) -> Result<(), TestCaseError> {
    for (path, node) in &model.paths {
        let stat = guest.stat(path).unwrap();
        let names = model.paths.values().filter(|other| *other == node).count() as u64;
        match &model.nodes[*node] {
            Node::Dir => {
                let mut names = guest.ls(path).unwrap();
                names.sort();
                let deep = model.children(path);
                let children: Vec<_> = deep.iter().filter(|below| !below[path.len() + 1..].contains('/')).collect();
                prop_assert_eq!(&names, &children.iter().map(|c| c[path.len() + 1..].to_string()).collect::<Vec<_>>());
                let dirs = children.iter().filter(|child| model.nodes[model.paths[**child]] == Node::Dir).count();
                prop_assert_eq!(stat.links, 2 + dirs as u64);
            }
            Node::File(bytes) => {
                prop_assert_eq!(&guest.get(path).unwrap(), bytes);
                prop_assert_eq!((stat.size, stat.links), (bytes.len() as u64, names));
            }
            Node::Link(target) => prop_assert_eq!(&guest.readlink(path).unwrap(), target),
        }
    }
    let mut top = guest.ls("").unwrap();
    top.sort();
    let wanted: Vec<_> = model.paths.keys().filter(|path| !path.contains('/')).cloned().collect();
    prop_assert_eq!(top, wanted);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_guest_finds_what_a_map_of_paths_would_hold(steps in prop::collection::vec(step(), 1..60)) {
        let (mut guest, mut map) = (Client::new(), Model::default());
        let kept = guest.create("open", RDWR, 0o600).unwrap();
        guest.unlink("open").unwrap();
        guest.write(kept, 0, b"kept").unwrap();
        for step in &steps {
            let (wanted, found) = (model(&mut map, step), real(&mut guest, step));
            // A path may lead nowhere and the request be wrong besides: then either may be said.
            let vague = |errno: u32| [Errno::NoEnt.code(), Errno::NotDir.code()].contains(&errno);
            let alike = match (wanted, found) {
                (Err(wanted), Err(found)) => wanted.code() == found || vague(wanted.code()) || vague(found),
                (wanted, found) => wanted.is_ok() == found.is_ok(),
            };
            prop_assert!(alike, "{step:?}: {wanted:?}, but {found:?}");
        }
        compare(&mut guest, &map)?;
        prop_assert_eq!(guest.read(kept, 0, 9), Ok(b"kept".to_vec()));

        // The same after everything was put down and taken up again.
        let clock = guest.clock.clone();
        let mut tree = guest.server.into_tree();
        ninep::testing::block_on(ninep::FileTree::sync_all(&mut tree)).unwrap();
        let mut guest = Client::mount(open_tree(tree.into_store(), &clock), clock);
        compare(&mut guest, &map)?;
    }
}
