//! The files that a machine shares with the host: a tree of the crate `ninep` in `instances/ID/share/`, one for each machine.
//!
//! ```text
//!  guest ── 9P ──► machine worker ──► tree ──► OpfsStore       while the machine has a worker
//!                        ▲
//!                        │ BroadcastChannel: ShareOp
//!  pages ── DiskRequest::Share ──► storage worker ──► tree     while it has none
//! ```
//!
//! A tree has one owner, who holds the machine's lock: its worker while it runs (`src/machine/share.rs`), else whoever works on its
//! disks. [`access`] finds out which it is. Both do the same with the files, [`perform`].
//!
//! In the tree are `share/`, which people exchange files by, `profiles/`, which the guest can only read, and `cache/`. The tree
//! belongs to the machine and not to its disks: snapshots, clones and exported machines leave it out, and what becomes of the
//! machine's disks changes nothing in it. It goes with the machine's directory.

pub mod access;
pub mod lay;
pub mod perform;
mod store;

use crate::bridge::{log, problem, text_of, to_js};
use crate::disks::records;
use ninep::{Errno, FileTree, MetaTree, OpenError, Settings, Slabs, StoreError, Time};
use protocol::{InstanceId, Problem, ProblemCode, share_news_channel};
use store::OpfsStore;
use web_sys::BroadcastChannel;

/// A machine's shared files.
pub type Tree = MetaTree<Slabs<OpfsStore>>;

/// Where they are in the machine's directory.
const DIRECTORY: &str = "share";
/// The folder that people exchange files by.
pub const EXCHANGE: &[u8] = b"share";
/// What the guest may only read.
const PROFILES: &[u8] = b"profiles";
/// What packages are kept in.
const CACHE: &[u8] = b"cache";
/// What the folders may be done with, and whose they are.
const FOLDER_MODE: u32 = 0o755;
const ROOT: (u32, u32) = (0, 0);
/// Room that shared files leave in the browser's storage, in bytes: disks need it more.
const RESERVE: u64 = 64 << 20;
/// Files and folders, at most: each takes some 300 bytes of the worker's memory, and a guest must not be able to take all of it.
const INODES_MAX: u64 = 200_000;

/// Opens the machine's shared files, which whoever holds the machine's lock may do, once at a time.
pub async fn open(id: &InstanceId) -> Result<Tree, Problem> {
    let directory = records::directory(id).await?.directory(DIRECTORY).await?;
    let settings = Settings { quota: u64::MAX, max_inodes: INODES_MAX };
    let tree = MetaTree::open(Slabs::new(OpfsStore::new(directory)), settings, now).await;
    let mut tree = tree.map_err(|error| open_problem(&error))?;
    lay_out(&mut tree).await.map_err(|errno| perform::share_problem("The shared files could not be opened", errno))?;
    limit(&mut tree, room().await?).await?;
    Ok(tree)
}

/// Makes the folders if they are not there. The guest can't take them away or rename them: what they are in is sealed.
async fn lay_out(tree: &mut Tree) -> Result<(), Errno> {
    if !tree.host_stat(b"").await?.read_only {
        for folder in [EXCHANGE, PROFILES, CACHE] {
            tree.host_mkdir(folder, FOLDER_MODE, ROOT).await?;
        }
        tree.host_seal(b"", true).await?;
    }
    // One after the other, so that what a crash left half-way is found and finished.
    for folder in [EXCHANGE, CACHE] {
        if tree.host_stat(folder).await?.read_only {
            tree.host_seal(folder, false).await?;
        }
    }
    Ok(())
}

/// Lets the files take up so many bytes more, such as [`room`] says: then the guest hears of a full storage before it has written anything
/// that has no place.
pub async fn limit(tree: &mut Tree, free: u64) -> Result<(), Problem> {
    let space = tree.space().await.map_err(|errno| perform::share_problem("The shared files can’t be read", errno))?;
    let used = space.total.saturating_sub(space.free);
    tree.set_quota(used.saturating_add(free));
    Ok(())
}

/// What the browser still gives, less the reserve, in bytes.
pub async fn room() -> Result<u64, Problem> {
    let (usage, quota) = crate::storage::report::estimate().await?;
    Ok(quota.saturating_sub(usage).saturating_sub(RESERVE))
}

fn open_problem(error: &OpenError) -> Problem {
    let code = match error {
        OpenError::Damaged | OpenError::Newer => ProblemCode::DiskDamaged,
        OpenError::Store(StoreError::NoSpace) => ProblemCode::NoSpace,
        OpenError::Store(StoreError::Io(_)) => ProblemCode::Internal,
    };
    let advice = match code {
        ProblemCode::DiskDamaged => "The files were left untouched. The machine runs without them.",
        ProblemCode::NoSpace => "Free some disk space, then start the machine again.",
        _ => "Start the machine again; if it stays, restart the browser.",
    };
    let message = format!("The shared files can’t be opened: {error}.");
    Problem { code, message, advice: advice.to_owned() }
}

/// The time of day.
fn now() -> Time {
    let milliseconds = js_sys::Date::now() as u64;
    Time { seconds: milliseconds / 1000, nanos: (milliseconds % 1000) as u32 * 1_000_000 }
}

/// Tells the pages that a machine's shared files have changed.
#[derive(Debug)]
pub struct News(BroadcastChannel);

impl News {
    /// Opens the channel.
    pub fn open(id: &InstanceId) -> Result<Self, Problem> {
        let failed = |error| problem(ProblemCode::Internal, "The pages can’t be told of changed files", &error);
        BroadcastChannel::new(&share_news_channel(id)).map(Self).map_err(failed)
    }

    /// Tells them.
    pub fn tell(&self) {
        let told = to_js(&()).map(|nothing| self.0.post_message(&nothing));
        if let Ok(Err(error)) = told {
            log(&text_of(&error));
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.0.close();
    }
}
