//! Files of the user's on their way into a machine's exchange folder.

use super::files::NewFile;
use super::{Reporter, received};
use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, SharedFile};
use crate::share::access::Access;
use crate::storage::share::{NOTE, Note};
use block::BlockFile;
use protocol::{FileName, FilePath, InstanceId, JobId, Outcome, Problem, ProblemCode, SHARE_PIECE, ShareOp};
use std::io::Write;
use transfer::Progress;

/// So many names are tried until one is free.
const NAMES_MAX: u32 = 10_000;

/// Takes in the files that the page hands over. Each appears in the folder when it is whole; what is there already is not touched.
pub async fn upload(job: &JobId, place: &Directory, id: &InstanceId, into: &FilePath) -> Result<Outcome, Problem> {
    let files = received::files(job).await?;
    let unfinished = into.join(&unfinished(job)?);
    note(place, &Note { id: id.clone(), path: unfinished.clone() }).await?;
    let mut access = Access::open(id).await?;
    let taken = take_all(&mut access, files, into, &unfinished).await;
    if taken.is_err() {
        // There may be nothing; what is wrong is said below.
        let _ = access.ask(ShareOp::Remove(unfinished)).await;
    }
    let ended = access.end().await;
    let message = taken?;
    ended?;
    Ok(Outcome { message, file: None, made: None })
}

/// The name of a file that is not whole yet; a page does not show it.
fn unfinished(job: &JobId) -> Result<FileName, Problem> {
    let name = FileName::from_bytes(format!("{}{job}", protocol::UNFINISHED).as_bytes());
    name.map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))
}

/// Notes what has to be removed if this worker is ended before it is done.
async fn note(place: &Directory, note: &Note) -> Result<(), Problem> {
    let failed = |error: String| Problem::new(ProblemCode::Internal, format!("The upload could not begin: {error}."));
    let bytes = serde_json::to_vec(note).map_err(|error| failed(error.to_string()))?;
    let mut file = NewFile::create(place, NOTE).await?;
    file.write_all(&bytes).map_err(|error| failed(error.to_string()))?;
    file.finish().map(drop)
}

/// Returns what there is to say.
async fn take_all(
    access: &mut Access,
    files: Vec<web_sys::File>,
    into: &FilePath,
    unfinished: &FilePath,
) -> Result<String, Problem> {
    let total: u64 = files.iter().map(|file| file.size() as u64).sum();
    let mut reporter = Reporter::new("Taking in files");
    let (mut done, mut renamed, count) = (0, vec![], files.len());
    for file in files {
        let given = file.name();
        let name = FileName::from_bytes(given.as_bytes()).map_err(|error| {
            let message = format!("A file can’t have the name that it has: {error}.");
            Problem::new(ProblemCode::BadFile, message)
        })?;
        let mut told = |bytes: u64| {
            // Who cancels the work ends the worker.
            let _ = reporter.tell(Progress { done: done + bytes, total: Some(total) });
        };
        let bytes = take(access, SharedFile::new(file)?, &name, unfinished, &mut told).await?;
        done += bytes;
        let got = put_in_place(access, unfinished, into, &name).await?;
        if got != name {
            renamed.push(format!("{name} became {got}, as there was one already."));
        }
    }
    access.ask(ShareOp::Sync).await?;
    let files = if count == 1 { "One file.".to_owned() } else { format!("{count} files.") };
    Ok(std::iter::once(files).chain(renamed).collect::<Vec<_>>().join(" "))
}

/// Copies one file; returns its length.
async fn take(
    access: &mut Access,
    mut file: SharedFile,
    name: &FileName,
    unfinished: &FilePath,
    told: &mut impl FnMut(u64),
) -> Result<u64, Problem> {
    let failed = |error| disk_problem(&format!("{name} can’t be read"), &error);
    let len = file.len().map_err(failed)?;
    // What goes wrong is told of the file's own name.
    let named = |problem: Problem| match problem.code {
        ProblemCode::NoSpace => Problem { message: format!("There is no room for {name}."), ..problem },
        _ => problem,
    };
    access.ask(ShareOp::Create(unfinished.clone())).await.map_err(named)?;
    let mut at = 0;
    while at < len {
        let mut bytes = vec![0; (len - at).min(u64::from(SHARE_PIECE)) as usize];
        file.read_at(at, &mut bytes).map_err(failed)?;
        let count = bytes.len() as u64;
        access.ask(ShareOp::Write(unfinished.clone(), at, bytes)).await.map_err(named)?;
        at += count;
        told(at);
    }
    Ok(len)
}

/// Gives the file its name, or one with a number if that one is taken; returns it.
async fn put_in_place(
    access: &mut Access,
    unfinished: &FilePath,
    into: &FilePath,
    name: &FileName,
) -> Result<FileName, Problem> {
    for number in 1..NAMES_MAX {
        let tried = numbered(name, number)?;
        let to = into.join(&tried);
        if access.stat(&to).await?.is_none() {
            access.ask(ShareOp::Rename(unfinished.clone(), to)).await?;
            return Ok(tried);
        }
    }
    Err(Problem::new(ProblemCode::Refused, format!("There are too many files named {name} already.")))
}

/// `name (2).txt` for `name.txt`.
fn numbered(name: &FileName, number: u32) -> Result<FileName, Problem> {
    if number == 1 {
        return Ok(name.clone());
    }
    let bytes = name.to_bytes();
    let dot = bytes.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0).unwrap_or(bytes.len());
    let made = [&bytes[..dot], format!(" ({number})").as_bytes(), &bytes[dot..]].concat();
    FileName::from_bytes(&made).map_err(|_| {
        Problem::new(
            ProblemCode::Refused,
            format!("There is a file named {name} already, and no room for a number in its name."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_before_the_ending() {
        let made = |name: &str| numbered(&FileName::from_bytes(name.as_bytes()).unwrap(), 2).unwrap().shown();
        assert_eq!(made("notes.txt"), "notes (2).txt");
        assert_eq!(made("notes"), "notes (2)");
        assert_eq!(made(".profile"), ".profile (2)");
        assert_eq!(made("a.tar.gz"), "a.tar (2).gz");
        assert!(numbered(&FileName::from_bytes(&[b'a'; 255]).unwrap(), 2).is_err());
    }
}
