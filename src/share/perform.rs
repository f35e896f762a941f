//! What is done with shared files on a page's behalf, whoever has them.

use super::{EXCHANGE, FOLDER_MODE, ROOT, Tree};
use ninep::{Attr, Errno, FileTree, HostEntry};
use protocol::{
    FileName, FilePath, LISTING_MAX, Problem, ProblemCode, SHARE_PIECE, ShareDone, ShareEntry, ShareKind, ShareListing,
    ShareOp, ShareStat,
};

/// The permissions of a file that comes from the host.
const FILE_MODE: u32 = 0o644;
/// The last moment that JavaScript has, in milliseconds since 1970; a guest may set any time.
const TIME_MAX: u64 = 8_640_000_000_000_000;
/// How much of a link's target is told, in characters.
const TARGET_MAX: usize = 200;

/// Why it could not be done, for a user.
pub fn share_problem(what: &str, errno: Errno) -> Problem {
    let (code, advice) = match errno {
        Errno::NoSpc => (ProblemCode::NoSpace, "Delete files you no longer need, or free some disk space."),
        Errno::NoEnt | Errno::Stale | Errno::NotDir => {
            (ProblemCode::NotFound, "It may have been removed in the machine meanwhile: look at the list again.")
        }
        Errno::Exist => (ProblemCode::Refused, "Choose another name."),
        Errno::Inval | Errno::NameTooLong => (ProblemCode::Refused, "Choose another name or place."),
        Errno::Io => (ProblemCode::Internal, "Try again; if it stays, restart the browser."),
        _ => (ProblemCode::Refused, "Nothing was changed."),
    };
    Problem { code, message: format!("{what}: {errno}."), advice: advice.to_owned() }
}

/// Does it.
pub async fn perform(tree: &mut Tree, op: &ShareOp) -> Result<ShareDone, Problem> {
    let failed = |errno| share_problem(&doing(op), errno);
    match op {
        ShareOp::Hello => Ok(ShareDone::Done),
        ShareOp::Stat(path) => {
            let attr = tree.host_stat(&inside(path)).await.map_err(failed)?;
            Ok(ShareDone::Stat(stat(&attr)))
        }
        ShareOp::Used => {
            let space = tree.space().await.map_err(failed)?;
            Ok(ShareDone::Used(space.total.saturating_sub(space.free)))
        }
        ShareOp::List(path, after) => list(tree, path, *after).await.map(ShareDone::Listing).map_err(failed),
        ShareOp::Read(path, offset, len) => {
            let mut bytes = vec![0; (*len).min(SHARE_PIECE) as usize];
            let read = tree.host_read(&inside(path), *offset, &mut bytes).await.map_err(failed)?;
            bytes.truncate(read);
            Ok(ShareDone::Bytes(bytes))
        }
        ShareOp::Create(_)
        | ShareOp::Write(..)
        | ShareOp::MakeFolder(_)
        | ShareOp::Rename(..)
        | ShareOp::Remove(_)
        | ShareOp::Sync => change(tree, op).await.map(|()| ShareDone::Done).map_err(failed),
    }
}

async fn change(tree: &mut Tree, op: &ShareOp) -> Result<(), Errno> {
    match op {
        ShareOp::Create(path) => tree.host_create(&inside(path), FILE_MODE, ROOT).await,
        ShareOp::Write(path, offset, bytes) => tree.host_write(&inside(path), *offset, bytes).await,
        ShareOp::MakeFolder(path) => {
            vacant(tree, path).await?;
            tree.host_mkdir(&inside(path), FOLDER_MODE, ROOT).await
        }
        ShareOp::Rename(from, to) => {
            below(from)?;
            vacant(tree, to).await?;
            tree.host_rename(&inside(from), &inside(to)).await
        }
        ShareOp::Remove(path) => {
            below(path)?;
            tree.host_remove(&inside(path)).await
        }
        ShareOp::Sync => while_not_done(tree).await,
        ShareOp::Hello | ShareOp::Stat(_) | ShareOp::List(..) | ShareOp::Read(..) | ShareOp::Used => Ok(()),
    }
}

async fn while_not_done(tree: &mut Tree) -> Result<(), Errno> {
    while !tree.sync_part(usize::MAX).await? {}
    Ok(())
}

/// Whether it changes what a page shows.
pub fn changes(op: &ShareOp) -> bool {
    match op {
        ShareOp::Create(_) | ShareOp::Write(..) | ShareOp::MakeFolder(_) | ShareOp::Rename(..) | ShareOp::Remove(_) => {
            true
        }
        ShareOp::Hello | ShareOp::Stat(_) | ShareOp::List(..) | ShareOp::Read(..) | ShareOp::Used | ShareOp::Sync => {
            false
        }
    }
}

/// The exchange folder itself stays what and where it is.
fn below(path: &FilePath) -> Result<(), Errno> {
    if path.parent().is_some() { Ok(()) } else { Err(Errno::Perm) }
}

async fn vacant(tree: &mut Tree, path: &FilePath) -> Result<(), Errno> {
    match tree.host_stat(&inside(path)).await {
        Ok(_) => Err(Errno::Exist),
        Err(Errno::NoEnt) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The path in the tree.
fn inside(path: &FilePath) -> Vec<u8> {
    [EXCHANGE, b"/", &path.to_bytes()].concat()
}

async fn list(tree: &mut Tree, path: &FilePath, after: u64) -> Result<ShareListing, Errno> {
    let (entries, next) = tree.host_list_part(&inside(path), after, LISTING_MAX).await?;
    Ok(ShareListing { entries: entries.iter().filter_map(entry).collect(), next })
}

fn entry(entry: &HostEntry) -> Option<ShareEntry> {
    // The tree takes no other names.
    let name = FileName::from_bytes(&entry.name).ok()?;
    let target = entry.target.as_deref().map(readable).unwrap_or_default();
    Some(ShareEntry { name, stat: stat(&entry.attr), target })
}

/// A link's target as a person may see it.
fn readable(target: &[u8]) -> String {
    let part = |part: &[u8]| match FileName::from_bytes(part) {
        Ok(name) => name.shown(),
        // Dots, nothing between two slashes, or far too long.
        Err(_) => String::from_utf8_lossy(part).chars().filter(|letter| !letter.is_control()).collect(),
    };
    let parts: Vec<_> = target.split(|byte| *byte == b'/').map(part).collect();
    parts.join("/").chars().take(TARGET_MAX).collect()
}

fn stat(attr: &Attr) -> ShareStat {
    let kind = match attr.mode & 0o170_000 {
        _ if attr.is_dir() => ShareKind::Folder,
        _ if attr.is_file() => ShareKind::File,
        0o120_000 => ShareKind::Link,
        _ => ShareKind::Other,
    };
    let milliseconds = attr.mtime.seconds.saturating_mul(1000).saturating_add(u64::from(attr.mtime.nanos) / 1_000_000);
    // Before 1970, or far away.
    let modified = if milliseconds > TIME_MAX { 0 } else { milliseconds };
    let bytes = if kind == ShareKind::File { attr.size } else { 0 };
    ShareStat { kind, bytes, modified, mode: attr.mode & 0o7777, version: attr.version }
}

/// What could not be done, for a sentence.
fn doing(op: &ShareOp) -> String {
    let named = |path: &FilePath| path.name().map_or_else(|| "the folder".to_owned(), |name| format!("“{name}”"));
    let first = |path: &FilePath| path.name().map_or_else(|| "The folder".to_owned(), |name| format!("“{name}”"));
    match op {
        ShareOp::Used => "The files can’t be counted".to_owned(),
        ShareOp::Hello | ShareOp::Sync => "The files could not be made durable".to_owned(),
        ShareOp::Stat(path) | ShareOp::List(path, _) | ShareOp::Read(path, ..) => {
            format!("{} can’t be read", first(path))
        }
        ShareOp::Create(path) | ShareOp::Write(path, ..) => format!("{} could not be written", first(path)),
        ShareOp::MakeFolder(path) => format!("The folder {} could not be made", named(path)),
        ShareOp::Rename(path, to) => format!("{} could not become {}", first(path), named(to)),
        ShareOp::Remove(path) => format!("{} could not be deleted", first(path)),
    }
}
