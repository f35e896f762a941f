//! What comes in from a file of the user's.

use super::files::NewFile;
use super::{Reporter, import_problem, machine_in, received};
use crate::disks::locks::Structure;
use crate::disks::opfs::Directory;
use crate::disks::{layers, records};
use crate::storage::report;
use ::layers::Record;
use protocol::{DiskOrder, ImportWhat, Instance, JobId, Outcome, Problem, ProblemCode, StartFrom, check_name};
use transfer::archive;
use transfer::disk::{Boots, Imported, Limits};

/// Room that an import leaves, in bytes: running machines write too.
const RESERVE: u64 = 64 << 20;

/// Entries of an archive that are unpacked at most: each takes an inode of the workspace, and memory while it is checked.
const ENTRIES_MAX: u64 = 200_000;

/// What an import may take, in bytes.
async fn room() -> Result<u64, Problem> {
    let (usage, quota) = report::estimate().await?;
    Ok(quota.saturating_sub(usage).saturating_sub(RESERVE))
}

/// Reads the file that the page hands over, and makes of it what is wanted.
pub async fn import(
    job: &JobId,
    place: &Directory,
    order: &DiskOrder,
    what: &ImportWhat,
    name: &str,
) -> Result<Outcome, Problem> {
    match what {
        ImportWhat::Disk => disk(job, place, order, name).await,
        ImportWhat::Machine => machine(job, place, order, name).await,
        ImportWhat::Workspace(_) => archive(job, place, order, name).await,
    }
}

async fn disk(job: &JobId, place: &Directory, order: &DiskOrder, name: &str) -> Result<Outcome, Problem> {
    let mut source = received::file(job).await?;
    let limits = Limits::room(room().await?);
    let layer = layers::fresh();
    let imported = {
        let mut target = place.locked(&layers::file_name(&layer)).await?;
        let mut scratch = place.locked("scratch").await?;
        let mut reporter = Reporter::new("Reading the disk");
        let imported = transfer::disk::import(&mut source, &mut target, &mut scratch, &limits, &mut |progress| {
            reporter.tell(progress)
        });
        imported.map_err(|error| import_problem(&format!("{name} can’t be used as a disk"), &error))?
    };
    let right = Structure::take().await?;
    let file = layers::file_name(&layer);
    place.move_to(&file, &layers::directory().await?, &file).await?;
    let id = order.fresh.instance.clone();
    records::store(&right, &records::directory(&id).await?, None, Record::new(layer)).await?;
    let (start_from, message) = judged(&imported);
    let made = Instance {
        start_from,
        ..Instance::new(id, machine_name(name), order.template.clone(), order.memory, order.now)
    };
    Ok(Outcome { message, file: None, made: Some(Box::new(made)) })
}

async fn machine(job: &JobId, place: &Directory, order: &DiskOrder, name: &str) -> Result<Outcome, Problem> {
    let mut source = received::file(job).await?;
    let made = machine_in::read(&mut source, place, order, room().await?).await;
    let made = made.map_err(|problem| Problem { message: format!("{name}: {}", problem.message), ..problem })?;
    Ok(Outcome { message: String::new(), file: None, made: Some(Box::new(made)) })
}

/// Checks the archive, and puts what is in it where the machine finds it.
async fn archive(job: &JobId, place: &Directory, order: &DiskOrder, name: &str) -> Result<Outcome, Problem> {
    let none = || Problem::new(ProblemCode::NotFound, "This machine does not exist any more.");
    let subject = order.subject.as_ref().ok_or_else(none)?;
    let disks = report::disks(subject).await?;
    let size = disks.workspace_size.ok_or_else(|| {
        let message = format!("{} has no workspace: give it one first.", subject.instance.name);
        Problem::new(ProblemCode::Refused, message)
    })?;
    let mut source = received::file(job).await?;
    let limits = archive::Limits { bytes: size.min(room().await?), entries: ENTRIES_MAX };
    let mut out = NewFile::create(place, "archive").await?;
    let mut reporter = Reporter::new("Checking the archive");
    let summary = archive::import(&mut source, &mut out, &limits, &mut |progress| reporter.tell(progress));
    let summary = summary.map_err(|error| import_problem(&format!("{name} can’t be unpacked"), &error))?;
    out.finish()?;
    // Named by time, so that archives are unpacked in the order in which they came.
    let inbox = records::directory(&subject.instance.id).await?.directory(records::INBOX).await?;
    place.move_to("archive", &inbox, &format!("{:015}-{job}", order.now)).await?;
    let mut message = format!("{} files and {} directories.", summary.files, summary.directories);
    if summary.dropped_bits > 0 {
        message.push_str(&format!(" {} set-user-id bits were dropped.", summary.dropped_bits));
    }
    Ok(Outcome { message, file: None, made: None })
}

/// What a machine with this disk is started with, and what its owner should know.
fn judged(imported: &Imported) -> (StartFrom, String) {
    let (start_from, mut message) = match imported.boots {
        Boots::WholeDisk => (StartFrom::Disk, String::new()),
        Boots::Linux { partition, .. } => match u8::try_from(partition) {
            Ok(number) => (StartFrom::Partition(number), format!("It starts from its partition {number}.")),
            Err(_) => (StartFrom::Firmware, String::new()),
        },
        Boots::Bootable { .. } => {
            let message = "It starts its own system through the BIOS; the console shows its serial port.";
            (StartFrom::Firmware, message.to_owned())
        }
        Boots::Unknown => (StartFrom::Firmware, "Nothing was found on it that a machine could start from.".to_owned()),
    };
    if imported.snapshots_left_out > 0 {
        let count = imported.snapshots_left_out;
        message.push_str(&format!(" {count} internal snapshots were left out."));
    }
    (start_from, message.trim().to_owned())
}

/// The file's name as a machine's, as far as it can be one.
fn machine_name(file: &str) -> String {
    let stem = file.split('.').next().unwrap_or_default().to_lowercase();
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = stem.chars().map(letter).take(32).collect();
    let name = name.trim_matches('-').to_owned();
    if check_name(&name).is_ok() { name } else { "disk".to_owned() }
}
