//! What machines are made from.

use crate::{
    Access, AccessError, Confined, DISK_MAX, Instance, InstanceId, MemoryMib, StartFrom, TemplateId, WORKSPACE_MIN,
};
use profile::Name;
use serde::{Deserialize, Serialize};

/// The most templates of the user's: the list is sent whole on every change, and must stay small.
pub const TEMPLATES_MAX: usize = 50;
/// Longest title of a template, in characters.
pub const TITLE_MAX: usize = 60;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 200;
/// Longest addition to the kernel's command line, in bytes: Linux takes 2048 of all of it, and ours needs some.
pub const CMDLINE_MAX: usize = 512;
/// The most profiles of a template.
pub const TEMPLATE_PROFILES_MAX: usize = 16;
/// Longest first script, in bytes: it is in the list, too.
pub const FIRST_SCRIPT_MAX: usize = 8 << 10;
/// Longest file of a template, in bytes.
pub const TEMPLATE_FILE_MAX: u64 = 64 << 10;

/// What the workbench says on the command line itself: a template that said it as well would only break machines.
const OURS: [&str; 4] = ["root=", "rootfstype=", "init=", "workbench."];
/// What a template's file says of itself.
const FORMAT: &str = "vm-workbench-template";
/// The version of that which is written, and the only one that is read.
const VERSION: u32 = 1;

/// What a machine can be made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its identifier, such as `alpine-3.20`.
    pub id: TemplateId,
    /// Whether it is packaged with the extension; else it is the user's own and can be changed.
    pub packaged: bool,
    /// What it is called and how its machines are.
    pub plan: Plan,
    /// What is on their disks at first, if that is more than the image. No file brings this.
    #[serde(default)]
    pub disk: Option<TemplateDisk>,
}

/// The disks of a machine that was saved as a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateDisk {
    /// Their layers are kept as those of a machine of this identifier, which is in no list and never runs.
    pub holder: InstanceId,
    /// What the machine was called.
    pub machine: String,
    /// When it was saved, in milliseconds since 1970.
    pub saved: u64,
    /// What the first disk is started with.
    pub start_from: StartFrom,
    /// Whether its workspace is there too, with its files.
    pub workspace: bool,
}

/// What the user decides of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What people call it, such as “Alpine base”.
    pub title: String,
    /// A sentence on what it is for.
    #[serde(default)]
    pub description: String,
    /// The packaged image under its machines' first disk.
    pub image: TemplateId,
    /// Their memory; `None` means what the options say.
    #[serde(default)]
    pub memory: Option<MemoryMib>,
    /// What is added to the kernel's command line.
    #[serde(default)]
    pub cmdline: String,
    /// What is put into each at its first start, in this order.
    #[serde(default)]
    pub profiles: Vec<Name>,
    /// Run by a shell at the first start, after that.
    #[serde(default)]
    pub script: String,
    /// What they may reach on the web.
    #[serde(default)]
    pub access: Access,
    /// What they may do on the LAN.
    #[serde(default)]
    pub confined: Confined,
    /// The size of their workspace in bytes, if they have one.
    #[serde(default)]
    pub workspace: Option<u64>,
    /// Whether they vanish, with their disks, when they end.
    #[serde(default)]
    pub ephemeral: bool,
}

/// A template of the user's that was deleted and can still be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedTemplate {
    /// The template as it was.
    pub template: Template,
    /// When it was deleted, in milliseconds since 1970.
    pub at: u64,
}

/// A packaged image, as a page offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageChoice {
    /// Its identifier.
    pub id: TemplateId,
    /// What people call it.
    pub title: String,
}

/// What is done in a machine at its first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// What the template is called, for the user.
    pub template: String,
    /// What is put into it, in this order.
    pub profiles: Vec<Name>,
    /// What a shell runs after that; nothing if empty.
    pub script: String,
}

/// Why something can't be a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Its title.
    #[error("a title has 1 to {TITLE_MAX} characters")]
    Title,
    /// Its description.
    #[error("a description has one line of at most {DESCRIPTION_MAX} characters")]
    Description,
    /// Its command line has too much or something odd.
    #[error("the command line has at most {CMDLINE_MAX} characters, and only letters, digits and signs of ASCII")]
    Cmdline,
    /// Its command line says what is not its to say.
    #[error("the command line can’t have “{0}”, which the workbench says itself")]
    CmdlineOurs(String),
    /// Too many profiles, or one twice.
    #[error("a template has at most {TEMPLATE_PROFILES_MAX} profiles, each once")]
    Profiles,
    /// Its script.
    #[error("the first script has at most {} KiB of text", FIRST_SCRIPT_MAX >> 10)]
    Script,
    /// Its network.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Its workspace.
    #[error("a workspace has {} MiB to {} TiB, in whole MiB", WORKSPACE_MIN >> 20, DISK_MAX >> 40)]
    Workspace,
}

/// Why a file is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFileError {
    /// It is too long.
    #[error("a template’s file has at most {} KiB", TEMPLATE_FILE_MAX >> 10)]
    Length,
    /// It is something else.
    #[error("this is no template’s file: {0}")]
    Form(String),
    /// It was written by a newer workbench.
    #[error("the file is of version {0}, and this workbench reads version {VERSION}")]
    Version(u32),
    /// It is a template that can't be.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    template: Plan,
}

/// Whether this can be added to the kernel's command line.
///
/// # Errors
/// With what can't be.
pub fn check_cmdline(cmdline: &str) -> Result<(), PlanError> {
    if cmdline.len() > CMDLINE_MAX || !cmdline.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(PlanError::Cmdline);
    }
    let mut words = cmdline.split(' ').map(|word| word.trim_matches('"'));
    match words.find(|word| OURS.iter().any(|ours| word.starts_with(ours))) {
        Some(word) => Err(PlanError::CmdlineOurs(word.chars().take(40).collect())),
        None => Ok(()),
    }
}

impl Plan {
    /// A template that is nothing but an image.
    pub fn plain(title: impl Into<String>, description: impl Into<String>, image: TemplateId) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            image,
            memory: None,
            cmdline: String::new(),
            profiles: vec![],
            script: String::new(),
            access: Access::default(),
            confined: Confined::default(),
            workspace: None,
            ephemeral: false,
        }
    }

    /// What a machine is like, with a workspace of this size in bytes, if it has one. What it was still to be given at its first start is
    /// left to machines of this template; what it was given is on its disk.
    pub fn of(instance: &Instance, workspace: Option<u64>) -> Self {
        let setup = instance.setup.clone();
        let (profiles, script) = setup.map(|setup| (setup.profiles, setup.script)).unwrap_or_default();
        Self {
            memory: Some(instance.memory),
            cmdline: instance.cmdline.clone(),
            profiles,
            script,
            access: instance.access.clone(),
            confined: instance.confined,
            workspace: workspace.map(|bytes| bytes.next_multiple_of(1 << 20)),
            ..Self::plain(instance.name.clone(), "", instance.image().clone())
        }
    }

    /// Whether it can be a template.
    ///
    /// # Errors
    /// With what it is that can't be.
    pub fn check(&self) -> Result<(), PlanError> {
        let line = |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(char::is_control);
        if self.title.trim().is_empty() || !line(&self.title, TITLE_MAX) {
            return Err(PlanError::Title);
        }
        if !line(&self.description, DESCRIPTION_MAX) {
            return Err(PlanError::Description);
        }
        check_cmdline(&self.cmdline)?;
        let twice = |(at, name)| self.profiles[..at].contains(name);
        if self.profiles.len() > TEMPLATE_PROFILES_MAX || self.profiles.iter().enumerate().any(twice) {
            return Err(PlanError::Profiles);
        }
        let odd = |letter: char| letter.is_control() && !letter.is_ascii_whitespace();
        if self.script.len() > FIRST_SCRIPT_MAX || self.script.contains(odd) {
            return Err(PlanError::Script);
        }
        self.access.check()?;
        let sound = |bytes: u64| (WORKSPACE_MIN..=DISK_MAX).contains(&bytes) && bytes.is_multiple_of(1 << 20);
        if self.workspace.is_some_and(|bytes| !sound(bytes)) {
            return Err(PlanError::Workspace);
        }
        Ok(())
    }

    /// What is done in a new machine, if anything.
    pub fn setup(&self) -> Option<Setup> {
        let something = !self.profiles.is_empty() || !self.script.is_empty();
        something.then(|| Setup {
            template: self.title.clone(),
            profiles: self.profiles.clone(),
            script: self.script.clone(),
        })
    }

    /// The template as a file for other workbenches.
    pub fn to_file(&self) -> String {
        let file = File { format: FORMAT.to_owned(), version: VERSION, template: self.clone() };
        // Nothing of it can't be written as JSON.
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    /// Reads what [`Self::to_file`] wrote, or somebody who wants to do harm.
    ///
    /// # Errors
    /// If it is no template, or none that can be.
    pub fn from_file(text: &str) -> Result<Self, TemplateFileError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        if text.len() as u64 > TEMPLATE_FILE_MAX {
            return Err(TemplateFileError::Length);
        }
        let form = |error: serde_json::Error| TemplateFileError::Form(error.to_string());
        let head: Head = serde_json::from_str(text).map_err(form)?;
        if head.format != FORMAT {
            return Err(TemplateFileError::Form("it says that it is something else".to_owned()));
        }
        if head.version != VERSION {
            return Err(TemplateFileError::Version(head.version));
        }
        let file: File = serde_json::from_str(text).map_err(form)?;
        file.template.check()?;
        Ok(file.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan() -> Plan {
        let image = TemplateId::try_from("alpine-3.20".to_owned()).unwrap();
        Plan {
            memory: Some(MemoryMib::DEFAULT),
            profiles: vec![Name::try_from("git").unwrap()],
            script: "echo hello\n".to_owned(),
            workspace: Some(1 << 30),
            ..Plan::plain("Mine", "For everything.", image)
        }
    }

    #[test]
    fn a_machine_s_template_is_as_the_machine_is() {
        let image = TemplateId::try_from("alpine-3.20".to_owned()).unwrap();
        let made = TemplateId::try_from("node-dev".to_owned()).unwrap();
        let mut machine =
            Instance::new(InstanceId::from_random(1), "web-1".to_owned(), made, MemoryMib::try_from(512).unwrap(), 0);
        machine.image = Some(image.clone());
        machine.cmdline = "quiet".to_owned();
        machine.access.web = true;
        machine.confined = Confined::Isolated;
        let plan = Plan::of(&machine, Some((256 << 20) + 1));
        assert_eq!((plan.title.as_str(), &plan.image, plan.memory), ("web-1", &image, Some(machine.memory)));
        assert_eq!((plan.cmdline.as_str(), plan.access.web, plan.confined), ("quiet", true, Confined::Isolated));
        assert_eq!(plan.workspace, Some(257 << 20));
        assert!(plan.profiles.is_empty() && plan.script.is_empty(), "they are on its disk");
        assert_eq!(plan.check(), Ok(()));
        let profiles = vec![Name::try_from("git").unwrap()];
        machine.setup = Some(Setup { template: "x".to_owned(), profiles: profiles.clone(), script: "a".to_owned() });
        let plan = Plan::of(&machine, None);
        assert_eq!((plan.profiles, plan.script.as_str(), plan.workspace), (profiles, "a", None));
    }

    #[test]
    fn a_template_comes_back_from_its_file() {
        assert_eq!(Plan::from_file(&plan().to_file()), Ok(plan()));
    }

    #[test]
    fn what_can_not_be_is_refused_with_a_reason() {
        let wrong = [
            (Plan { title: "  ".to_owned(), ..plan() }, "title"),
            (Plan { title: "x".repeat(61), ..plan() }, "title"),
            (Plan { description: "a\nb".to_owned(), ..plan() }, "description"),
            (Plan { cmdline: "a\u{7f}".to_owned(), ..plan() }, "command line"),
            (Plan { cmdline: "quiet root=/dev/sdb".to_owned(), ..plan() }, "root=/dev/sdb"),
            (Plan { cmdline: "\"workbench.hostname=x\"".to_owned(), ..plan() }, "workbench.hostname"),
            (Plan { profiles: vec![Name::try_from("git").unwrap(); 2], ..plan() }, "profiles"),
            (Plan { script: "x".repeat(FIRST_SCRIPT_MAX + 1), ..plan() }, "8 KiB"),
            (Plan { access: Access { hosts: vec!["a b".to_owned()], ..Access::default() }, ..plan() }, "a b"),
            (Plan { workspace: Some(1), ..plan() }, "workspace"),
            (Plan { workspace: Some(DISK_MAX + (1 << 20)), ..plan() }, "workspace"),
        ];
        for (wrong, word) in wrong {
            let error = wrong.check().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert!(Plan::from_file(&wrong.to_file()).is_err(), "{error}");
        }
    }

    #[test]
    fn files_of_others_are_refused() {
        let good = plan().to_file();
        for bad in [
            "".to_owned(),
            "[]".to_owned(),
            "{\"format\":\"vm-workbench-instance\",\"version\":1}".to_owned(),
            good.replace("\"version\": 1", "\"version\": 2"),
            good.replace("alpine-3.20", "../../etc"),
            good.replace("\"git\"", "\"../git\""),
            good.replace("\"ephemeral\"", "\"seed\""),
            good.replace("\"memory\": 256", "\"memory\": 100"),
            format!("{good}{}", " ".repeat(1 << 16)),
            "[".repeat(60_000),
        ] {
            assert!(Plan::from_file(&bad).is_err(), "{:.80}", bad);
        }
        let newer = Plan::from_file(&good.replace("\"version\": 1", "\"version\": 2, \"more\": 1"));
        assert_eq!(newer, Err(TemplateFileError::Version(2)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in ".{0,200}", at in 0_usize..400, byte: char) {
            let _ = Plan::from_file(&text);
            let mut changed: Vec<char> = plan().to_file().chars().collect();
            let at = at % changed.len();
            changed[at] = byte;
            let _ = Plan::from_file(&changed.into_iter().collect::<String>());
        }
    }
}
