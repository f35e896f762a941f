//! Crashes: at any point, with any of what was not flushed lost, half written, or written out of order.

#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod support;

use ninep::testing::block_on;
use ninep::{BlobStore, FileTree, Kind, MemoryStore, MetaTree, Name, NewInode, OpenError, Settings, Slabs, StoreError};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::*;

#[derive(Debug, Clone)]
enum Step {
    Create(u8, u8),
    Mkdir(u8),
    Write(u8, u8, u16, u16),
    Truncate(u8, u8, u16),
    Rename((u8, u8), (u8, u8)),
    Remove(u8, u8),
    Chmod(u8, u8, u16),
    Sync(u8, u8),
    SyncAll,
}

fn step() -> impl Strategy<Value = Step> {
    // Few names, so that much happens to each.
    let (d, n) = (|| 0u8..2, || 0u8..2);
    prop_oneof![
        3 => (d(), n()).prop_map(|(a, b)| Step::Create(a, b)),
        1 => d().prop_map(Step::Mkdir),
        4 => (d(), n(), 0u16..900, 1u16..600).prop_map(|(a, b, c, e)| Step::Write(a, b, c, e)),
        2 => (d(), n(), 0u16..900).prop_map(|(a, b, c)| Step::Truncate(a, b, c)),
        3 => ((d(), n()), (d(), n())).prop_map(|(a, b)| Step::Rename(a, b)),
        2 => (d(), n()).prop_map(|(a, b)| Step::Remove(a, b)),
        1 => (d(), n(), 0u16..0o777).prop_map(|(a, b, c)| Step::Chmod(a, b, c)),
        2 => (d(), n()).prop_map(|(a, b)| Step::Sync(a, b)),
        1 => Just(Step::SyncAll),
    ]
}

fn path(dir: u8, name: u8) -> Vec<u8> {
    if dir == 0 { format!("f{name}").into_bytes() } else { format!("d{dir}/f{name}").into_bytes() }
}

/// Does a step, and says whether it was one that makes everything's names durable.
async fn run<B: BlobStore>(tree: &mut MetaTree<B>, step: &Step, stamp: u8) -> bool {
    match *step {
        Step::Create(dir, name) => {
            let _ = tree.host_create(&path(dir, name), 0o644, (0, 0)).await;
        }
        Step::Mkdir(dir) => {
            let _ = tree.host_mkdir(format!("d{dir}").as_bytes(), 0o755, (0, 0)).await;
        }
        Step::Write(dir, name, at, len) => {
            let (path, data) = (path(dir, name), vec![stamp; len.into()]);
            if tree.host_write(&path, at.into(), &data).await.is_err() {
                // One change at a time, or a crash could come between the two.
                let _ = tree.host_create(&path, 0o644, (0, 0)).await;
            }
        }
        Step::Truncate(dir, name, size) => {
            if let Ok(attr) = tree.host_stat(&path(dir, name)).await {
                let change = ninep::SetAttr { size: Some(size.into()), ..Default::default() };
                tree.set_attr(attr.ino, &change).await.unwrap();
            }
        }
        Step::Rename(from, to) => {
            let _ = tree.host_rename(&path(from.0, from.1), &path(to.0, to.1)).await;
        }
        Step::Remove(dir, name) => {
            let _ = tree.host_remove(&path(dir, name)).await;
        }
        Step::Chmod(dir, name, mode) => {
            if let Ok(attr) = tree.host_stat(&path(dir, name)).await {
                let change = ninep::SetAttr { mode: Some(mode.into()), ..Default::default() };
                tree.set_attr(attr.ino, &change).await.unwrap();
            }
        }
        Step::Sync(dir, name) => match tree.host_stat(&path(dir, name)).await {
            Ok(attr) => return tree.sync(attr.ino).await.is_ok(),
            Err(_) => return false,
        },
        Step::SyncAll => return tree.sync_all().await.is_ok(),
    }
    false
}

/// Everything but contents, by path; and contents by inode.
type Shape = BTreeMap<Vec<u8>, (u64, u32, u64, u64)>;
type Contents = BTreeMap<u64, Vec<u8>>;

async fn look<B: BlobStore>(tree: &mut MetaTree<B>) -> (Shape, Contents) {
    let (mut shape, mut contents, mut todo) = (Shape::new(), Contents::new(), vec![Vec::new()]);
    while let Some(dir) = todo.pop() {
        for entry in tree.host_list(&dir).await.unwrap() {
            let path = [dir.clone(), entry.name, b"/".to_vec()].concat();
            let attr = entry.attr;
            shape.insert(path.clone(), (attr.ino, attr.mode, attr.size, attr.links));
            if attr.is_dir() {
                todo.push(path);
            } else {
                let mut bytes = vec![0; attr.size as usize];
                assert_eq!(tree.read(attr.ino, 0, &mut bytes).await, Ok(bytes.len()));
                contents.insert(attr.ino, bytes);
            }
        }
    }
    (shape, contents)
}

struct Moment {
    changes: usize,
    shape: Shape,
    contents: Contents,
    /// The names are durable.
    synced: bool,
    /// This file's content is, or everyone's.
    flushed: Option<Option<u64>>,
    /// The file that was written.
    written: Option<u64>,
}

/// A tree over blobs that are files, or over blobs in slabs, which must promise the same.
trait Kept: BlobStore + Sized {
    fn over(files: MemoryStore) -> Self;
    fn files(&self) -> &MemoryStore;

    fn tree(files: MemoryStore) -> MetaTree<Self> {
        let settings = Settings { quota: 1 << 20, max_inodes: 10_000 };
        block_on(MetaTree::open(Self::over(files), settings, Clock::default().reader())).unwrap()
    }
}

impl Kept for MemoryStore {
    fn over(files: MemoryStore) -> Self {
        files
    }

    fn files(&self) -> &MemoryStore {
        self
    }
}

impl Kept for Slabs<MemoryStore> {
    fn over(files: MemoryStore) -> Self {
        Self::new(files)
    }

    fn files(&self) -> &MemoryStore {
        self.below()
    }
}

async fn live<B: Kept>(steps: &[Step]) -> (Vec<Moment>, Vec<ninep::testing::Change>) {
    let mut store = MemoryStore::default();
    store.log = Some(Vec::new());
    let mut tree = B::tree(store);
    let mut moments = Vec::new();
    for (at, step) in std::iter::once(&Step::SyncAll).chain(steps).enumerate() {
        let synced = run(&mut tree, step, at as u8 + 1).await;
        let flushed = match step {
            Step::Sync(dir, name) if synced => Some(Some(tree.host_stat(&path(*dir, *name)).await.unwrap().ino)),
            Step::SyncAll => Some(None),
            _ => None,
        };
        let written = match step {
            Step::Write(dir, name, ..) => tree.host_stat(&path(*dir, *name)).await.ok().map(|attr| attr.ino),
            _ => None,
        };
        let (shape, contents) = look(&mut tree).await;
        moments.push(Moment {
            changes: tree.store().files().log.as_ref().unwrap().len(),
            shape,
            contents,
            synced,
            flushed,
            written,
        });
    }
    let log = tree.store().files().log.clone();
    (moments, log.unwrap())
}

/// What a file holds for sure after a crash that left the names as they were `at` some moment: what it held when it was flushed
/// last, if nothing cut it off up to then, and nothing was written to it up to the crash.
fn flushed_content(moments: &[Moment], synced: usize, at: usize, last: usize, ino: u64) -> Option<&Vec<u8>> {
    let flush = moments[..=synced].iter().rposition(|moment| match moment.flushed {
        Some(Some(only)) => only == ino,
        Some(None) => true,
        None => false,
    })?;
    let before = moments[flush].contents.get(&ino)?;
    let written = moments[flush + 1..=last].iter().any(|moment| moment.written == Some(ino));
    let same = moments[flush..=at].iter().all(|moment| moment.contents.get(&ino).is_none_or(|now| now == before));
    (same && !written).then_some(before)
}

fn check<B: Kept>(steps: &[Step], cut: usize, fates: &[u8]) -> Result<(), TestCaseError> {
    let (moments, log) = block_on(live::<B>(steps));
    let first = moments[0].changes;
    let cut = first + cut % (log.len() - first + 1);
    let mut fates = fates.iter().copied().cycle();
    let store = MemoryStore::after_crash(&log[..cut], || fates.next().unwrap());
    let mut tree = B::tree(store);
    let (shape, contents) = block_on(look(&mut tree));

    let synced = moments.iter().rposition(|moment| moment.changes <= cut && moment.synced).unwrap();
    let last = moments.iter().position(|moment| moment.changes >= cut).unwrap_or(moments.len() - 1).max(synced);
    let alike: Vec<_> = (synced..=last).filter(|at| moments[*at].shape == shape).collect();
    prop_assert!(
        !alike.is_empty(),
        "{:?}\nis none of\n{:?}",
        shape,
        moments[synced..=last].iter().map(|m| &m.shape).collect::<Vec<_>>()
    );
    let fits = |at: &usize| {
        contents
            .iter()
            .all(|(ino, bytes)| flushed_content(&moments, synced, *at, last, *ino).is_none_or(|sure| sure == bytes))
    };
    prop_assert!(alike.iter().any(fits), "what was flushed is not there: {:?}", contents);

    // And it goes on: what is left can be changed, closed and opened; and what grows, grows by zeros.
    block_on(async {
        for (ino, bytes) in &contents {
            let end = bytes.len() as u64;
            tree.write(*ino, end + 50, b"x").await.unwrap();
            let mut gap = [1; 50];
            tree.read(*ino, end, &mut gap).await.unwrap();
            assert_eq!(gap, [0; 50]);
        }
        tree.host_create(b"after", 0o644, (0, 0)).await.unwrap();
        tree.host_write(b"after", 3, b"x").await.unwrap();
        tree.sync_all().await.unwrap();
        let (shape, contents) = look(&mut tree).await;
        let mut again = B::tree(tree.store().files().clone());
        assert_eq!(look(&mut again).await, (shape, contents));
    });
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_a_crash_the_tree_is_one_that_there_was(
        steps in prop::collection::vec(step(), 1..40),
        cut: usize,
        fates in prop::collection::vec(prop_oneof![Just(0u8), Just(255u8), any::<u8>()], 1..30),
    ) {
        check::<MemoryStore>(&steps, cut, &fates)?;
        check::<Slabs<MemoryStore>>(&steps, cut, &fates)?;
    }

    #[test]
    fn a_failing_store_loses_nothing_that_was_said_to_be_done(
        steps in prop::collection::vec(step(), 1..40),
        after in 0usize..60,
        full: bool,
    ) {
        block_on(async {
            let clock = Clock::default();
            let mut tree = open_tree(MemoryStore::default(), &clock);
            for (at, step) in steps.iter().enumerate().take(20) {
                run(&mut tree, step, at as u8).await;
            }
            let error = if full { StoreError::NoSpace } else { StoreError::Io("gone".into()) };
            tree.store_mut().fail_after = Some((after, error));
            for n in 0..10 {
                let _ = tree.host_create(format!("more{n}").as_bytes(), 0o644, (0, 0)).await;
                let _ = tree.host_write(b"more0", n, b"data").await;
                let _ = tree.sync_all().await;
            }
            tree.store_mut().fail_after = None;
            tree.sync_all().await.unwrap();
            let live = look(&mut tree).await;
            let mut again = open_tree(tree.into_store(), &clock);
            prop_assert_eq!(look(&mut again).await, live);
            Ok(())
        })?;
    }
}

#[test]
fn a_journal_that_grew_is_written_anew_and_says_the_same() {
    let clock = Clock::default();
    let mut tree = open_tree(MemoryStore::default(), &clock);
    block_on(async {
        for n in 0..3000 {
            tree.host_create(b"new", 0o644, (0, 0)).await.unwrap();
            tree.host_write(b"new", 0, format!("{n}").as_bytes()).await.unwrap();
            tree.host_rename(b"new", b"old").await.unwrap();
        }
        tree.sync_all().await.unwrap();
        let live = look(&mut tree).await;
        let store = tree.into_store();
        let lengths = [0, 1].map(|slot| store.blob(slot).map_or(0, <[u8]>::len));
        assert!(lengths.iter().all(|len| (100..600_000).contains(len)), "{lengths:?}");
        assert_eq!(store.blobs().filter(|id| *id > 1).count(), 1, "and the old contents are gone");
        let mut again = open_tree(store, &clock);
        assert_eq!(look(&mut again).await, live);
    });
}

/// Everything that a crash may leave after some steps.
fn all_crashes(steps: &[Step]) {
    let (moments, log) = block_on(live::<MemoryStore>(steps));
    for cut in 0..=log.len() - moments[0].changes {
        for lost in 0..=8 {
            let fates: Vec<_> = (0..9).map(|at| if at == lost { 0 } else { u8::MAX }).collect();
            check::<MemoryStore>(steps, cut, &fates).unwrap();
            check::<Slabs<MemoryStore>>(steps, cut, &fates).unwrap();
        }
    }
}

#[test]
fn bytes_are_cut_off_only_when_the_record_of_it_is_durable() {
    all_crashes(&[Step::Create(0, 0), Step::Write(0, 0, 0, 100), Step::Sync(0, 0), Step::Truncate(0, 0, 10)]);
    all_crashes(&[
        Step::Create(0, 0),
        Step::Write(0, 0, 0, 100),
        Step::Sync(0, 0),
        Step::Truncate(0, 0, 0),
        Step::Write(0, 0, 0, 50),
    ]);
    all_crashes(&[
        Step::Create(0, 0),
        Step::Write(0, 0, 0, 100),
        Step::Sync(0, 0),
        Step::Remove(0, 0),
        Step::Create(0, 1),
    ]);
}

#[test]
fn bytes_whose_length_was_lost_do_not_come_to_light() {
    all_crashes(&[Step::Create(0, 0), Step::Write(0, 0, 0, 10), Step::SyncAll, Step::Write(0, 0, 10, 90)]);
}

#[test]
fn a_file_renamed_over_another_is_one_of_the_two() {
    let steps = [
        Step::Create(0, 0),
        Step::Write(0, 0, 0, 10),
        Step::Sync(0, 0),
        Step::Create(0, 1),
        Step::Write(0, 1, 0, 20),
        Step::Rename((0, 1), (0, 0)),
        Step::Sync(0, 1),
    ];
    let (moments, log) = block_on(live::<MemoryStore>(&steps));
    for cut in moments[3].changes..=log.len() {
        for lost in 0..=8 {
            let mut at = 0;
            let fate = || {
                at += 1;
                if at - 1 == lost { 0 } else { u8::MAX }
            };
            let mut tree = open_tree(MemoryStore::after_crash(&log[..cut], fate), &Clock::default());
            let mut bytes = [0; 99];
            let len = block_on(tree.host_read(b"f0", 0, &mut bytes)).unwrap();
            assert!(bytes[..len] == [3; 10] || bytes[..len] == [6; 20], "{:?} at {cut}", &bytes[..len]);
        }
    }
}

#[test]
fn a_damaged_journal_is_an_error_and_not_an_empty_tree() {
    let clock = Clock::default();
    let mut tree = open_tree(MemoryStore::default(), &clock);
    block_on(async {
        tree.host_create(b"a", 0o644, (0, 0)).await.unwrap();
        tree.host_write(b"a", 0, b"x").await.unwrap();
        tree.sync_all().await.unwrap();
    });
    let store = tree.into_store();
    let open = |store| block_on(MetaTree::open(store, Settings::default(), Clock::default().reader()));
    let mut damaged = store.clone();
    damaged.blob_mut(0)[30] ^= 1;
    assert_eq!(open(damaged).err(), Some(OpenError::Damaged));
    let mut newer = store;
    let head = newer.blob_mut(0);
    head[6] = 2;
    let sum = crc32fast::hash(&head[..16]);
    head[16..20].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(open(newer).err(), Some(OpenError::Newer));
}

#[test]
fn an_inode_is_never_numbered_as_one_before() {
    let clock = Clock::default();
    let mut tree = open_tree(MemoryStore::default(), &clock);
    let new = NewInode { kind: Kind::File, mode: 0o644, uid: 0, gid: 0 };
    let name = Name::new(b"a").unwrap();
    let mut last = 0;
    for _ in 0..3 {
        block_on(async {
            let ino = tree.create(1, name, &new).await.unwrap();
            assert!(ino > last);
            last = ino;
            tree.remove(1, name, false).await.unwrap();
        });
        tree = open_tree(tree.into_store(), &clock);
    }
}
