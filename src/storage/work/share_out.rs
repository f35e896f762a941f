//! Files of a machine's exchange folder on their way to a file of the user's: one as it is, a folder as a zip.

use super::files::{NewFile, hand_out};
use super::{Reporter, transfer_problem};
use crate::disks::opfs::Directory;
use crate::share::access::Access;
use protocol::{
    ExportedFile, FileName, FilePath, Instance, JobId, Outcome, Problem, ProblemCode, ShareDone, ShareEntry, ShareKind,
    ShareListing, ShareOp, ShareStat,
};
use std::collections::BTreeSet;
use std::io::Write;
use transfer::Progress;
use transfer::folder::{Attributes, FolderZip};

/// How many names of what was left out or renamed are told.
const TOLD_MAX: usize = 5;

/// Writes the file and puts it where the page finds it.
pub async fn download(job: &JobId, place: &Directory, of: &Instance, path: &FilePath) -> Result<Outcome, Problem> {
    let mut access = Access::open(&of.id).await?;
    let stat = access.stat(path).await?.ok_or_else(|| gone(path))?;
    let mut out = NewFile::create(place, "out").await?;
    let written = match stat.kind {
        ShareKind::Folder => zip(&mut access, path, &mut out).await,
        ShareKind::File => file(&mut access, path, &stat, &mut out).await,
        ShareKind::Link | ShareKind::Other => {
            Err(Problem::new(ProblemCode::Refused, "Only files and folders can be downloaded."))
        }
    };
    let ended = access.end().await;
    let message = written?;
    ended?;
    let bytes = out.finish()?;
    let name = path.name().map_or_else(|| format!("{}-files", of.name), |name| name.saved());
    let name = if stat.kind == ShareKind::Folder { format!("{name}.zip") } else { name };
    hand_out(place, job, &name).await?;
    Ok(Outcome { message, file: Some(ExportedFile { name, bytes }), made: None })
}

fn gone(path: &FilePath) -> Problem {
    let advice = "It may have been removed in the machine meanwhile: look at the list again.";
    let message = format!("“{path}” is not there any more.");
    Problem { code: ProblemCode::NotFound, message, advice: advice.to_owned() }
}

fn unwritten(error: &std::io::Error) -> Problem {
    let storage = error.get_ref().and_then(|inner| inner.downcast_ref::<transfer::Error>());
    match storage {
        Some(error) => transfer_problem("The file could not be written", error),
        None => Problem::new(ProblemCode::Internal, format!("The file could not be written: {error}.")),
    }
}

async fn file(access: &mut Access, path: &FilePath, stat: &ShareStat, out: &mut NewFile) -> Result<String, Problem> {
    let mut reporter = Reporter::new("Reading the file");
    let mut at = 0;
    while at < stat.bytes {
        let mut bytes = access.read(path, at).await?;
        if bytes.is_empty() {
            break;
        }
        bytes.truncate((stat.bytes - at).min(bytes.len() as u64) as usize);
        out.write_all(&bytes).map_err(|error| unwritten(&error))?;
        at += bytes.len() as u64;
        // Who cancels the work ends the worker.
        let _ = reporter.tell(Progress { done: at, total: Some(stat.bytes) });
    }
    let now = access.stat(path).await?;
    let same = now.is_some_and(|now| now.version == stat.version);
    Ok(if same { String::new() } else { "It changed in the machine while it was read.".to_owned() })
}

/// What is not in the zip as it is in the folder.
#[derive(Default)]
struct Remarks {
    files: u64,
    folders: u64,
    left_out: Vec<String>,
    renamed: Vec<String>,
}

impl Remarks {
    fn text(&self) -> String {
        let told = |what: &str, names: &[String]| {
            let some = names.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
            let more = if names.len() > TOLD_MAX { ", …" } else { "" };
            (!names.is_empty()).then(|| format!("{what}: {} ({some}{more}).", names.len()))
        };
        let counted = format!("{} files and {} folders.", self.files, self.folders);
        let left_out = told("Left out, being no files or links that lead out of the folder", &self.left_out);
        let renamed = told("Renamed, so that every system can unpack them", &self.renamed);
        std::iter::once(counted).chain(left_out).chain(renamed).collect::<Vec<_>>().join(" ")
    }
}

/// A folder that is still to be packed: where it is, and what it is called in the zip.
type Todo = (FilePath, Vec<u8>);

async fn zip(access: &mut Access, path: &FilePath, out: &mut NewFile) -> Result<String, Problem> {
    let failed = |error| transfer_problem("The files could not be packed", &error);
    let mut reporter = Reporter::new("Packing the files");
    let mut packed = FolderZip::new(out);
    let (mut remarks, mut done) = (Remarks::default(), 0);
    let mut todo: Vec<Todo> = vec![(path.clone(), vec![])];
    while let Some((folder, place)) = todo.pop() {
        let mut taken = BTreeSet::new();
        for entry in entries(access, &folder).await? {
            let inside = folder.join(&entry.name);
            let name = [&place[..], name_in_zip(&entry.name, &mut taken, &mut remarks).as_bytes()].concat();
            match entry.stat.kind {
                ShareKind::Folder => {
                    packed.directory(&name, &attributes(&entry.stat)).map_err(failed)?;
                    remarks.folders += 1;
                    todo.push((inside, [&name[..], b"/"].concat()));
                }
                ShareKind::File => {
                    packed.file(&name, entry.stat.bytes, &attributes(&entry.stat)).map_err(failed)?;
                    remarks.files += 1;
                    let mut at = 0;
                    while at < entry.stat.bytes {
                        let mut bytes = match access.read(&inside, at).await {
                            // Removed while the folder is read: as far as it was there.
                            Err(problem) if problem.code == ProblemCode::NotFound => break,
                            read => read?,
                        };
                        if bytes.is_empty() {
                            break;
                        }
                        bytes.truncate((entry.stat.bytes - at).min(bytes.len() as u64) as usize);
                        packed.data(&bytes).map_err(failed)?;
                        at += bytes.len() as u64;
                        done += bytes.len() as u64;
                        let _ = reporter.tell(Progress { done, total: None });
                    }
                }
                ShareKind::Link | ShareKind::Other => remarks.left_out.push(entry.name.shown()),
            }
        }
    }
    packed.finish().map_err(failed)?;
    Ok(remarks.text())
}

/// All entries of a folder; none if it has gone meanwhile.
async fn entries(access: &mut Access, folder: &FilePath) -> Result<Vec<ShareEntry>, Problem> {
    let (mut all, mut after) = (vec![], 0);
    loop {
        match access.ask(ShareOp::List(folder.clone(), after)).await {
            Ok(ShareDone::Listing(ShareListing { entries, next })) => {
                all.extend(entries.into_iter().filter(|entry| !protocol::is_unfinished(&entry.name)));
                match next {
                    Some(next) => after = next,
                    None => return Ok(all),
                }
            }
            Ok(_) => return Err(Problem::new(ProblemCode::Internal, "The machine’s worker answered something else.")),
            Err(problem) if problem.code == ProblemCode::NotFound => return Ok(all),
            Err(problem) => return Err(problem),
        }
    }
}

/// A name that means the same wherever the zip is unpacked, and that nothing else in the folder has.
fn name_in_zip(name: &FileName, taken: &mut BTreeSet<String>, remarks: &mut Remarks) -> String {
    let saved = name.saved();
    let mut tried = saved.clone();
    let mut number = 1;
    // Where capitals make no difference, two that differ only so would be one.
    while !taken.insert(tried.to_lowercase()) {
        number += 1;
        tried = format!("{saved} ({number})");
    }
    if tried.as_bytes() != name.to_bytes() {
        remarks.renamed.push(tried.clone());
    }
    tried
}

fn attributes(stat: &ShareStat) -> Attributes {
    // Nobody gets rights by unpacking.
    Attributes { mode: stat.mode & 0o777, mtime: stat.modified / 1000, ..Attributes::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> (Vec<String>, String) {
        let (mut taken, mut remarks) = (BTreeSet::new(), Remarks::default());
        let name = |given: &&str| FileName::from_bytes(given.as_bytes()).unwrap();
        let made = given.iter().map(|given| name_in_zip(&name(given), &mut taken, &mut remarks)).collect();
        (made, remarks.text())
    }

    #[test]
    fn names_in_a_zip_lead_nowhere_and_differ() {
        let (made, text) = names(&["README", "readme", "..\\..\\evil", "a:b", "a?b", "plain.txt"]);
        assert_eq!(made, ["README", "readme (2)", ".._.._evil", "a_b", "a_b (2)", "plain.txt"]);
        assert!(text.contains("Renamed, so that every system can unpack them: 4 (readme (2), "), "{text}");
    }
}
