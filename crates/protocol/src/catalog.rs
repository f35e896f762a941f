//! The catalog: the history and what is known of everything, in tables.
//!
//! A page's [`CatalogRequest`] goes to the background, which sends it on with what has not been saved yet, as a
//! [`CatalogOrder`], through the host page to the catalog's worker.

use crate::{ImageFile, Instance, InstanceId, Problem, Settings, Template, TemplateId};
use serde::{Deserialize, Serialize};

/// Most rows of one answer.
pub const ROWS_MAX: u32 = 50_000;
/// Longest question, in bytes.
pub const SQL_MAX: usize = 20_000;

/// Makes the kinds of events with the words that stand for them in the catalog.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $label:literal;)*) => {
        /// Kinds of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[$doc])* #[serde(rename = $word)] $kind,)*
        }

        impl EventKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The word for it in the catalog.
            pub fn word(self) -> &'static str {
                match self { $(Self::$kind => $word),* }
            }

            /// What people call it.
            pub fn label(self) -> &'static str {
                match self { $(Self::$kind => $label),* }
            }

            /// The kind that the word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.word() == word)
            }
        }
    };
}

kinds! {
    /// A machine was made.
    Created = "created", "Created";
    /// Its start was asked for.
    Started = "started", "Started";
    /// Its processor runs for the first time in this run; the duration is the time since its start was asked for.
    Booted = "booted", "Booted";
    /// Its processor was stopped.
    Paused = "paused", "Paused";
    /// Its processor goes on; if it was suspended, the duration is the time since that was asked for.
    Resumed = "resumed", "Resumed";
    /// Its memory was saved; the duration is how long it ran.
    Suspended = "suspended", "Suspended";
    /// It has shut down; the duration is how long it ran.
    Stopped = "stopped", "Stopped";
    /// It did not shut down in time.
    Forced = "forced", "Stopped by force";
    /// It could not go on.
    Crashed = "crashed", "Crashed";
    /// The browser ended while it ran.
    Interrupted = "interrupted", "Interrupted";
    /// It has another name.
    Renamed = "renamed", "Renamed";
    /// It was deleted.
    Deleted = "deleted", "Deleted";
    /// It was missing in the list and was found by its disks.
    Recovered = "recovered", "Recovered";
    /// A snapshot was taken.
    SnapshotTaken = "snapshot-taken", "Snapshot taken";
    /// The disks went back to a snapshot.
    SnapshotRestored = "snapshot-restored", "Snapshot restored";
    /// A snapshot was deleted.
    SnapshotDeleted = "snapshot-deleted", "Snapshot deleted";
    /// It was cloned.
    Cloned = "cloned", "Cloned";
    /// A disk was made, or made bigger.
    DiskChanged = "disk-changed", "Disk changed";
    /// A file was read in.
    Imported = "imported", "Imported";
    /// A file was written.
    Exported = "exported", "Exported";
    /// An import or export failed.
    WorkFailed = "work-failed", "Import or export failed";
    /// How much storage is in use.
    Storage = "storage", "Storage measured";
    /// The catalog was damaged or missing, and was made anew.
    Rebuilt = "rebuilt", "Catalog rebuilt";
    /// Events that could not wait for the catalog any longer were dropped.
    Dropped = "dropped", "Events dropped";
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Random, so that an event that is saved twice is there once; below 2^52.
    pub id: u64,
    /// When, in milliseconds since 1970 (UTC).
    pub time: u64,
    /// What.
    pub kind: EventKind,
    /// The machine, if about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<InstanceId>,
    /// Its name then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<u32>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// How much it is about, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
}

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    /// Of this machine only.
    pub machine: Option<InstanceId>,
    /// Of these kinds only; none named: of all.
    pub kinds: Vec<EventKind>,
    /// Not before this, in milliseconds since 1970.
    pub since: Option<u64>,
    /// At most so many, the newest.
    pub limit: u32,
}

/// What a page asks of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogRequest {
    /// Events, the newest first, with the columns [`EVENT_COLUMNS`].
    Events(EventFilter),
    /// A question in SQL that only reads.
    Query {
        /// One statement.
        sql: String,
        /// At most so many rows.
        rows: u32,
    },
    /// Saves what waits to be saved; answered when it is.
    Save,
    /// Looks for machines that have disks and are missing in the list.
    Recover,
    /// Puts a [`Telling`] away.
    Dismiss(u32),
}

/// The columns of the answer to [`CatalogRequest::Events`].
pub const EVENT_COLUMNS: [&str; 9] =
    ["id", "time_ms", "kind", "machine", "name", "boot", "duration_ms", "bytes", "details"];

/// The answer to a [`CatalogRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogReply {
    /// It is done.
    Done,
    /// Rows.
    Table(Table),
    /// So many machines were found and are in the list now.
    Recovered(u32),
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as DuckDB calls it.
    pub kind: String,
}

/// An answer in rows. Values are text, as DuckDB writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a value for each column; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// There are more rows than these.
    pub more: bool,
}

/// What the background knows and the catalog shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// All instances.
    pub instances: Vec<Instance>,
    /// All templates, each with the kernel's command line and its image.
    pub templates: Vec<(Template, String, ImageFile)>,
    /// What the user chose.
    pub settings: Settings,
}

impl Mirror {
    /// The kernel's command line of machines of a template.
    pub fn cmdline(&self, template: &TemplateId) -> Option<&str> {
        self.templates.iter().find(|(known, ..)| known.id == *template).map(|(_, cmdline, _)| cmdline.as_str())
    }
}

/// What the catalog's worker is to do: save, and then answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogOrder {
    /// The catalog that was saved to last; another one, or none, means that it was lost.
    pub identity: Option<String>,
    /// For a catalog that has to be made.
    pub fresh: String,
    /// The time, in milliseconds since 1970.
    pub now: u64,
    /// Events that are not known to be saved.
    pub events: Vec<Event>,
    /// The present state of everything.
    pub mirror: Mirror,
    /// What is asked; `None` only to save, when there is time for it.
    pub ask: Option<CatalogRequest>,
}

/// What happened to the catalog before it could be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogLoss {
    /// It was damaged; the file is kept under this name.
    Damaged(String),
    /// It was not there.
    Missing,
}

/// What came of a [`CatalogOrder`]. What was sent with it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogAnswer {
    /// The catalog that it is saved in.
    pub identity: String,
    /// What happened to the one before.
    pub loss: Option<CatalogLoss>,
    /// The answer to what was asked.
    pub answer: Result<Option<Table>, Problem>,
}

/// What the host page tells the catalog's worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogCommand {
    /// The answer carries it.
    pub call: u32,
    /// What to do.
    pub order: Box<CatalogOrder>,
    /// The file can't be used: it is to be moved aside first.
    pub aside: bool,
}

/// What the catalog's worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogNotice {
    /// What was sent is saved, and what was asked is begun.
    Begun(u32),
    /// It is done.
    Done {
        /// The command's number.
        call: u32,
        /// What came of it.
        result: Result<CatalogAnswer, CatalogFailure>,
    },
}

/// Why the worker could not do it. It is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogFailure {
    /// The file is damaged, in DuckDB's words.
    Damaged(String),
    /// Something else.
    Problem(Problem),
}

/// Something that the user has to know, shown until it is put away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// Its number.
    pub id: u32,
    /// What happened, as a sentence.
    pub message: String,
    /// What to do next, as a sentence.
    pub advice: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_word_of_its_own_in_json_and_in_the_catalog() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
            assert_eq!(EventKind::from_word(kind.word()), Some(*kind));
        }
        assert_eq!(EventKind::from_word("other"), None);
    }

    #[test]
    fn an_event_takes_little_room_while_it_waits() {
        let event = Event {
            id: 1,
            time: 2,
            kind: EventKind::Storage,
            machine: None,
            name: None,
            boot: None,
            duration: None,
            bytes: Some(3),
            details: String::new(),
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(json, r#"{"id":1,"time":2,"kind":"storage","bytes":3}"#);
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
