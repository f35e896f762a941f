//! A template as it is in the editor's fields.

use profile::Name;
use protocol::{Access, Confined, MEMORY_CHOICES_MIB, MemoryMib, Plan, Template, TemplateDisk, TemplateId, sentence};

/// What the machines of a template may reach, as one choice.
pub(crate) const NETWORKS: [&str; 5] = [
    "Package mirrors",
    "Package mirrors and the web",
    "Package mirrors and these hosts",
    "No other machine",
    "Nothing",
];
/// The index of the choice that has a list of hosts.
pub(crate) const HOSTS: usize = 2;

/// What is in the fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) image: TemplateId,
    /// Index into [`memories`].
    pub(crate) memory: usize,
    /// In GiB; empty for none.
    pub(crate) workspace: String,
    pub(crate) profiles: Vec<Name>,
    /// Index into [`NETWORKS`].
    pub(crate) network: usize,
    pub(crate) hosts: String,
    pub(crate) cmdline: String,
    pub(crate) script: String,
    pub(crate) ephemeral: bool,
}

/// What a template can say of memory: nothing, or a size.
pub(crate) fn memories() -> Vec<Option<MemoryMib>> {
    let sizes = MEMORY_CHOICES_MIB.into_iter().filter_map(|mib| MemoryMib::try_from(mib).ok());
    std::iter::once(None).chain(sizes.map(Some)).collect()
}

/// The parts of a text with blanks or commas between them.
fn parts(text: &str) -> Vec<String> {
    let parts = text.split(|sign: char| sign == ',' || sign.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl Draft {
    /// Puts a profile in as the last one, or takes it out.
    pub(crate) fn choose(&mut self, name: Name, on: bool) {
        self.profiles.retain(|chosen| *chosen != name);
        if on {
            self.profiles.push(name);
        }
    }

    /// What a template is in the fields.
    pub(crate) fn of(plan: &Plan) -> Self {
        let network = match (plan.confined, plan.access.web, plan.access.hosts.is_empty()) {
            (Confined::Blocked, ..) => 4,
            (Confined::Isolated, ..) => 3,
            (Confined::Free, true, _) => 1,
            (Confined::Free, false, true) => 0,
            (Confined::Free, false, false) => HOSTS,
        };
        Self {
            title: plan.title.clone(),
            description: plan.description.clone(),
            image: plan.image.clone(),
            memory: memories().iter().position(|size| *size == plan.memory).unwrap_or(0),
            workspace: plan.workspace.map(gib).unwrap_or_default(),
            profiles: plan.profiles.clone(),
            network,
            hosts: plan.access.hosts.join(", "),
            cmdline: plan.cmdline.clone(),
            script: plan.script.clone(),
            ephemeral: plan.ephemeral,
        }
    }

    /// The template, or why it can't be one.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let workspace = match self.workspace.trim() {
            "" => None,
            text => {
                Some(ui::typed_bytes(text, true).ok_or("A workspace’s size is a number of GiB, such as 1 or 0.5.")?)
            }
        };
        let access = match self.network {
            1 => Access { web: true, hosts: parts(&self.hosts), ..Access::default() },
            HOSTS => Access { hosts: parts(&self.hosts), ..Access::default() },
            _ => Access::default(),
        };
        let confined = match self.network {
            3 => Confined::Isolated,
            4 => Confined::Blocked,
            _ => Confined::Free,
        };
        let plan = Plan {
            title: self.title.trim().to_owned(),
            description: self.description.trim().to_owned(),
            image: self.image.clone(),
            memory: memories().get(self.memory).copied().flatten(),
            cmdline: self.cmdline.trim().to_owned(),
            profiles: self.profiles.clone(),
            script: self.script.clone(),
            access,
            confined,
            workspace,
            ephemeral: self.ephemeral,
        };
        plan.check().map_err(sentence)?;
        Ok(plan)
    }
}

/// A size in GiB, as it is typed.
fn gib(bytes: u64) -> String {
    let text = format!("{:.3}", bytes as f64 / f64::from(1 << 30));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The disk of a machine that was saved as a template.
pub(crate) fn saved_disk(disk: &TemplateDisk) -> String {
    format!("Disk of {} ({})", disk.machine, ui::moment(disk.saved))
}

/// What its machines have, in a few words each.
pub(crate) fn facts(template: &Template) -> Vec<String> {
    let Template { plan, disk, .. } = template;
    let mut facts: Vec<String> = disk.iter().map(saved_disk).collect();
    facts.push(plan.memory.map_or_else(|| "Memory as in the options".to_owned(), ui::memory));
    let filled = disk.as_ref().is_some_and(|disk| disk.workspace);
    let files = if filled { " with files" } else { "" };
    facts.extend(plan.workspace.map(|bytes| format!("{} workspace{files}", ui::bytes(bytes))));
    facts.extend(plan.profiles.iter().map(|name| name.as_str().to_owned()));
    facts.push(match (plan.confined, plan.access.web, plan.access.hosts.len()) {
        (Confined::Blocked, ..) => "No network".to_owned(),
        (Confined::Isolated, ..) => "Sees no other machine".to_owned(),
        (Confined::Free, true, _) => "The web".to_owned(),
        (Confined::Free, false, 0) => "Package mirrors".to_owned(),
        (Confined::Free, false, 1) => "Mirrors and 1 host".to_owned(),
        (Confined::Free, false, hosts) => format!("Mirrors and {hosts} hosts"),
    });
    if !plan.script.is_empty() {
        facts.push("First script".to_owned());
    }
    if plan.ephemeral {
        facts.push("Vanishes when it ends".to_owned());
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            memory: Some(MemoryMib::DEFAULT),
            profiles: vec![Name::try_from("git").unwrap(), Name::try_from("nginx").unwrap()],
            workspace: Some(1 << 29),
            access: Access { hosts: vec!["a.org".to_owned(), "b.org:80".to_owned()], ..Access::default() },
            ..Plan::plain("Mine", "", TemplateId::try_from("alpine-3.20".to_owned()).unwrap())
        }
    }

    #[test]
    fn a_template_comes_back_from_the_fields() {
        let confined = |confined| Plan { confined, access: Access::default(), ..plan() };
        let web = Plan { access: Access { web: true, ..Access::default() }, memory: None, workspace: None, ..plan() };
        for plan in [plan(), web, confined(Confined::Isolated), confined(Confined::Blocked)] {
            assert_eq!(Draft::of(&plan).plan(), Ok(plan));
        }
        assert_eq!(Draft::of(&plan()).workspace, "0.5");
    }

    #[test]
    fn profiles_are_put_in_in_the_order_in_which_they_were_chosen() {
        let [git, nginx, ssh] = ["git", "nginx", "ssh"].map(|name| Name::try_from(name).unwrap());
        let mut draft = Draft::of(&plan());
        draft.choose(ssh.clone(), true);
        draft.choose(git.clone(), false);
        draft.choose(ssh.clone(), true);
        assert_eq!(draft.profiles, [nginx.clone(), ssh.clone()]);
        draft.choose(git.clone(), true);
        assert_eq!(draft.plan().unwrap().profiles, [nginx, ssh, git]);
    }

    #[test]
    fn what_can_not_be_is_said_in_a_sentence() {
        let draft = Draft::of(&plan());
        for (wrong, word) in [
            (Draft { title: String::new(), ..draft.clone() }, "A title"),
            (Draft { workspace: "much".to_owned(), ..draft.clone() }, "number of GiB"),
            (Draft { workspace: "0.1".to_owned(), ..draft.clone() }, "workspace"),
            (Draft { hosts: "http://a".to_owned(), ..draft.clone() }, "http://a"),
            (Draft { cmdline: "root=/dev/sdb".to_owned(), ..draft }, "root=/dev/sdb"),
        ] {
            let said = wrong.plan().unwrap_err();
            assert!(said.contains(word) && said.ends_with('.'), "{said}");
        }
    }
}
