use crate::{InstanceId, MemoryMib, Problem};
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
}

/// What the background asks of the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostCall {
    /// Which machines run?
    List,
    /// Starts a worker with this machine.
    Start(MachineSpec),
    /// Stops the machine's processor.
    Pause(InstanceId),
    /// Lets the machine's processor go on.
    Resume(InstanceId),
    /// Asks the guest to shut down, and ends the worker after this many milliseconds if it has not.
    Shutdown(InstanceId, u32),
    /// Ends the worker now, as pulling the plug does.
    Kill(InstanceId),
}

/// The host page's answer to a [`HostCall`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostReply {
    /// To [`HostCall::List`].
    Machines(Vec<RunningMachine>),
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
    /// Starts the machine: a worker's first command, and given once.
    Start(MachineSpec),
    /// Stops the processor.
    Pause,
    /// Lets the processor go on.
    Resume,
    /// Presses Ctrl-Alt-Del, which the guest's init takes as “shut down”.
    Shutdown,
    /// Writes back and closes the disk; the worker answers [`WorkerNotice::Closed`] and can then be ended.
    Close,
}

/// What a machine worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerNotice {
    /// Something happened to the machine.
    Event(MachineEvent),
    /// The worker is alive; comes once a second while it is.
    Alive,
    /// The disk is written back and closed.
    Closed,
}
