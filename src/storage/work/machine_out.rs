//! A whole machine on its way out: its description, all layers of it, and its saved memories.

use super::files::NewFile;
use super::{Reporter, transfer_problem};
use crate::disks::locks::Structure;
use crate::disks::opfs::{Directory, SharedFile};
use crate::disks::{disk_problem, layers, records};
use ::layers::manifest::Manifest;
use ::layers::{Base, Record};
use block::BlockFile;
use protocol::{Instance, Point, Problem, ProblemCode, SnapshotId};
use std::collections::BTreeMap;
use std::io::Write;
use transfer::Progress;
use transfer::machine::MachineWriter;

/// How much is copied at a time.
const CHUNK: u64 = 1 << 20;

/// A member's name and the file with its content.
type Member = (String, SharedFile);

/// Writes the machine with its snapshots, or only as it was at one of them.
pub async fn write(
    instance: &Instance,
    snapshot: Option<&SnapshotId>,
    point: &Point,
    out: NewFile,
) -> Result<NewFile, Problem> {
    let right = Structure::take().await?;
    let directory = records::directory(&instance.id).await?;
    let stored = records::existing(&right, &directory).await?.record;
    let record = match snapshot {
        None => Record { current: point.clone(), ..stored.without_checkpoint() },
        Some(id) => {
            let memory = stored.snapshot(id).map_err(|error| records::record_problem(&error))?.memory.clone();
            Record { current: point.clone(), parent: None, memory, snapshots: vec![], checkpoint: None }
        }
    };
    let graph = layers::graph(&right).await?;
    layers::all_known(&graph, record.tops())?;
    let reached = graph.reach(record.tops());
    let bases: BTreeMap<_, _> =
        reached.iter().filter_map(|id| Some((id.clone(), graph.get(id)?.base.clone()))).collect();
    let mut members = vec![];
    let images: std::collections::BTreeSet<_> = bases.values().filter_map(image).collect();
    for name in images {
        members.push((format!("layers/{name}"), open(&Directory::open(&["images"]).await?, &name).await?));
    }
    for id in bases.keys() {
        members.push((format!("layers/{}", layers::file_name(id)), layers::shared(id).await?));
    }
    let memories: std::collections::BTreeSet<_> = record.memories().map(|memory| memory.file.clone()).collect();
    for name in memories {
        let file = open(&directory, &name).await?;
        members.push((format!("states/{name}"), file));
    }
    // What is open stays as it is: the lock that all work shares keeps layers from being merged or removed.
    drop(right);
    let json = Manifest::new(instance.clone(), record, bases).to_json();
    let json = json.map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))?;
    copy(out, &json, members).map_err(|error| transfer_problem("The machine could not be written to a file", &error))
}

fn image(base: &Base) -> Option<String> {
    match base {
        Base::Image(name) => Some(name.clone()),
        Base::Nothing | Base::Layer(_) | Base::Unknown => None,
    }
}

async fn open(directory: &Directory, name: &str) -> Result<SharedFile, Problem> {
    let missing = || {
        let error = block::BlockError::Io(format!("{name} is not there"));
        disk_problem("The machine could not be written to a file", &error)
    };
    SharedFile::new(directory.shared(name).await?.ok_or_else(missing)?)
}

fn copy(out: NewFile, json: &[u8], members: Vec<Member>) -> Result<NewFile, transfer::Error> {
    let mut reporter = Reporter::new("Writing the machine");
    let mut total = 0;
    for (_, file) in &members {
        total += file.len()?;
    }
    let mut writer = MachineWriter::new(out, json)?;
    let mut done = 0;
    for (name, mut file) in members {
        let len = file.len()?;
        let mut member = writer.member(&name, len)?;
        let (mut at, mut buffer) = (0, vec![]);
        while at < len {
            buffer.resize((len - at).min(CHUNK) as usize, 0);
            file.read_at(at, &mut buffer)?;
            member.write_all(&buffer).map_err(|error| transfer::Error::Output(error.to_string()))?;
            at += buffer.len() as u64;
            // Who cancels the work ends the worker.
            let _ = reporter.tell(Progress { done: done + at, total: Some(total) });
        }
        member.finish()?;
        done += len;
    }
    writer.finish()
}
