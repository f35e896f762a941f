//! A whole machine on its way in.

use super::{Reporter, import_problem};
use crate::disks::locks::Structure;
use crate::disks::opfs::{Directory, LockedFile, SharedFile};
use crate::disks::{disk_problem, image_problem, images, layers, records};
use ::layers::manifest::Manifest;
use ::layers::{Base, Record};
use block::{BlockFile, MemoryFile, RawDisk};
use protocol::{DiskOrder, Instance, LayerId, Problem, ProblemCode};
use qcow2::{Backing, Header, Qcow2};
use std::collections::BTreeMap;
use std::io::Read;
use transfer::machine::{MachineReader, Member};

/// How much is copied at a time.
const CHUNK: usize = 1 << 20;

fn refused(message: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::BadFile, message)
}

/// Where the parts are put before they count.
struct Parts {
    place: Directory,
    /// Each member's file in the place, by the member's name.
    files: BTreeMap<String, String>,
}

/// Reads the machine out of the file. Everything is checked, and lies in `place`, before any of it counts.
pub async fn read(
    source: &mut SharedFile,
    place: &Directory,
    order: &DiskOrder,
    room: u64,
) -> Result<Instance, Problem> {
    let bad = |error: transfer::Error| import_problem("This is no machine’s file, or a damaged one", &error);
    let reader = MachineReader::open(source).map_err(bad)?;
    let manifest = Manifest::from_json(reader.machine_json()).map_err(|error| refused(format!("{error}.")))?;
    let needed: u64 = reader.members().iter().map(|member| member.size).sum();
    if needed > room {
        let message = format!("The machine needs {} MiB, and {} MiB are free.", needed >> 20, room >> 20);
        return Err(Problem::new(ProblemCode::NoSpace, message));
    }
    let names: BTreeMap<LayerId, LayerId> = manifest.layers().map(|(id, _)| (id.clone(), layers::fresh())).collect();
    let parts = Parts { place: place.clone(), files: plan(&manifest, reader.members(), &names)? };
    unpack(reader, &parts).await?;
    for (old, base) in manifest.layers() {
        adopt(&parts, &names, old, base).await?;
    }
    let record = settle(&parts, &manifest, &names, order).await?;
    let memory = record.memory.map_or(manifest.instance.memory, |memory| memory.memory);
    Ok(Instance { id: order.fresh.instance.clone(), created: order.now, memory, ..manifest.instance })
}

/// Which file each member becomes. Every part that the machine has must be there, and nothing else.
fn plan(
    manifest: &Manifest,
    members: &[Member],
    names: &BTreeMap<LayerId, LayerId>,
) -> Result<BTreeMap<String, String>, Problem> {
    let layer =
        |(old, new): (&LayerId, &LayerId)| (format!("layers/{}", layers::file_name(old)), layers::file_name(new));
    let image = |name: &str| (format!("layers/{name}"), name.to_owned());
    let memory = |memory: &::layers::Memory| (format!("states/{}", memory.file), memory.file.clone());
    let files: BTreeMap<_, _> = (names.iter().map(layer))
        .chain(manifest.images().into_iter().map(image))
        .chain(manifest.record.memories().map(memory))
        .collect();
    for name in files.keys() {
        if !members.iter().any(|member| member.name == *name) {
            return Err(refused(format!("A part of the machine is missing: {name}.")));
        }
    }
    for member in members {
        let Some(file) = files.get(&member.name) else {
            return Err(refused(format!("{} is no part of the machine.", member.name)));
        };
        // An image is known by its checksum, here and to every other machine on it.
        if ::layers::manifest::is_image(file) && *file != format!("{}.qcow2", member.sha256()) {
            return Err(refused(format!("{} is not the image that it says it is.", member.name)));
        }
    }
    Ok(files)
}

async fn unpack(reader: MachineReader<'_>, parts: &Parts) -> Result<(), Problem> {
    let mut open: BTreeMap<String, LockedFile> = BTreeMap::new();
    for (member, name) in &parts.files {
        let mut file = parts.place.locked(name).await?;
        file.set_len(0).map_err(|error| disk_problem("The machine could not be stored", &error))?;
        open.insert(member.clone(), file);
    }
    let mut reporter = Reporter::new("Reading the machine");
    let mut buffer = vec![0; CHUNK];
    let mut take = |member: &Member, data: &mut dyn Read| -> Result<(), transfer::Error> {
        // The plan has a file for each member.
        let Some(file) = open.get_mut(&member.name) else { return Ok(()) };
        let mut at = 0;
        loop {
            let count = data.read(&mut buffer).map_err(|error| transfer::Error::Damaged(error.to_string()))?;
            if count == 0 {
                break;
            }
            file.write_at(at, &buffer[..count])?;
            at += count as u64;
        }
        Ok(file.flush()?)
    };
    let read = reader.read(&mut take, &mut |progress| reporter.tell(progress));
    read.map_err(|error| import_problem("The machine could not be read from the file", &error))
}

/// Checks a layer that came with the machine, and lets it lie on the new name of what it lay on.
async fn adopt(
    parts: &Parts,
    names: &BTreeMap<LayerId, LayerId>,
    old: &LayerId,
    said: Option<&str>,
) -> Result<(), Problem> {
    let failed = |error| image_problem(&format!("The layer {old} can’t be used"), &error);
    let new = names.get(old).ok_or_else(|| refused("A layer of the machine has no name."))?;
    let mut file = parts.place.locked(&layers::file_name(new)).await?;
    let header = Header::read(&mut file).map_err(failed)?;
    let base = layers::base(&header);
    if ::layers::manifest::base_name(&base).as_deref() != said {
        return Err(refused(format!("The layer {old} lies on something else than the machine’s description says.")));
    }
    // What is below is not read here: only the layer itself is looked at.
    let below: Option<Box<dyn Backing>> = match &header.backing {
        Some(_) => Some(Box::new(RawDisk::new(MemoryFile::default()).map_err(|error| failed(error.into()))?)),
        None => None,
    };
    let mut image = Qcow2::open(file, below).map_err(failed)?;
    let report = image.check().map_err(failed)?;
    if report.corruptions > 0 {
        return Err(refused(format!("The layer {old} is damaged: {}.", report.problems.join("; "))));
    }
    if report.leaks > 0 {
        image.repair_leaks().map_err(failed)?;
    }
    if let Base::Layer(base) = &base {
        let name = names.get(base).ok_or_else(|| refused(format!("The layer {base} is missing.")))?;
        image.set_backing(&layers::backing_on(name)).map_err(failed)?;
    }
    image.close().map(drop).map_err(|error| failed(error.into()))
}

/// Puts all parts in their places, and then the record that makes them count.
async fn settle(
    parts: &Parts,
    manifest: &Manifest,
    names: &BTreeMap<LayerId, LayerId>,
    order: &DiskOrder,
) -> Result<Record, Problem> {
    let right = Structure::take().await?;
    let directory = records::directory(&order.fresh.instance).await?;
    let (all_layers, all_images) = (layers::directory().await?, Directory::open(&["images"]).await?);
    for name in names.values() {
        let name = layers::file_name(name);
        parts.place.move_to(&name, &all_layers, &name).await?;
    }
    for name in manifest.images() {
        // One that is there already is the same: its name is its checksum.
        if images::older_image(name).await?.is_none() {
            parts.place.move_to(name, &all_images, name).await?;
        }
    }
    for memory in manifest.record.memories() {
        // The same one may belong to a snapshot and to the present state.
        if directory.shared(&memory.file).await?.is_none() {
            parts.place.move_to(&memory.file, &directory, &memory.file).await?;
        }
    }
    let frozen = manifest.renamed(names);
    let change = frozen.freeze(None, None, layers::fresh).map_err(|error| records::record_problem(&error))?;
    layers::create_overlays(&right, &change.overlays).await?;
    records::store(&right, &directory, None, change.record).await.map(|stored| stored.record)
}
