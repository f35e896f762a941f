//! The instances and what may happen to each: the background's decisions, without a browser.
//!
//! Requests of pages and notices of the host page go in; what is to be done comes out as [`Effect`]s, for the
//! background to carry out. Every state lives here and only here, and can be stored and loaded at any moment: a
//! background that was killed loads it and [reconciles](Registry::reconcile) it with what the host page says is running.
//!
//! ```text
//!            Start               Running             Pause
//!  stopped ────────► starting ────────────► running ◄──────► paused
//!     ▲                 │  ▲ crash            │ Stop │ Suspend │
//!     │ Halted, Forced  ▼  └─ suspended ◄─────┼── suspending ◄─┤
//!     └──────────── crashed ◄──────────── stopping ◄───────────┘
//! ```

mod care;
mod disks;
mod events;
mod recovery;
mod removal;
mod requests;
mod templates;

use protocol::{
    CheckpointUse, DiskOrder, HostCall, ImageChoice, ImageFile, Instance, InstanceId, Inventory, Job, JobId,
    MachineSpec, MemoryMib, Problem, ProblemCode, Removed, RemovedTemplate, Settings, StartFrom, State, Template,
    TemplateId, Theme, WarmState, World,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long a guest may take to shut down before it is stopped by force, in milliseconds.
pub const SHUTDOWN_TIMEOUT_MS: u32 = 20_000;

/// How long a removed machine can be brought back, in milliseconds.
pub const UNDO_MS: u64 = 10 * 60 * 1000;

/// Something that the background is to do after a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell the host page; a failure is reported to [`Registry::host_failed`].
    Host(HostCall),
    /// Show the machine's console tab.
    OpenConsole(InstanceId),
    /// Remove the instance's files; the layers that they lay on are removed by the [`Effect::Tidy`] that follows.
    RemoveFiles(InstanceId),
    /// Have the host page do something with disks; what it answers goes to [`Registry::disks_done`], then to the page.
    Disks(Box<DiskOrder>),
    /// Remove what nothing refers to any more, when there is time for it.
    Tidy(Inventory),
}

/// What the extension's package has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The images, the default first; there is at least one.
    pub images: Vec<BaseImage>,
    /// An empty workspace's file system.
    pub workspace: ImageFile,
}

/// A packaged image with what a machine needs to boot from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Its identifier, such as `alpine-3.20`.
    pub id: TemplateId,
    /// What people call it, such as “Alpine Linux 3.20”.
    pub title: String,
    /// A sentence on what is in it.
    pub description: String,
    /// The kernel's command line.
    pub cmdline: String,
    /// The file.
    pub image: ImageFile,
    /// What a new machine goes on from instead of booting, if it is as that one was.
    #[serde(default)]
    pub warm: Option<WarmState>,
}

/// The part of the registry that outlives the browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// All instances, oldest first.
    pub instances: Vec<Instance>,
    /// Those that were removed and can still be brought back, oldest first.
    #[serde(default)]
    pub removed: Vec<Removed>,
    /// The user's own templates, oldest first.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// Those that were removed and can still be brought back, oldest first.
    #[serde(default)]
    pub removed_templates: Vec<RemovedTemplate>,
    /// What the user chose, if anything.
    pub settings: Option<Settings>,
}

/// What a run begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// A saved memory, else nothing.
    Usual,
    /// Nothing: a saved memory is given up.
    Forget,
    /// The checkpoint's disks and memory.
    Checkpoint,
}

/// All instances, templates and settings.
#[derive(Debug)]
pub struct Registry {
    instances: Vec<Instance>,
    removed: Vec<Removed>,
    images: Vec<BaseImage>,
    /// The packaged ones first, then the user's own.
    templates: Vec<Template>,
    removed_templates: Vec<RemovedTemplate>,
    workspace: ImageFile,
    settings: Settings,
    jobs: Vec<Job>,
    /// Jobs that were cancelled or dismissed: what was told of them before may arrive only now.
    gone: BTreeSet<JobId>,
}

impl Registry {
    /// Takes up what was stored.
    pub fn new(stored: Stored, package: Package) -> Result<Self, Problem> {
        let Package { images, workspace } = package;
        let mut templates = templates::packaged(&images);
        let Some(first) = templates.first().map(|template| template.id.clone()) else {
            return Err(Problem::new(ProblemCode::ImageDamaged, "The extension’s package has no base image."));
        };
        let fallback = Settings { memory: MemoryMib::DEFAULT, template: first.clone(), theme: Theme::default() };
        let Stored { instances, removed, templates: own, removed_templates, settings } = stored;
        templates.extend(own);
        let mut settings = settings.unwrap_or(fallback);
        if !templates.iter().any(|template| template.id == settings.template) {
            settings.template = first;
        }
        let (jobs, gone) = (vec![], BTreeSet::new());
        Ok(Self { instances, removed, images, templates, removed_templates, workspace, settings, jobs, gone })
    }

    /// What must be stored to outlive the browser.
    pub fn stored(&self) -> Stored {
        Stored {
            instances: self.instances.clone(),
            removed: self.removed.clone(),
            templates: self.templates.iter().filter(|template| !template.packaged).cloned().collect(),
            removed_templates: self.removed_templates.clone(),
            settings: Some(self.settings.clone()),
        }
    }

    /// What pages show.
    pub fn world(&self) -> World {
        World {
            instances: self.instances.clone(),
            templates: self.templates.clone(),
            images: self
                .images
                .iter()
                .map(|image| ImageChoice { id: image.id.clone(), title: image.title.clone() })
                .collect(),
            settings: self.settings.clone(),
            jobs: self.jobs.clone(),
            removed: self.removed.clone(),
            removed_templates: self.removed_templates.clone(),
            tellings: vec![],
        }
    }

    /// How many machines have a worker.
    pub fn live(&self) -> usize {
        self.instances.iter().filter(|instance| instance.state.is_live()).count()
    }

    /// How many jobs go on.
    pub fn working(&self) -> usize {
        self.jobs.iter().filter(|job| !job.stage.is_over()).count()
    }

    /// What the storage has to keep.
    pub fn inventory(&self) -> Inventory {
        let title = |image: &BaseImage| (image.title.clone(), image.image.clone());
        Inventory {
            images: self.images.iter().map(title).collect(),
            workspace: self.workspace.clone(),
            known: self
                .instances
                .iter()
                .chain(self.removed.iter().map(|one| &one.instance))
                .map(|one| one.id.clone())
                .chain(self.disks().map(|(_, disk)| disk.holder.clone()))
                .collect(),
            templates: self.disks().map(|(title, disk)| (disk.holder.clone(), title.to_owned())).collect(),
        }
    }

    fn find(&mut self, id: &InstanceId) -> Result<&mut Instance, Problem> {
        let found = self.instances.iter_mut().find(|instance| instance.id == *id);
        found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "This machine does not exist any more."))
    }

    fn image(&self, id: &TemplateId) -> Result<&BaseImage, Problem> {
        let found = self.images.iter().find(|image| image.id == *id);
        found.ok_or_else(|| {
            Problem::new(ProblemCode::NotFound, format!("The image “{id}” is not in this version of the extension."))
        })
    }

    /// Puts an instance that does not run into [`State::Starting`] and says how.
    fn boot(&mut self, id: &InstanceId, from: Beginning) -> Result<Effect, Problem> {
        let image = self.find(id)?.image().clone();
        let base = self.image(&image)?.clone();
        let empty = self.workspace.clone();
        let instance = self.find(id)?;
        instance.state = State::Starting;
        instance.boot = instance.boot.wrapping_add(1);
        instance.started = None;
        instance.forced_at = None;
        instance.restarting = false;
        instance.problem = None;
        let new = instance.boot == 1 && instance.start_from == StartFrom::Disk;
        // A machine that was saved has no second disk, and has read its command line.
        let plain = instance.workspace.is_none() && instance.cmdline.is_empty() && instance.base.is_none();
        let fits = |warm: &WarmState| new && plain && warm.memory == instance.memory;
        // What is on a saved disk may be anything: a service that has its keys already, or a guest that does not wait.
        let keep_warm = base.warm.as_ref().filter(|warm| new && instance.base.is_none() && !fits(warm));
        let keep_warm = keep_warm.map(|warm| warm.key.clone());
        let cmdline = match instance.cmdline.as_str() {
            "" => base.cmdline,
            more => format!("{} {more}", base.cmdline),
        };
        Ok(Effect::Host(HostCall::Start(Box::new(MachineSpec {
            id: id.clone(),
            boot: instance.boot,
            name: instance.name.clone(),
            memory: instance.memory,
            cmdline,
            image: base.image,
            base: instance.base.clone(),
            start_from: instance.start_from,
            forget: from == Beginning::Forget,
            access: instance.access.clone(),
            warm: base.warm.filter(fits),
            keep_warm,
            confined: instance.confined,
            workspace: instance.workspace.map(|bytes| (empty, bytes)),
            setup: instance.setup.clone(),
            care: instance.care,
            checkpoint: match instance.checkpoint {
                Some(_) if from == Beginning::Checkpoint => CheckpointUse::GoBack,
                Some(_) => CheckpointUse::Keep,
                None => CheckpointUse::Drop,
            },
        }))))
    }
}

#[cfg(test)]
mod tests;
