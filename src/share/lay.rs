//! Lays what the guest may only read: the profiles, and the programs that apply them.

use super::{FOLDER_MODE, PROFILES, ROOT, Tree};
use ninep::Errno;

/// What a file may be done with.
const FILE_MODE: u32 = 0o644;
/// A file on its way; renamed when it is whole, so that the guest sees either the old one or the new one.
const UNFINISHED: &str = ".new";

/// Where a file of this path is in the tree.
fn place(path: &str) -> Vec<u8> {
    [PROFILES, b"/", path.as_bytes()].concat()
}

/// Lays one file, unless it is there as it is to be; says whether it was laid.
pub async fn file(tree: &mut Tree, path: &str, bytes: &[u8]) -> Result<bool, Errno> {
    let target = place(path);
    if let Ok(attr) = tree.host_stat(&target).await
        && attr.is_file()
        && attr.size == bytes.len() as u64
    {
        let mut there = vec![0; bytes.len()];
        if tree.host_read(&target, 0, &mut there).await? == bytes.len() && there == bytes {
            return Ok(false);
        }
    }
    if let Some((folder, _)) = path.rsplit_once('/') {
        tree.host_mkdir(&place(folder), FOLDER_MODE, ROOT).await?;
    }
    let unfinished = place(UNFINISHED);
    tree.host_create(&unfinished, FILE_MODE, ROOT).await?;
    tree.host_write(&unfinished, 0, bytes).await?;
    tree.host_rename(&unfinished, &target).await?;
    Ok(true)
}

/// Removes what is there beside these files.
pub async fn remove_others(tree: &mut Tree, keep: &[&str]) -> Result<(), Errno> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in tree.host_list(&place(&folder)).await? {
            let Ok(name) = String::from_utf8(entry.name) else { continue };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let below = format!("{path}/");
            if entry.attr.is_dir() && keep.iter().any(|kept| kept.starts_with(&below)) {
                folders.push(path);
            } else if !keep.contains(&path.as_str()) {
                tree.host_remove(&place(&path)).await?;
            }
        }
    }
    Ok(())
}
