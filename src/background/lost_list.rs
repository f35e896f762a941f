//! What lies beside each machine's disks and says which machine it is, and how a lost list comes back from that.
//!
//! The list is in `storage.local`, the disks are in the private file system: one can be lost without the other. Nothing is
//! ever removed here.

use super::history::History;
use super::{Shared, changed};
use crate::bridge::log;
use crate::disks::described::{read, replace};
use crate::disks::opfs::Directory;
use catalog::describe;
use protocol::{Instance, InstanceId, Problem, ProblemCode};
use registry::Registry;
use std::rc::Rc;

/// The record's slots, of which one is there if the machine has disks.
const SLOTS: [&str; 2] = ["disks.0", "disks.1"];

/// Writes the descriptions that are missing or not as the machines are.
pub async fn describe(shared: Rc<Shared>) {
    let mut written = false;
    while let Some((id, text, sum)) = next(&shared) {
        match write(&shared, &id, &text).await {
            Ok(()) => {
                shared.history.waiting.borrow_mut().described(id, sum);
                written = true;
            }
            Err(problem) => {
                // Tried again with the next change.
                log(&problem.message);
                break;
            }
        }
    }
    shared.history.describing.set(false);
    if written && let Err(problem) = changed(&shared).await {
        log(&problem.message);
    }
}

/// The next description to be written.
fn next(shared: &Shared) -> Option<(InstanceId, String, u32)> {
    let (registry, waiting) = (shared.registry.borrow(), shared.history.waiting.borrow());
    registry.instances().iter().find_map(|instance| {
        let text = describe::write(instance)?;
        let sum = describe::sum(&text);
        (!waiting.is_described(&instance.id, sum)).then(|| (instance.id.clone(), text, sum))
    })
}

async fn write(shared: &Shared, id: &InstanceId, text: &str) -> Result<(), Problem> {
    let instances = Directory::open(&["instances"]).await?;
    let directory = instances.directory(id.as_str()).await?;
    replace(&directory, describe::FILE, text).await?;
    // It may have been deleted meanwhile: then its directory has been made again, with nothing else in it.
    if shared.registry.borrow().instances().iter().all(|instance| instance.id != *id) {
        instances.remove(id.as_str()).await?;
    }
    Ok(())
}

/// All machines that have something in the private file system; those without a usable description are `None`.
async fn found() -> Result<Vec<(InstanceId, Option<Instance>)>, Problem> {
    let instances = Directory::open(&["instances"]).await?;
    let mut found = vec![];
    for entry in instances.entries().await? {
        let Ok(id) = InstanceId::try_from(entry.name) else { continue };
        let directory = instances.directory(id.as_str()).await?;
        let text = read(&directory, describe::FILE, describe::BYTES_MAX).await?;
        let described = text.and_then(|text| describe::read(&text)).filter(|instance| instance.id == id);
        let mut has_disks = false;
        for slot in SLOTS {
            has_disks |= directory.shared(slot).await?.is_some_and(|file| file.size() > 0.0);
        }
        if described.is_some() || has_disks {
            found.push((id, described));
        }
    }
    Ok(found)
}

/// Takes up those that are missing in the list, and returns them.
fn take_in(registry: &mut Registry, found: Vec<(InstanceId, Option<Instance>)>, history: &History) -> Vec<Instance> {
    let now = js_sys::Date::now() as u64;
    let whole = found.into_iter().map(|(id, described)| described.unwrap_or_else(|| registry.unnamed(id, now)));
    let whole = whole.collect();
    let back = registry.recover(whole);
    back.iter().for_each(|instance| history.recovered(instance));
    back
}

/// The list is lost: takes up every machine that has disks, and says so.
pub async fn recover(registry: &mut Registry, history: &History) {
    let back = match found().await {
        Ok(found) => take_in(registry, found, history).len(),
        // Without private storage there are no machines to be found.
        Err(problem) => return log(&problem.message),
    };
    let found = match back {
        0 => return,
        1 => "One machine was found again by its disks".to_owned(),
        _ => format!("{back} machines were found again by their disks"),
    };
    history.waiting.borrow_mut().tell(
        format!("The list of machines was lost. {found}; nothing was deleted."),
        "Look whether names and memory are as they should be. The settings are those of a new installation.",
    );
}

/// Takes up machines that have disks and are missing in the list; returns how many.
pub async fn find_missing(shared: &Shared) -> Result<u32, Problem> {
    if shared.registry.borrow().working() + shared.asking.get() > 0 {
        let message = "Disks are being made or copied just now, so it can’t be told what is missing.";
        return Err(Problem::new(ProblemCode::Refused, message));
    }
    let found = found().await?;
    let back = take_in(&mut shared.registry.borrow_mut(), found, &shared.history);
    Ok(u32::try_from(back.len()).unwrap_or(u32::MAX))
}
