//! Every message between the extension's contexts, as closed types.
//!
//! ```text
//!  pages ── PageCall / PageEvent over runtime.Port ──► background
//!  background ── HostCall / HostReply over runtime messages ──► host page
//!  host page ── HostNotice over runtime messages ──► background
//!  host page ── WorkerCommand / MachineEvent over postMessage ──► machine worker
//!  pages ── ConsoleRequest / ConsoleEvent over BroadcastChannel ──► machine worker
//! ```
//!
//! Control messages are JSON; console bytes travel as typed arrays. A message that is added here and not handled
//! somewhere does not compile. This crate knows no browser.

mod console;
mod control;
mod host;
mod ids;
mod model;
mod problem;

pub use console::{ConsoleEvent, ConsoleRequest, Stream, TerminalSize, ViewerId, console_channel};
pub use control::{Envelope, PORT_NAME, PageCall, PageEvent, PageRequest};
pub use host::{
    HostCall, HostNotice, HostReply, ImageFile, MachineEvent, MachineSpec, RunningMachine, WorkerCommand, WorkerNotice,
};
pub use ids::{IdError, InstanceId, NameError, TemplateId, check_name};
pub use model::{Instance, MEMORY_CHOICES_MIB, MemoryError, MemoryMib, Settings, State, Template, Theme, World};
pub use problem::{Problem, ProblemCode};
