//! The catalog's file.

use crate::disks::disk_problem;
use crate::disks::opfs::Directory;
use crate::storage::patiently;
use block::BlockFile;
use protocol::Problem;

/// Its name in the root of the private file system.
pub const NAME: &str = "workbench-catalog.db";
/// What DuckDB writes before a checkpoint.
const LOG: &str = "workbench-catalog.db.wal";

async fn root() -> Result<Directory, Problem> {
    Directory::open(&[]).await
}

/// Waits until a worker that the browser is just ending has let go of the files, and empties the log: what is in it was
/// never confirmed, so it is given again, and a log that was cut short can't keep the catalog from being opened.
pub async fn make_ready() -> Result<(), Problem> {
    let root = root().await?;
    drop(patiently(async || root.locked(NAME).await).await?);
    let mut log = patiently(async || root.locked(LOG).await).await?;
    log.set_len(0).map_err(|error| disk_problem("The catalog’s log can’t be emptied", &error))
}

/// Gives a damaged catalog another name, under which it is kept; returns that name.
pub async fn move_aside(now: u64) -> Result<String, Problem> {
    let root = root().await?;
    let date = String::from(js_sys::Date::new(&(now as f64).into()).to_iso_string());
    let date: String = date.chars().filter(char::is_ascii_alphanumeric).collect();
    let kept = format!("catalog-damaged-{date}.db");
    patiently(async || root.rename(NAME, &kept).await).await?;
    if root.shared(LOG).await?.is_some() {
        patiently(async || root.rename(LOG, &format!("{kept}.wal")).await).await?;
    }
    Ok(kept)
}
