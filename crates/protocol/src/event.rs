//! What happens, as the history keeps it.

use crate::{InstanceId, Reachable};
use serde::{Deserialize, Serialize};

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
    /// A checkpoint was saved; the duration is how long the machine stood still for it.
    Checkpointed = "checkpointed", "Checkpoint saved";
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
    /// Its deletion was undone.
    BroughtBack = "brought-back", "Brought back";
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
    /// It was saved as a template, of the title that the details say.
    TemplateSaved = "template-saved", "Saved as a template";
    /// A disk was made, or made bigger.
    DiskChanged = "disk-changed", "Disk changed";
    /// A file was read in.
    Imported = "imported", "Imported";
    /// A file was written.
    Exported = "exported", "Exported";
    /// An import or export failed.
    WorkFailed = "work-failed", "Import or export failed";
    /// Another browser was joined to the LAN; the name is that of its LAN.
    PeerJoined = "peer-joined", "Peer joined";
    /// A joined browser has left, or a pairing ended before; the duration is how long it was joined.
    PeerLeft = "peer-left", "Peer left";
    /// The LAN was joined to a room at an endpoint; the name is the room's with the endpoint's.
    UplinkJoined = "uplink-joined", "Uplink joined";
    /// It was left, or the connection was lost; the duration is how long it was joined.
    UplinkLeft = "uplink-left", "Uplink left";
    /// Room was given back that nothing uses any more: of layers that became one, of deleted machines, or lost when one was killed.
    Freed = "freed", "Room freed";
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
    /// What was joined or left, if about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
}

/// What the LAN can be joined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// Another browser.
    Peer,
    /// A room at an endpoint.
    Uplink,
}

impl SessionKind {
    /// The word for it in the catalog.
    pub fn word(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Uplink => "uplink",
        }
    }

    /// The kind of event for its beginning, or its end.
    pub fn event(self, joined: bool) -> EventKind {
        match (self, joined) {
            (Self::Peer, true) => EventKind::PeerJoined,
            (Self::Peer, false) => EventKind::PeerLeft,
            (Self::Uplink, true) => EventKind::UplinkJoined,
            (Self::Uplink, false) => EventKind::UplinkLeft,
        }
    }
}

/// A pairing or an uplink, as the catalog knows it: never with a key, a code or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its identifier in this browser.
    pub id: String,
    /// What it is.
    pub kind: SessionKind,
    /// The other side's addresses; of an endpoint's only the host and port.
    pub network: String,
    /// The names of the machines that may be reached, with spaces between them; `*` for all.
    pub machines: String,
    /// Why it is over; empty while it lasts.
    pub reason: String,
}

/// What has become of a pairing or an uplink, for the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionLog {
    /// Its identifier in this browser.
    pub id: String,
    /// What it is.
    pub kind: SessionKind,
    /// What the other side's LAN is called, or the room.
    pub name: String,
    /// The other side's addresses; of an endpoint's only the host and port.
    pub network: String,
    /// The machines that the other side may reach.
    pub machines: Reachable,
    /// It is joined now; else it is over.
    pub joined: bool,
    /// How long it was joined, in milliseconds.
    pub duration: Option<u64>,
    /// How many bytes went over its line.
    pub bytes: u64,
    /// Why it is over.
    pub reason: String,
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

/// The columns of the answer to [`crate::CatalogRequest::Events`].
pub const EVENT_COLUMNS: [&str; 9] =
    ["id", "time_ms", "kind", "machine", "name", "boot", "duration_ms", "bytes", "details"];

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
            session: None,
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(json, r#"{"id":1,"time":2,"kind":"storage","bytes":3}"#);
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
