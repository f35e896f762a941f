use crate::{
    Access, Care, CatalogAnswer, CatalogOrder, Checkpoint, CheckpointUse, Confined, DiskReply, DiskRequest, Instance,
    InstanceId, Job, JobId, JobStage, MemoryMib, PeerId, PeerRequest, Point, Problem, Setup, SnapshotId, StartFrom,
    TemplateId,
};
use serde::{Deserialize, Serialize};

/// A packaged base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFile {
    /// Where the package has it, relative to the extension's root.
    pub path: String,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
    /// The file's length in bytes.
    pub bytes: u64,
    /// Size of the disk in it, in bytes.
    pub disk_bytes: u64,
}

impl ImageFile {
    /// The name under which layers refer to it: it is that of its content.
    pub fn name(&self) -> String {
        format!("{}.qcow2", self.sha256)
    }
}

/// What a new machine goes on from instead of booting: packaged files, named relative to the extension's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmState {
    /// The memory that the machine has to have.
    pub memory: MemoryMib,
    /// A saved memory.
    pub state: String,
    /// The first layer of the disk that belongs to it, over the template's image.
    pub layer: String,
    /// A digest of what it was made of: emulator, kernel and image.
    pub key: String,
}

/// All that a machine worker needs to start a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSpec {
    /// The instance.
    pub id: InstanceId,
    /// Number of this run.
    pub boot: u32,
    /// Its name, given to the guest as host name.
    pub name: String,
    /// Its memory.
    pub memory: MemoryMib,
    /// The kernel's command line, without the host name.
    pub cmdline: String,
    /// The base image under the instance's disk.
    pub image: ImageFile,
    /// Whose disks it begins with if it has none yet: a saved template's holder.
    #[serde(default)]
    pub base: Option<InstanceId>,
    /// What the first disk is started with.
    pub start_from: StartFrom,
    /// Boots although there is a memory to go on from, which is given up.
    #[serde(default)]
    pub forget: bool,
    /// What it may reach on the web.
    #[serde(default)]
    pub access: Access,
    /// What it goes on from if it has no disk yet.
    #[serde(default)]
    pub warm: Option<WarmState>,
    /// If it has no disk yet and there is no packaged state for it: that a state is kept of its first boot for others that are made like it,
    /// and what they must have in common beside what is said here ([`WarmState::key`]).
    #[serde(default)]
    pub keep_warm: Option<String>,
    /// What is done for it without being asked.
    #[serde(default)]
    pub care: Care,
    /// What becomes of its checkpoint.
    #[serde(default)]
    pub checkpoint: CheckpointUse,
    /// What it may do on the LAN.
    #[serde(default)]
    pub confined: Confined,
    /// The workspace that it is given if it has no disk yet: an empty one's file system, and the size in bytes.
    #[serde(default)]
    pub workspace: Option<(ImageFile, u64)>,
    /// What is to be done in it when its agent is there; told by [`MachineEvent::SetUp`].
    #[serde(default)]
    pub setup: Option<Setup>,
}

/// A [`DiskRequest`] with what is needed to carry it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskOrder {
    /// What is asked.
    pub request: DiskRequest,
    /// The instance that it is about, if about one.
    pub subject: Option<Subject>,
    /// The identifier of what it makes.
    pub fresh: Fresh,
    /// The time, in milliseconds since 1970.
    pub now: u64,
    /// The template of an instance that is made from a disk of the user's.
    pub template: TemplateId,
    /// The memory of an instance that is made from a disk of the user's.
    pub memory: MemoryMib,
    /// What must be kept.
    pub inventory: Inventory,
}

/// What the background knows of that storage is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The packaged images with their titles.
    pub images: Vec<(String, ImageFile)>,
    /// An empty workspace's file system.
    pub workspace: ImageFile,
    /// All instances that there are, and the holders of templates' disks.
    pub known: Vec<InstanceId>,
    /// The holders, with what their templates are called.
    pub templates: Vec<(InstanceId, String)>,
}

/// New identifiers, of which one is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fresh {
    /// For an instance.
    pub instance: InstanceId,
    /// For a snapshot.
    pub snapshot: SnapshotId,
    /// For a job.
    pub job: JobId,
}

impl Fresh {
    /// Makes them out of random bits.
    pub fn from_random(bits: u64) -> Self {
        Self {
            instance: InstanceId::from_random(bits),
            snapshot: SnapshotId::from_random(bits),
            job: JobId::from_random(bits),
        }
    }
}

/// The instance that a [`DiskOrder`] is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The instance.
    pub instance: Instance,
    /// The base image under its first disk, should that not be made yet.
    pub image: ImageFile,
}

/// A snapshot that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSnapshot {
    /// Its identifier.
    pub id: SnapshotId,
    /// Its name.
    pub name: String,
    /// The time, in milliseconds since 1970.
    pub created: u64,
    /// Whether what is in the memory is kept too.
    pub memory: bool,
}

/// What the background asks of the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostCall {
    /// Which machines run?
    List,
    /// Has a worker ready for the machine that is likely to come.
    Prepare,
    /// Starts a worker with this machine.
    Start(Box<MachineSpec>),
    /// Stops the machine's processor.
    Pause(InstanceId),
    /// Lets the machine's processor go on.
    Resume(InstanceId),
    /// Saves the machine's memory and ends the worker.
    Suspend(InstanceId),
    /// Asks the guest to shut down, and ends the worker after this many milliseconds if it has not.
    Shutdown(InstanceId, u32),
    /// Ends the worker now, as pulling the plug does.
    Kill(InstanceId),
    /// Has the machine save a checkpoint.
    Checkpoint(InstanceId),
    /// What is done for the machine without being asked, from now on.
    Care(InstanceId, Care),
    /// What the machine may reach on the web from now on.
    Access(InstanceId, Access),
    /// Does something with disks, snapshots or storage.
    Disks(Box<DiskOrder>),
    /// Merges layers that need not be apart and removes what nothing refers to, when there is time for it.
    Tidy(Inventory),
    /// Saves in the catalog, and asks it.
    Catalog(Box<CatalogOrder>),
    /// Does something about peers.
    Peers(PeerRequest),
}

/// The host page's answer to a [`HostCall`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostReply {
    /// To [`HostCall::List`]; the last is how many pairings are under way or joined.
    Machines(Vec<RunningMachine>, Vec<Job>, u32),
    /// To [`HostCall::Disks`].
    Disks(DiskReply),
    /// To [`HostCall::Catalog`].
    Catalog(Box<CatalogAnswer>),
    /// To [`HostCall::Peers`].
    Peer(PeerId),
    /// It is done, or on its way and will be told by a [`HostNotice`].
    Done,
    /// It could not be done.
    Failed(Problem),
}

/// A machine that has a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningMachine {
    /// The instance.
    pub id: InstanceId,
    /// Number of its run.
    pub boot: u32,
    /// Its last event that changed its state; `None` while it is starting.
    pub last: Option<MachineEvent>,
}

/// What the host page tells the background without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostNotice {
    /// The instance.
    pub id: InstanceId,
    /// Number of its run.
    pub boot: u32,
    /// What happened.
    pub event: MachineEvent,
}

/// What happens to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineEvent {
    /// The processor runs, for the first time or again; since when, in milliseconds since 1970.
    Running {
        /// When the processor started in this run, in milliseconds since 1970.
        started: u64,
    },
    /// The processor stands still, with a reason if nobody asked for it.
    Paused(Option<Problem>),
    /// Archives that waited were unpacked into the workspace, or could not be.
    Unpacked(Option<Problem>),
    /// What was to be done at its first start is done, or could not be.
    SetUp(Option<Problem>),
    /// Its memory is saved and durable; the worker is ended.
    Suspended,
    /// It could not be suspended, for this reason, and goes on as before.
    StaysUp {
        /// Whether its processor stands still, as it did before.
        paused: bool,
        /// Why.
        problem: Problem,
    },
    /// A checkpoint is saved and durable, in place of the one before.
    Checkpointed(Checkpoint),
    /// A checkpoint could not be saved, for this reason. The one before is still there.
    NotCheckpointed(Problem),
    /// Nothing was typed, and there was next to nothing to do, for as long as the machine's care says.
    Idle,
    /// The guest has shut down; the worker is ended.
    Halted,
    /// The guest asked for a reset; the worker is ended.
    Reset,
    /// It was told to shut down, did not, and was ended.
    Forced,
    /// It could not go on; the worker is ended.
    Crashed(Problem),
}

/// What the host page tells a machine worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerCommand {
    /// The emulator is quick already, because a machine has run: it need not be made so while the worker waits.
    Quick,
    /// Starts the machine: the first command to a worker that need not wait, and given once.
    Start(Box<MachineSpec>),
    /// Stops the processor.
    Pause,
    /// Lets the processor go on.
    Resume,
    /// Saves the memory and ends the run; told by [`MachineEvent::Suspended`] or [`MachineEvent::StaysUp`].
    Suspend,
    /// Saves a checkpoint and goes on; told by [`MachineEvent::Checkpointed`] or [`MachineEvent::NotCheckpointed`].
    Checkpoint,
    /// What is done without being asked, from now on.
    Care(Care),
    /// Presses Ctrl-Alt-Del, which the guest's init takes as “shut down”.
    Shutdown,
    /// Freezes the disks, without or with a snapshot; answered with [`WorkerNotice::Frozen`].
    Freeze {
        /// The answer carries it.
        call: u32,
        /// The snapshot to be made, if one.
        snapshot: Option<NewSnapshot>,
    },
    /// Unpacks the archives that wait for it, if the guest's agent is there; else when it is.
    Unpack,
    /// The guest has no address of its LAN, and is to ask for one as soon as its agent is there.
    AskForAddress,
    /// Writes back and closes the disk; the worker answers [`WorkerNotice::Closed`] and can then be ended.
    Close,
}

/// What the host page tells a storage worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageCommand {
    /// Does what is asked and is done soon.
    Do {
        /// The answer carries it.
        call: u32,
        /// What.
        order: Box<DiskOrder>,
        /// The layers to begin from, if the machine's worker has frozen them for it.
        frozen: Option<Point>,
    },
    /// Does what takes long: the worker's only command.
    Work {
        /// What the job is called.
        job: JobId,
        /// What.
        order: Box<DiskOrder>,
        /// The layers to begin from, if the machine's worker has frozen them for it.
        frozen: Option<Point>,
    },
    /// Merges and removes what need not be there: the worker's only command.
    Tidy {
        /// What must be kept.
        inventory: Inventory,
        /// The machines that run, and whose layers must not be touched.
        running: Vec<InstanceId>,
    },
    /// Removes what a job that was cut short has left behind.
    Discard {
        /// The answer, [`StorageNotice::Done`], carries it.
        call: u32,
        /// The job.
        job: JobId,
    },
}

/// What a storage worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageNotice {
    /// The answer to [`StorageCommand::Do`] and [`StorageCommand::Discard`].
    Done {
        /// The command's number.
        call: u32,
        /// What came of it.
        result: Result<DiskReply, Problem>,
    },
    /// How far [`StorageCommand::Work`] is.
    Stage(JobStage),
    /// The answer to [`StorageCommand::Tidy`]: how many bytes it freed.
    Tidied(u64),
}

/// What a machine worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerNotice {
    /// Something happened to the machine.
    Event(MachineEvent),
    /// The worker is alive; comes once a second while it is.
    Alive,
    /// The guest uses its network card and wants to be on the LAN. An empty list then says to the worker that it has a line there.
    Network {
        /// Its kernel has an address from earlier, and will not ask for one by itself.
        settled: bool,
    },
    /// The disks are closed; comes with what was lost, if they could not be written back.
    Closed(Option<Problem>),
    /// The answer to [`WorkerCommand::Freeze`]: the layers that will not change any more.
    Frozen {
        /// The command's number.
        call: u32,
        /// The layers, or why it could not be done; the machine goes on as before then.
        result: Result<Point, Problem>,
    },
}
