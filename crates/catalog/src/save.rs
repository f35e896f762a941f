//! What is written: events that have not been written before, and the present state of everything.

use crate::open::about;
use crate::schema::{set_about, transaction};
use crate::{Catalog, Engine, EngineError, Value};
use layers::Record;
use protocol::{Confined, Event, ImageFile, InstanceId, Mirror, Plan, Template};
use serde::Serialize;
use std::collections::BTreeMap;

/// Most events that are kept: a year of a busy workbench, and some megabytes.
pub const EVENTS_MAX: u32 = 50_000;

/// The tables that are written anew whenever what they show has changed.
const MIRRORED: [&str; 7] = ["templates", "images", "profiles", "instances", "disks", "snapshots", "ui_state"];

/// What is looked for whenever something is saved: the background has none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What disks and snapshots there are.
    pub records: Vec<(InstanceId, Record)>,
    /// What can be put into machines.
    pub profiles: Vec<KnownProfile>,
}

/// A profile, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownProfile {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is the user's; else it is packaged.
    pub own: bool,
    /// A sentence on what it is good for.
    pub description: String,
    /// When it was kept last, in milliseconds since 1970; packaged ones change with the extension.
    pub changed: Option<u64>,
}

impl<E: Engine> Catalog<E> {
    /// Saves, and returns when it is in the file: what is not checkpointed is lost with the browser.
    ///
    /// # Errors
    /// If the database refuses or fails; nothing of it counts as saved then.
    pub fn save(&mut self, events: &[Event], mirror: &Mirror, found: &Found) -> Result<(), EngineError> {
        let sum = sum(mirror, found);
        let same = about(&mut self.engine, "mirror")?.as_ref() == Some(&sum);
        if same && events.is_empty() {
            return Ok(());
        }
        transaction(&mut self.engine, |engine| {
            write_events(engine, events)?;
            write_sessions(engine, events)?;
            write_mirror(engine, mirror, found)?;
            set_about(engine, "mirror", &sum)
        })?;
        self.engine.run("CHECKPOINT", &[]).map(drop)
    }
}

/// Tells states apart; that two are taken for one is as unlikely as a changed state that shows nothing new.
fn sum(mirror: &Mirror, found: &Found) -> String {
    let text = serde_json::to_vec(&(mirror, found)).unwrap_or_default();
    format!("{:08x}-{}", crc32fast::hash(&text), text.len())
}

fn write_events(engine: &mut impl Engine, events: &[Event]) -> Result<(), EngineError> {
    if events.is_empty() {
        return Ok(());
    }
    let lists: Vec<Vec<Value>> = events.iter().map(event_values).collect();
    engine.run_each("INSERT OR IGNORE INTO events VALUES (?, epoch_ms(?::BIGINT), ?, ?, ?, ?, ?, ?, ?)", &lists)?;
    let old = "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY time DESC, id DESC OFFSET ?::BIGINT)";
    engine.run(old, &[EVENTS_MAX.into()]).map(drop)
}

/// What was joined, and when it was seen first and last: one row for each pairing and for each uplink. What was never joined has none.
fn write_sessions(engine: &mut impl Engine, events: &[Event]) -> Result<(), EngineError> {
    for event in events {
        let Some(session) = &event.session else { continue };
        let (id, time) = (Value::from(session.id.as_str()), Value::from(event.time));
        if event.kind == session.kind.event(true) {
            let insert = "INSERT INTO sessions (id, kind, network, first_seen)
                SELECT ?, ?, '', epoch_ms(?::BIGINT) WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = ?)";
            engine.run(insert, &[id.clone(), session.kind.word().into(), time.clone(), id.clone()])?;
        }
        let update =
            "UPDATE sessions SET network = ?, name = ?, machines = ?, last_seen = epoch_ms(?::BIGINT), details = ?
            WHERE id = ?";
        let (name, reason) = (event.name.as_deref().into(), session.reason.as_str().into());
        let network = session.network.as_str().into();
        engine.run(update, &[network, name, session.machines.as_str().into(), time, reason, id])?;
    }
    Ok(())
}

fn event_values(event: &Event) -> Vec<Value> {
    vec![
        event.id.into(),
        event.time.into(),
        event.kind.word().into(),
        event.machine.as_ref().map(InstanceId::as_str).into(),
        event.name.as_deref().into(),
        event.boot.into(),
        event.duration.into(),
        event.bytes.into(),
        event.details.as_str().into(),
    ]
}

fn write_mirror(engine: &mut impl Engine, mirror: &Mirror, found: &Found) -> Result<(), EngineError> {
    for table in MIRRORED {
        engine.run(&format!("DELETE FROM {table}"), &[])?;
    }
    let templates: Vec<Vec<Value>> =
        mirror.templates.iter().map(|(template, cmdline, image)| write_template(template, cmdline, image)).collect();
    engine.run_each("INSERT INTO templates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &templates)?;
    let images: BTreeMap<&str, &ImageFile> =
        mirror.templates.iter().map(|(_, _, image)| (image.sha256.as_str(), image)).collect();
    let images: Vec<Vec<Value>> = images
        .iter()
        .map(|(sha256, image)| {
            vec![(*sha256).into(), image.path.as_str().into(), image.bytes.into(), image.disk_bytes.into()]
        })
        .collect();
    engine.run_each("INSERT INTO images VALUES (?, ?, ?, ?)", &images)?;
    write_instances(engine, mirror)?;
    write_records(engine, &found.records)?;
    let profiles: Vec<Vec<Value>> = found.profiles.iter().map(profile_values).collect();
    engine.run_each("INSERT INTO profiles VALUES (?, ?, ?, ?, epoch_ms(?::BIGINT))", &profiles)?;
    let settings = serde_json::to_string(&mirror.settings).unwrap_or_default();
    engine.run("INSERT INTO ui_state VALUES ('settings', ?)", &[settings.as_str().into()]).map(drop)
}

fn write_template(template: &Template, cmdline: &str, image: &ImageFile) -> Vec<Value> {
    let plan = &template.plan;
    let profiles: Vec<&str> = plan.profiles.iter().map(profile::Name::as_str).collect();
    vec![
        template.id.as_str().into(),
        plan.title.as_str().into(),
        plan.description.as_str().into(),
        cmdline.into(),
        image.sha256.as_str().into(),
        Value::from(u32::from(template.packaged)),
        plan.memory.map(protocol::MemoryMib::mib).into(),
        profiles.join(" ").as_str().into(),
        access(plan).as_str().into(),
        plan.workspace.into(),
        Value::from(u32::from(plan.ephemeral)),
        plan.script.as_str().into(),
        template.disk.as_ref().map(|disk| disk.holder.as_str()).into(),
        template.disk.as_ref().map(|disk| disk.machine.as_str()).into(),
    ]
}

fn profile_values(profile: &KnownProfile) -> Vec<Value> {
    vec![
        profile.name.as_str().into(),
        profile.version.as_str().into(),
        if profile.own { "own" } else { "built-in" }.into(),
        profile.description.as_str().into(),
        profile.changed.into(),
    ]
}

/// What its machines may reach, in a word or as a list of hosts.
fn access(plan: &Plan) -> String {
    let web = if plan.access.web { "web".to_owned() } else { plan.access.hosts.join(" ") };
    match plan.confined {
        Confined::Free if web.is_empty() => "mirrors".to_owned(),
        Confined::Free => web,
        Confined::Isolated => format!("isolated {web}").trim_end().to_owned(),
        Confined::Blocked => "none".to_owned(),
    }
}

fn write_instances(engine: &mut impl Engine, mirror: &Mirror) -> Result<(), EngineError> {
    let rows: Vec<Vec<Value>> = mirror
        .instances
        .iter()
        .map(|instance| {
            let id = instance.id.as_str();
            vec![
                id.into(),
                instance.name.as_str().into(),
                instance.template.as_str().into(),
                instance.memory.mib().into(),
                mirror.cmdline(instance).as_deref().into(),
                instance.created.into(),
                state_word(instance).as_str().into(),
                instance.boot.into(),
                id.into(),
                id.into(),
                instance.problem.as_ref().map(|problem| problem.message.as_str()).into(),
            ]
        })
        .collect();
    let insert = "INSERT INTO instances SELECT ?, ?, ?, ?, ?, epoch_ms(?::BIGINT), ?, ?,
        (SELECT max(time) FROM events WHERE machine = ? AND kind = 'booted'),
        (SELECT arg_max(duration_ms, time) FROM events WHERE machine = ? AND kind = 'booted'), ?";
    engine.run_each(insert, &rows)
}

/// The state's name, as the messages have it.
fn state_word(instance: &protocol::Instance) -> String {
    let word = serde_json::to_value(instance.state).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn write_records(engine: &mut impl Engine, records: &[(InstanceId, Record)]) -> Result<(), EngineError> {
    let mut disks = vec![];
    let mut snapshots = vec![];
    for (id, record) in records {
        let mut disk = |name: &str, layer: &str| disks.push(vec![id.as_str().into(), name.into(), layer.into()]);
        disk("system", record.current.system.as_str());
        if let Some(layer) = &record.current.workspace {
            disk("workspace", layer.as_str());
        }
        snapshots.extend(record.snapshots.iter().map(|snapshot| {
            vec![
                snapshot.id.as_str().into(),
                id.as_str().into(),
                snapshot.name.as_str().into(),
                snapshot.created.into(),
                snapshot.parent.as_ref().map(|parent| parent.as_str()).into(),
                snapshot.memory.as_ref().map(|memory| memory.bytes).into(),
            ]
        }));
    }
    engine.run_each("INSERT INTO disks VALUES (?, ?, ?)", &disks)?;
    engine.run_each("INSERT INTO snapshots VALUES (?, ?, ?, epoch_ms(?::BIGINT), ?, ?)", &snapshots)
}
