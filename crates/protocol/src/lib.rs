//! Every message between the extension's contexts, as closed types.
//!
//! ```text
//!  pages ── PageCall / PageEvent over runtime.Port ──► background
//!  background ── HostCall / HostReply over runtime messages ──► host page
//!  host page ── HostNotice over runtime messages ──► background
//!  host page ── WorkerCommand / MachineEvent over postMessage ──► machine worker
//!  host page ── LanCommand / LanNotice over postMessage ──► lan worker
//!  pages ── ConsoleRequest / ConsoleEvent over BroadcastChannel ──► machine worker
//!  pages ── PeersAsk / PeersTold over BroadcastChannel ──► host page
//!  pages ── ProfileAsk / ProfileNews over BroadcastChannel ──► machine worker
//!  pages ── TaskAsk / TaskNews over BroadcastChannel ──► machine worker
//!  storage worker ── ShareAsk / ShareAnswer over BroadcastChannel ──► machine worker
//! ```
//!
//! Control messages are JSON; console bytes travel as typed arrays. A message that is added here and not handled
//! somewhere does not compile. This crate knows no browser.

mod care;
mod catalog;
mod console;
mod control;
mod disks;
mod event;
mod file_name;
mod health;
mod host;
mod ice;
mod ids;
mod lan;
mod model;
mod peers;
mod problem;
mod profiles;
mod share;
mod task;
mod template;
mod uplink;
mod visit;

pub use care::{Care, Checkpoint, CheckpointUse, Minutes, MinutesError, PERIODS_MIN};
pub use catalog::{
    CatalogAnswer, CatalogCommand, CatalogFailure, CatalogLoss, CatalogNotice, CatalogOrder, CatalogReply,
    CatalogRequest, Column, Mirror, ROWS_MAX, SQL_MAX, Table, Telling,
};
pub use console::{ConsoleEvent, ConsoleRequest, Stream, TerminalSize, ViewerId, console_channel};
pub use control::{Envelope, Notice, PORT_NAME, PageCall, PageEvent, PageRequest, ROWS_KEY, Reply, SHOWN_KEY};
pub use disks::{
    ArchiveFormat, DISK_MAX, DiskFormat, DiskName, DiskReply, DiskRequest, Disks, ExportWhat, ExportedFile, FileTalk,
    ImportWhat, Job, JobStage, Outcome, Point, Removable, SNAPSHOT_NAME_MAX, SnapshotInfo, StorageItem, StorageKind,
    StorageReport, WORKSPACE_MIN, file_channel,
};
pub use event::{EVENT_COLUMNS, Event, EventFilter, EventKind, Session, SessionKind, SessionLog};
pub use file_name::{FileName, FileNameError, FilePath};
pub use health::{
    GuestHealth, HealthAsk, HealthSample, HealthTold, LOG_CHANNEL, LOG_KEY, LOG_LINES_MAX, LOG_TEXT_MAX, LogLine,
    LogPart, health_channel,
};
pub use host::{
    DiskOrder, Fresh, HostCall, HostNotice, HostReply, ImageFile, Inventory, MachineEvent, MachineSpec, NewSnapshot,
    RunningMachine, StorageCommand, StorageNotice, Subject, WarmState, WorkerCommand, WorkerNotice,
};
pub use ice::{ICE_SERVERS_KEY, ICE_SERVERS_MAX, ICE_TEXT_MAX, IceError, IceServer};
pub use ids::{IdError, InstanceId, JobId, LayerId, NameError, PeerId, SnapshotId, TemplateId, check_name};
pub use lan::{
    Access, AccessError, Confined, LAN_CHANNEL, LanAsk, LanCommand, LanLine, LanNotice, LanTold, LanView, WebRequest,
};
pub use model::{
    Instance, MEMORY_CHOICES_MIB, MemoryError, MemoryMib, Removed, Settings, StartFrom, State, Theme, World,
};
pub use peers::{
    LanMachine, LanTraffic, PEER_CODE_MAX, PEERS_CHANNEL, PeerCode, PeerMachine, PeerRequest, PeerRule, PeerStage,
    PeerView, PeersAsk, PeersTold, PeersView,
};
pub use problem::{Problem, ProblemCode, sentence};
pub use profiles::{
    OWN_PROFILES, PROFILE_LOG_MAX, ProfileAsk, ProfileLog, ProfileNews, ProfileRun, ProfileVerb, ProfilesNow,
    profiles_channel,
};
pub use share::{
    LISTING_MAX, SHARE_PIECE, ShareAnswer, ShareAsk, ShareDone, ShareEntry, ShareKind, ShareListing, ShareOp,
    ShareRequest, ShareStat, ShareWhat, UNFINISHED, is_unfinished, share_channel, share_news_channel,
};
pub use task::{
    TASK_ARTIFACTS, TASK_INPUT, TASK_KEPT_MAX, TASK_SCRIPT_MAX, TASK_SECONDS_MAX, Task, TaskAsk, TaskEnd, TaskNews,
    TaskStage, task_channel,
};
pub use template::{
    CMDLINE_MAX, DESCRIPTION_MAX, FIRST_SCRIPT_MAX, ImageChoice, Plan, PlanError, RemovedTemplate, Setup,
    TEMPLATE_FILE_MAX, TEMPLATE_PROFILES_MAX, TEMPLATES_MAX, TITLE_MAX, Template, TemplateDisk, TemplateFileError,
    check_cmdline,
};
pub use uplink::{
    Reachable, UPLINK_ADDRESS_MAX, UPLINK_NAME_MAX, UPLINK_TOKEN_MAX, UPLINKS_MAX, UplinkAsk, UplinkError, UplinkId,
    UplinkMember, UplinkSettings, UplinkState, UplinkView, certificate_hash,
};
pub use visit::{VISIT_BODY_MAX, VISIT_WINDOW, VisitAsk, VisitRequest, VisitTold, visit_channel};
