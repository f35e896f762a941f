use crate::{
    Access, Care, CatalogReply, CatalogRequest, DiskReply, DiskRequest, InstanceId, Job, JobId, PeerId, PeerRequest,
    Plan, Problem, SessionLog, Settings, TemplateId, World,
};
use serde::{Deserialize, Serialize};

/// Name of the `runtime.Port` that pages open to the background.
pub const PORT_NAME: &str = "page";

/// Under this key of `storage.session` the background leaves the [`World`] that pages were told last, as JSON.
pub const SHOWN_KEY: &str = "shown";

/// And under this one each machine's name and [state](crate::Instance::state_label), for what is shown before a page's program is there.
pub const ROWS_KEY: &str = "rows";

/// What a page asks of the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageRequest {
    /// Makes a machine from a template (`None`: the default one), starts it, and opens its console in a tab.
    Launch {
        /// The template, or the default one.
        template: Option<TemplateId>,
    },
    /// Makes a machine that vanishes when it ends, and starts it, without its console: a script is to be run in it.
    LaunchForTask {
        /// The template.
        template: TemplateId,
    },
    /// Makes a template of the user's (`None`), or changes one.
    SaveTemplate {
        /// Which one, or a new one.
        id: Option<TemplateId>,
        /// How it is to be.
        plan: Box<Plan>,
        /// The template whose disks a new one has as well, if that has some.
        like: Option<TemplateId>,
    },
    /// Deletes a template of the user's, so that it can be brought back for a while.
    RemoveTemplate(TemplateId),
    /// Brings back a template that was removed.
    BringBackTemplate(TemplateId),
    /// Starts a stopped or crashed machine; a suspended one goes on from where it was.
    Start(InstanceId),
    /// Gives up the memory of a suspended machine, and starts it as one whose plug was pulled.
    Boot(InstanceId),
    /// Asks the guest to shut down; by force after a time-out.
    Stop(InstanceId),
    /// Stops the machine now, as pulling the plug does.
    ForceStop(InstanceId),
    /// Shuts the guest down and starts it again.
    Restart(InstanceId),
    /// Starts the machine anew at once, as pressing its reset button does.
    Reset(InstanceId),
    /// Stops the processor and keeps the memory.
    Pause(InstanceId),
    /// Lets a paused machine go on.
    Resume(InstanceId),
    /// Saves the machine's memory and ends it; [`PageRequest::Start`] goes on from there, also after the browser was closed.
    Suspend(InstanceId),
    /// Saves a checkpoint of a running machine now; told by the instance's [`Checkpoint`](crate::Checkpoint).
    SaveCheckpoint(InstanceId),
    /// Starts a machine whose run was cut short from its last checkpoint: disks and memory are as they were then.
    GoBack(InstanceId),
    /// Changes what is done for the machine without being asked.
    SetCare(InstanceId, Care),
    /// Shows the machine's console tab, opening it if there is none.
    OpenConsole(InstanceId),
    /// Says that this page is the console of the machine, so that it is found again.
    ShowsConsole(InstanceId),
    /// Changes the machine's name.
    Rename(InstanceId, String),
    /// Changes what the machine may reach on the web.
    SetAccess(InstanceId, Access),
    /// Deletes a machine that does not run, so that it can be brought back for a while.
    Remove(InstanceId),
    /// Brings back a machine that was removed.
    BringBack(InstanceId),
    /// Deletes a machine that does not run, or was removed, and its disks, for good.
    Delete(InstanceId),
    /// Stores what the user chose.
    SaveSettings(Settings),
    /// Something about disks, snapshots or storage.
    Disks(DiskRequest),
    /// Something about the catalog: the history, and questions about everything.
    Catalog(CatalogRequest),
    /// Something about other browsers that are joined, or are to be.
    Peers(PeerRequest),
}

/// A request with the number under which its answer comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageCall {
    /// Chosen by the page; the answer carries it.
    pub call: u32,
    /// What is asked.
    pub request: PageRequest,
}

/// What the background tells a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageEvent {
    /// The present state of everything: once on connecting, then after every change.
    World(World),
    /// The background could not start, and nothing else but failures will come.
    Unavailable(Problem),
    /// The answer to a [`PageCall`].
    Answer {
        /// The call's number.
        call: u32,
        /// What came of it, or what went wrong.
        result: Result<Reply, Problem>,
    },
}

/// What comes of a [`PageCall`] that went well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The instance that the call made or touched, if any.
    Machine(Option<InstanceId>),
    /// The answer to [`PageRequest::Disks`].
    Disks(DiskReply),
    /// The answer to [`PageRequest::Catalog`].
    Catalog(CatalogReply),
    /// The answer to [`PageRequest::Peers`]: the pairing that the call made or touched.
    Peer(PeerId),
}

impl Reply {
    /// The instance that the call made or touched, if any.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::Machine(id) => id.as_ref(),
            Self::Disks(DiskReply::Instance(id)) => Some(id),
            Self::Disks(_) | Self::Catalog(_) | Self::Peer(_) => None,
        }
    }
}

/// What the host page tells the background without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// Something happened to a machine.
    Machine(crate::HostNotice),
    /// A job has begun or gone on.
    Job(Job),
    /// A job was cancelled or dismissed.
    JobGone(JobId),
    /// What [`crate::HostCall::Tidy`] asked for is done, as far as it can be.
    Tidied {
        /// How many bytes that freed.
        freed: u64,
    },
    /// So many pairings are under way or joined now; and what has become of one, for the history.
    Peers(u32, Option<SessionLog>),
    /// What has become of an uplink.
    Uplink(SessionLog),
}

/// Runtime messages reach every page of the extension: the envelope says whom one is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", content = "body", rename_all = "lowercase")]
pub enum Envelope {
    /// For the host page, from the background.
    Host(crate::HostCall),
    /// For the background, from the host page.
    Background(Notice),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostCall, InstanceId};

    #[test]
    fn the_envelope_names_its_receiver_where_the_bootstraps_look() {
        let json = serde_json::to_value(Envelope::Host(HostCall::List)).unwrap();
        assert_eq!(json["to"], "host");
    }

    #[test]
    fn a_call_with_a_hostile_identifier_is_no_call() {
        let good =
            serde_json::to_string(&PageCall { call: 1, request: PageRequest::Start(InstanceId::from_random(7)) })
                .unwrap();
        assert!(serde_json::from_str::<PageCall>(&good).is_ok());
        let bad = r#"{"call":1,"request":{"Start":"../../secret"}}"#;
        assert!(serde_json::from_str::<PageCall>(bad).is_err());
    }
}
