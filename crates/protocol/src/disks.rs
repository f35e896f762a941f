use crate::{Instance, InstanceId, JobId, LayerId, Plan, Problem, ShareListing, ShareRequest, SnapshotId};
use serde::{Deserialize, Serialize};

/// Longest name of a snapshot, in characters.
pub const SNAPSHOT_NAME_MAX: usize = 80;
/// Smallest workspace disk, in bytes.
pub const WORKSPACE_MIN: u64 = 256 << 20;
/// Largest disk, in bytes: what a disk with MBR partitions can have.
pub const DISK_MAX: u64 = 2 << 40;

/// Name of the `BroadcastChannel` by which a page hands a file to a job: see [`FileTalk`].
pub fn file_channel(job: &JobId) -> String {
    format!("file:{job}")
}

/// What is said on a job's file channel. The page answers every `Wanted`, and also offers the file once by itself; so it does
/// not matter who is there first. The file comes as the message `{ file: File }`, several as `{ files: File[] }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileTalk {
    /// The job waits for its file.
    Wanted,
    /// The job has the file.
    Taken,
}

/// One of a machine's disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskName {
    /// The first one, from which it starts.
    System,
    /// The second one, for the user's projects.
    Workspace,
}

/// How a disk is written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFormat {
    /// qcow2, clusters as they are.
    Qcow2,
    /// qcow2 with deflated clusters: smaller, slower to make.
    Qcow2Deflate,
    /// qcow2 with clusters through zstd, which QEMU reads since version 5.1.
    Qcow2Zstd,
    /// Every byte of the disk.
    Raw,
    /// Every byte, through gzip.
    RawGzip,
    /// Every byte, through zstd.
    RawZstd,
}

/// How files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchiveFormat {
    /// A tar archive.
    Tar,
    /// A tar archive through gzip.
    TarGzip,
    /// A zip archive.
    Zip,
}

/// What an export writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportWhat {
    /// A whole disk, with all layers below it.
    Disk(DiskName, DiskFormat),
    /// The files of the workspace.
    Workspace(ArchiveFormat),
    /// The whole machine with its snapshots, for another browser.
    Machine,
}

/// What an import makes out of the file that the page hands over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportWhat {
    /// A new machine with this disk: qcow2, raw, or gzip or zstd of those.
    Disk,
    /// A new machine, as [`ExportWhat::Machine`] wrote it.
    Machine,
    /// The files of a tar or zip archive, unpacked into the workspace: at once if the machine runs, else at its next start.
    Workspace(InstanceId),
}

/// What a page asks about disks, snapshots and storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskRequest {
    /// The instance's disks and snapshots: answered with [`DiskReply::Disks`].
    Show(InstanceId),
    /// Freezes the disks under a name.
    TakeSnapshot {
        /// Whose.
        id: InstanceId,
        /// 1 to [`SNAPSHOT_NAME_MAX`] characters; names need not differ.
        name: String,
        /// Also keeps what is in the memory, so that the machine goes on from there; only of a running or paused machine.
        memory: bool,
    },
    /// Brings a stopped machine's disks back to a snapshot.
    RestoreSnapshot {
        /// Whose.
        id: InstanceId,
        /// Which.
        snapshot: SnapshotId,
        /// First freezes the present state under this name; else it is lost.
        keep: Option<String>,
    },
    /// Changes a snapshot's name.
    RenameSnapshot {
        /// Whose.
        id: InstanceId,
        /// Which.
        snapshot: SnapshotId,
        /// Its new name.
        name: String,
    },
    /// Removes a snapshot; those made after it stay.
    DeleteSnapshot {
        /// Whose.
        id: InstanceId,
        /// Which.
        snapshot: SnapshotId,
    },
    /// Makes a new instance with the same disks: answered with [`DiskReply::Instance`].
    Clone {
        /// Whose.
        id: InstanceId,
        /// As they were then, or as they are now.
        snapshot: Option<SnapshotId>,
    },
    /// Makes a template of a machine that has shut down, whose disks are those of its machines at first. Its layers are shared, nothing is copied:
    /// answered with [`DiskReply::Instance`], the holder of the disks.
    SaveTemplate {
        /// Whose.
        id: InstanceId,
        /// How its machines are; the image is the machine's, whatever this says.
        plan: Box<Plan>,
        /// Whether its workspace, with its files, belongs to it; else machines have an empty one, if the plan says so.
        workspace: bool,
    },
    /// Gives a stopped machine a workspace of this size in bytes (a multiple of 1 MiB), or makes the one that it has bigger.
    SetWorkspace {
        /// Whose.
        id: InstanceId,
        /// From [`WORKSPACE_MIN`] to [`DISK_MAX`].
        bytes: u64,
    },
    /// Makes a stopped machine's first disk bigger; the guest makes its file system as big at its next start.
    GrowSystem {
        /// Whose.
        id: InstanceId,
        /// The new size in bytes (a multiple of 1 MiB), at most [`DISK_MAX`].
        bytes: u64,
    },
    /// Begins to write a file: answered with [`DiskReply::Job`].
    Export {
        /// Whose.
        id: InstanceId,
        /// As it was then, or as it is now.
        snapshot: Option<SnapshotId>,
        /// What.
        what: ExportWhat,
    },
    /// Begins to read a file that the page hands over by the [`file_channel`]: answered with [`DiskReply::Job`].
    Import {
        /// What is made out of it.
        what: ImportWhat,
        /// The file's name, for the user.
        name: String,
    },
    /// Ends a job and removes what it has made so far.
    CancelJob(JobId),
    /// Forgets a job that is over, and removes the file that it wrote.
    DismissJob(JobId),
    /// What the storage is used for: answered with [`DiskReply::Storage`].
    Storage,
    /// Removes something that [`DiskRequest::Storage`] named as removable.
    Free(Removable),
    /// Something about the files that a machine shares with the host.
    Share(ShareRequest),
}

/// The answer to a [`DiskRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskReply {
    /// It is done.
    Done,
    /// The disks are as they were then.
    Restored {
        /// Whether there is a memory with which the machine goes on at its next start.
        memory: bool,
    },
    /// It made this instance.
    Instance(InstanceId),
    /// It began this job; [`crate::World::jobs`] says how it goes on.
    Job(JobId),
    /// An instance's disks.
    Disks(Disks),
    /// The use of the storage.
    Storage(StorageReport),
    /// What is in a folder of a machine's shared files.
    Share(ShareListing),
}

/// An instance's disks and snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disks {
    /// Size of the first disk as the guest sees it, in bytes.
    pub system_size: u64,
    /// Size of the workspace as the guest sees it, in bytes, if there is one.
    pub workspace_size: Option<u64>,
    /// The snapshot that the present state comes from, if any.
    pub parent: Option<SnapshotId>,
    /// What the present state takes up by itself, in bytes.
    pub bytes: u64,
    /// What all of the instance's own layers take up, which deleting it would free, in bytes.
    pub own_bytes: u64,
    /// Whether the next start goes on from a saved memory.
    pub resumes: bool,
    /// Archives that wait to be unpacked into the workspace at the next start.
    pub waiting_archives: u32,
    /// Oldest first.
    pub snapshots: Vec<SnapshotInfo>,
}

/// A snapshot as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// Its identifier.
    pub id: SnapshotId,
    /// Its name.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// The snapshot before it, if any.
    pub parent: Option<SnapshotId>,
    /// What its layers take up, in bytes, without those below that other snapshots or machines lie on too.
    pub bytes: u64,
    /// Size of the saved memory, in bytes, if it was made with it.
    pub memory_bytes: Option<u64>,
}

/// A state of the disks: the layers on top of which the next ones are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The first disk's topmost layer.
    pub system: LayerId,
    /// The workspace's topmost layer.
    pub workspace: Option<LayerId>,
}

/// What the storage is used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageReport {
    /// What the browser counts as used, in bytes.
    pub usage: u64,
    /// What the browser would let us use, in bytes.
    pub quota: u64,
    /// Everything that we keep.
    pub items: Vec<StorageItem>,
}

/// One thing that takes up room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageItem {
    /// What it is.
    pub kind: StorageKind,
    /// What the user knows it as: an image's title, a snapshot's or file's name; empty where the instance's name says all.
    pub title: String,
    /// The instance that it belongs to, if to one.
    pub instance: Option<InstanceId>,
    /// Its size, in bytes.
    pub bytes: u64,
    /// How it can be removed without loss of what is in use, if it can.
    pub removable: Option<Removable>,
}

/// Kinds of things that take up room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// A base image.
    Image,
    /// The present state of a machine's first disk.
    Disk,
    /// The present state of a machine's workspace.
    Workspace,
    /// A snapshot's layers.
    Snapshot,
    /// A saved memory.
    Memory,
    /// A state that was kept of a machine's first boot, for others like it to begin with.
    Warm,
    /// The disks of a template that was saved from a machine, as far as no machine lies on them too.
    Template,
    /// Files that a machine shares with the host.
    Share,
    /// A file that an export wrote.
    Export,
    /// What nothing refers to any more.
    Leftover,
    /// What the catalog, settings and the browser itself need.
    Other,
}

/// What can be removed to make room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removable {
    /// A snapshot.
    Snapshot(InstanceId, SnapshotId),
    /// An exported file.
    Export(JobId),
    /// The state of this name that was kept of a machine's first boot.
    Warm(String),
    /// Everything that nothing refers to: images without machines, what interrupted work left behind.
    Leftovers,
}

/// A piece of long work, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its identifier.
    pub id: JobId,
    /// What it does, such as “Export disk of alpine-1”.
    pub title: String,
    /// The instance that it is about, if any.
    pub instance: Option<InstanceId>,
    /// How far it is.
    pub stage: JobStage,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobStage {
    /// Waits for the file from the page.
    WaitingForFile,
    /// Is at it.
    Working {
        /// What it does now, such as “Checking the archive”.
        step: String,
        /// Bytes done.
        done: u64,
        /// Bytes in all, if known.
        total: Option<u64>,
    },
    /// Is over and all is well.
    Done(Outcome),
    /// Is over; nothing of it is left.
    Failed(Problem),
}

impl JobStage {
    /// Whether the job has ended.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// What a job that went well has brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What there is to say, as a sentence, such as what was left out; may be empty.
    pub message: String,
    /// The file that was written, for the user to save: `exports/ID` in the private file system.
    pub file: Option<ExportedFile>,
    /// The instance that was made.
    pub made: Option<Box<Instance>>,
}

/// A file that an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// The name under which it is to be saved.
    pub name: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_json_and_come_back() {
        let id = InstanceId::from_random(1);
        let request = DiskRequest::Export {
            id,
            snapshot: Some(SnapshotId::from_random(2)),
            what: ExportWhat::Disk(DiskName::System, DiskFormat::Qcow2Deflate),
        };
        let json = serde_json::to_string(&request).unwrap();
        assert!(json.contains("qcow2-deflate"), "{json}");
        assert_eq!(serde_json::from_str::<DiskRequest>(&json).unwrap(), request);
    }

    #[test]
    fn a_job_is_over_when_it_is_done_or_has_failed() {
        assert!(!JobStage::WaitingForFile.is_over());
        assert!(!JobStage::Working { step: String::new(), done: 1, total: Some(1) }.is_over());
        assert!(JobStage::Failed(Problem::new(crate::ProblemCode::NoSpace, "Full.")).is_over());
    }
}
