use crate::{
    Access, Care, Checkpoint, Confined, ImageChoice, InstanceId, Job, Problem, ProblemCode, RemovedTemplate, Setup,
    Telling, Template, TemplateId,
};
use serde::{Deserialize, Serialize};

/// Memory sizes that a machine can have, in MiB: v86 takes powers of two, and 2 GiB is the most that it can address.
pub const MEMORY_CHOICES_MIB: [u32; 7] = [32, 64, 128, 256, 512, 1024, 2048];

/// A machine's memory in MiB, one of [`MEMORY_CHOICES_MIB`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct MemoryMib(u32);

/// A number that is no size of a machine's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} MiB is not a memory size: choose a power of two from 32 MiB to 2 GiB")]
pub struct MemoryError(u32);

impl MemoryMib {
    /// What a new installation gives a machine.
    pub const DEFAULT: Self = Self(256);

    /// The size in MiB.
    pub fn mib(self) -> u32 {
        self.0
    }

    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }
}

impl TryFrom<u32> for MemoryMib {
    type Error = MemoryError;

    fn try_from(mib: u32) -> Result<Self, MemoryError> {
        if MEMORY_CHOICES_MIB.contains(&mib) { Ok(Self(mib)) } else { Err(MemoryError(mib)) }
    }
}

impl From<MemoryMib> for u32 {
    fn from(memory: MemoryMib) -> Self {
        memory.0
    }
}

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does not run; its disk is closed.
    Stopped,
    /// Its worker is being started and its disk opened.
    Starting,
    /// Its processor runs.
    Running,
    /// Its processor stands still, its memory is kept.
    Paused,
    /// The guest was asked to shut down.
    Stopping,
    /// Its memory is being saved.
    Suspending,
    /// It does not run; its memory is saved beside its disk, and it goes on from there.
    Suspended,
    /// It ended without the guest having shut down; [`Instance::problem`] says why.
    Crashed,
}

impl State {
    /// Whether a worker belongs to the instance in this state.
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Stopped | Self::Suspended | Self::Crashed)
    }
}

/// What a machine's first disk is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartFrom {
    /// Our kernel; the disk is one file system.
    #[default]
    Disk,
    /// Our kernel; the file system is in the partition of this number.
    Partition(u8),
    /// What the disk brings itself, by the BIOS.
    Firmware,
}

/// One virtual machine as its owner, the background, knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its identifier.
    pub id: InstanceId,
    /// Its name, unique, and the guest's host name.
    pub name: String,
    /// What it was made from.
    pub template: TemplateId,
    /// Its memory.
    pub memory: MemoryMib,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// What it is doing.
    pub state: State,
    /// How often it was started; tells this run's messages from those of an earlier run.
    pub boot: u32,
    /// When its processor started in this run, in milliseconds since 1970.
    pub started: Option<u64>,
    /// While stopping: when it will be stopped by force, in milliseconds since 1970.
    pub forced_at: Option<u64>,
    /// While stopping: whether it is to be started again then.
    #[serde(default)]
    pub restarting: bool,
    /// What went wrong last, until it is started again.
    pub problem: Option<Problem>,
    /// What it is started with.
    #[serde(default)]
    pub start_from: StartFrom,
    /// Grows whenever its disks or snapshots have changed, so that a page knows when to ask for them again.
    #[serde(default)]
    pub disks: u32,
    /// What it may reach on the web.
    #[serde(default)]
    pub access: Access,
    /// What is done for it without being asked.
    #[serde(default)]
    pub care: Care,
    /// The last state to which it can go back if its run is cut short, or was.
    #[serde(default)]
    pub checkpoint: Option<Checkpoint>,
    /// What it may do on the LAN, until a page says otherwise.
    #[serde(default)]
    pub confined: Confined,
    /// The packaged image under its first disk; `None` where the template has the image's name.
    #[serde(default)]
    pub image: Option<TemplateId>,
    /// The template's disks that it begins with, by their holder, until it has run.
    #[serde(default)]
    pub base: Option<InstanceId>,
    /// What is added to the kernel's command line.
    #[serde(default)]
    pub cmdline: String,
    /// The size of the workspace, in bytes, that it is given at its first start.
    #[serde(default)]
    pub workspace: Option<u64>,
    /// What is yet to be done in it, at its first start.
    #[serde(default)]
    pub setup: Option<Setup>,
    /// Whether it vanishes, with its disks, when it ends.
    #[serde(default)]
    pub ephemeral: bool,
}

impl Instance {
    /// A new machine that has never run.
    pub fn new(id: InstanceId, name: String, template: TemplateId, memory: MemoryMib, created: u64) -> Self {
        Self {
            id,
            name,
            template,
            memory,
            created,
            state: State::Stopped,
            boot: 0,
            started: None,
            forced_at: None,
            restarting: false,
            problem: None,
            start_from: StartFrom::Disk,
            disks: 0,
            access: Access::default(),
            care: Care::default(),
            checkpoint: None,
            confined: Confined::default(),
            image: None,
            base: None,
            cmdline: String::new(),
            workspace: None,
            setup: None,
            ephemeral: false,
        }
    }

    /// The packaged image under its first disk.
    pub fn image(&self) -> &TemplateId {
        self.image.as_ref().unwrap_or(&self.template)
    }

    /// What people call its state.
    pub fn state_label(&self) -> &'static str {
        match self.state {
            State::Stopping if self.restarting => "Restarting",
            State::Stopped if self.is_interrupted() => "Interrupted",
            State::Stopped => "Stopped",
            State::Starting => "Starting",
            State::Running => "Running",
            State::Paused => "Paused",
            State::Stopping => "Stopping",
            State::Suspending => "Suspending",
            State::Suspended => "Suspended",
            State::Crashed => "Crashed",
        }
    }

    /// Whether its run was cut short by the browser's end, and nobody has decided yet how it goes on.
    pub fn is_interrupted(&self) -> bool {
        let code = self.problem.as_ref().map(|problem| problem.code);
        self.state == State::Stopped && code == Some(ProblemCode::Interrupted)
    }

    /// The checkpoint to which it can go back now.
    pub fn way_back(&self) -> Option<Checkpoint> {
        self.checkpoint.filter(|_| matches!(self.state, State::Stopped | State::Crashed))
    }
}

/// An instance that was deleted and can still be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The instance as it was.
    pub instance: Instance,
    /// When it was deleted, in milliseconds since 1970.
    pub at: u64,
}

/// How the pages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the browser or system says.
    #[default]
    System,
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// What the user chose in the options page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Memory of a new machine.
    pub memory: MemoryMib,
    /// Template of a new machine.
    pub template: TemplateId,
    /// How the pages look.
    pub theme: Theme,
}

/// All that a page shows, sent anew on every change: small, so no page can be out of step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// All instances, oldest first.
    pub instances: Vec<Instance>,
    /// All templates, the packaged ones first.
    pub templates: Vec<Template>,
    /// The packaged images that a template can have.
    #[serde(default)]
    pub images: Vec<ImageChoice>,
    /// What the user chose.
    pub settings: Settings,
    /// Long work that goes on, or is over and not dismissed, oldest first.
    #[serde(default)]
    pub jobs: Vec<Job>,
    /// Machines that were deleted and can still be brought back, oldest first.
    #[serde(default)]
    pub removed: Vec<Removed>,
    /// Templates that were deleted and can still be brought back, oldest first.
    #[serde(default)]
    pub removed_templates: Vec<RemovedTemplate>,
    /// What the user has to know, oldest first.
    #[serde(default)]
    pub tellings: Vec<Telling>,
}

impl World {
    /// The template with this identifier.
    pub fn template(&self, id: &TemplateId) -> Option<&Template> {
        self.templates.iter().find(|template| template.id == *id)
    }

    /// The instance with this identifier.
    pub fn instance(&self, id: &InstanceId) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_power_of_two_from_32_mib_to_2_gib() {
        for mib in 0..=4096_u32 {
            let valid = mib.is_power_of_two() && (32..=2048).contains(&mib);
            assert_eq!(MemoryMib::try_from(mib).is_ok(), valid, "{mib}");
        }
        assert!(serde_json::from_str::<MemoryMib>("100").is_err());
        assert_eq!(MemoryMib::DEFAULT.bytes(), 256 * 1024 * 1024);
    }

    #[test]
    fn only_stopped_suspended_and_crashed_machines_have_no_worker() {
        assert!(State::Starting.is_live() && State::Paused.is_live() && State::Stopping.is_live());
        assert!(State::Suspending.is_live());
        assert!(!State::Stopped.is_live() && !State::Suspended.is_live() && !State::Crashed.is_live());
    }
}
