//! Templates: those that are packaged, and the user's own.

use crate::requests::{Granted, refused};
use crate::{BaseImage, Registry, UNDO_MS};
use protocol::{InstanceId, Plan, Problem, ProblemCode, RemovedTemplate, TEMPLATES_MAX, Template, TemplateId};

/// What the demo box does at its first start.
const DEMO: &str = include_str!("demo.sh");
/// Memory of a machine with Node.js, in MiB.
const NODE_MIB: u32 = 512;
/// Its workspace, in bytes.
const NODE_WORKSPACE: u64 = 1 << 30;

/// A packaged template beside those that are an image and nothing else.
fn made(id: &str, plan: Plan) -> Option<Template> {
    Some(Template { id: id.to_owned().try_into().ok()?, packaged: true, plan })
}

fn profile(name: &str) -> Vec<profile::Name> {
    profile::Name::try_from(name).into_iter().collect()
}

/// The templates that are packaged with these images, the default first.
pub(crate) fn packaged(images: &[BaseImage]) -> Vec<Template> {
    let plain = |image: &BaseImage| Template {
        id: image.id.clone(),
        packaged: true,
        plan: Plan::plain(&image.title, &image.description, image.id.clone()),
    };
    let Some(first) = images.first() else { return vec![] };
    let on = |title: &str, description: &str| Plan::plain(title, description, first.id.clone());
    let more = [
        made(
            "node-dev",
            Plan {
                memory: NODE_MIB.try_into().ok(),
                profiles: profile("nodejs-22"),
                workspace: Some(NODE_WORKSPACE),
                ..on("Node dev VM", "Node.js and npm, and a workspace of 1 GiB. Its first start fetches packages.")
            },
        ),
        made("ci", Plan { ephemeral: true, ..on("CI runner", "Runs a script, gives you what it made, and vanishes.") }),
        made(
            "demo",
            Plan {
                profiles: profile("web-server"),
                script: DEMO.to_owned(),
                ..on("Demo box", "A web server and a short tour, at once and without a network.")
            },
        ),
    ];
    images.iter().map(plain).chain(more.into_iter().flatten()).collect()
}

impl Registry {
    pub(crate) fn template(&self, id: &TemplateId) -> Result<&Template, Problem> {
        let found = self.templates.iter().find(|template| template.id == *id);
        found.ok_or_else(|| Problem::new(ProblemCode::NotFound, "This template does not exist any more."))
    }

    /// The image of the default template.
    pub(crate) fn default_image(&self) -> TemplateId {
        let template = self.templates.iter().find(|template| template.id == self.settings.template);
        template.map_or_else(|| self.settings.template.clone(), |template| template.plan.image.clone())
    }

    /// What a machine of this template is called like.
    pub(crate) fn name_like(&self, id: &TemplateId) -> String {
        match self.templates.iter().find(|template| template.id == *id && !template.packaged) {
            Some(own) => own.plan.title.to_lowercase(),
            None => id.as_str().to_owned(),
        }
    }

    pub(crate) fn save_template(
        &mut self,
        id: Option<TemplateId>,
        plan: Plan,
        random: u64,
    ) -> Result<Granted, Problem> {
        plan.check().map_err(|error| refused(format!("“{}” can’t be saved: {error}.", shown(&plan.title))))?;
        self.image(&plan.image)?;
        let same = |other: &&Template| other.plan.title == plan.title && Some(&other.id) != id.as_ref();
        if self.templates.iter().any(|other| same(&other)) {
            return Err(refused(format!("There is another template called “{}”.", plan.title)));
        }
        match id {
            Some(id) => {
                self.own(&id, "changed")?;
                if let Some(template) = self.templates.iter_mut().find(|template| template.id == id) {
                    template.plan = plan;
                }
            }
            None => {
                if self.templates.iter().filter(|template| !template.packaged).count() >= TEMPLATES_MAX {
                    return Err(refused(format!("There are {TEMPLATES_MAX} templates already: delete some first.")));
                }
                let id = format!("own-{}", InstanceId::from_random(random));
                let id = id.try_into().map_err(|_| refused("The template could not be given an identifier."))?;
                self.templates.push(Template { id, packaged: false, plan });
            }
        }
        Ok((None, vec![]))
    }

    pub(crate) fn remove_template(&mut self, id: &TemplateId, now: u64) -> Result<Granted, Problem> {
        let template = self.own(id, "deleted")?;
        self.templates.retain(|one| one.id != *id);
        self.removed_templates.push(RemovedTemplate { template, at: now });
        if self.settings.template == *id
            && let Some(first) = self.templates.first()
        {
            self.settings.template = first.id.clone();
        }
        Ok((None, vec![]))
    }

    pub(crate) fn bring_back_template(&mut self, id: &TemplateId) -> Result<Granted, Problem> {
        let place = self.removed_templates.iter().position(|one| one.template.id == *id);
        let place = place.ok_or_else(|| {
            Problem::new(ProblemCode::NotFound, "This template is gone for good: it was deleted too long ago.")
        })?;
        let RemovedTemplate { template, .. } = self.removed_templates.remove(place);
        self.templates.push(template);
        Ok((None, vec![]))
    }

    /// Forgets templates that were removed too long ago to be brought back. `now` is in milliseconds since 1970.
    pub(crate) fn expire_templates(&mut self, now: u64) {
        self.removed_templates.retain(|one| now.saturating_sub(one.at) < UNDO_MS);
    }

    /// The user's own template of this name.
    fn own(&self, id: &TemplateId, to_be: &str) -> Result<Template, Problem> {
        let template = self.template(id)?;
        if template.packaged {
            let message = format!("“{}” is packaged and can’t be {to_be}: duplicate it.", template.plan.title);
            return Err(refused(message));
        }
        Ok(template.clone())
    }
}

/// As much of a title as a sentence bears.
fn shown(title: &str) -> String {
    title.chars().filter(|letter| !letter.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use crate::tests::{registry, tell};
    use crate::{Effect, Registry, UNDO_MS};
    use protocol::{
        Confined, HostCall, InstanceId, MachineEvent, MachineSpec, PageRequest, Plan, Problem, ProblemCode,
        RunningMachine, State, TEMPLATES_MAX, TemplateId,
    };

    fn id(text: &str) -> TemplateId {
        text.to_owned().try_into().unwrap()
    }

    fn plan(title: &str) -> Plan {
        Plan {
            memory: 64.try_into().ok(),
            cmdline: "quiet".to_owned(),
            profiles: super::profile("git"),
            workspace: Some(1 << 30),
            confined: Confined::Isolated,
            ..Plan::plain(title, "", id("debian-12"))
        }
    }

    fn save(registry: &mut Registry, plan: Plan, random: u64) -> Result<TemplateId, Problem> {
        registry.request(PageRequest::SaveTemplate { id: None, plan: Box::new(plan) }, 0, random)?;
        Ok(registry.world().templates.last().unwrap().id.clone())
    }

    fn launch(registry: &mut Registry, template: &TemplateId, random: u64) -> (InstanceId, MachineSpec) {
        let request = PageRequest::Launch { template: Some(template.clone()) };
        let (made, mut effects) = registry.request(request, 0, random).unwrap();
        match effects.remove(0) {
            Effect::Host(HostCall::Start(spec)) => (made.unwrap(), *spec),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_packaged_can_be_and_stays_as_it_is() {
        let mut registry = registry();
        let world = registry.world();
        let packaged: Vec<_> = world.templates.iter().map(|template| template.id.as_str()).collect();
        assert_eq!(packaged, ["alpine-3.20", "debian-12", "node-dev", "ci", "demo"]);
        for template in &world.templates {
            assert_eq!(template.plan.check(), Ok(()), "{}", template.id);
            let id = template.id.clone();
            assert!(registry.request(PageRequest::RemoveTemplate(id.clone()), 0, 0).is_err());
            let save = PageRequest::SaveTemplate { id: Some(id), plan: Box::new(plan("Other")) };
            assert!(registry.request(save, 0, 0).is_err());
        }
        assert_eq!(registry.world(), world);
    }

    #[test]
    fn a_machine_is_as_its_template_says_also_when_that_is_gone() {
        let mut registry = registry();
        let mine = save(&mut registry, plan("My box"), 1).unwrap();
        let (made, spec) = launch(&mut registry, &mine, 2);
        assert_eq!((spec.name.as_str(), spec.memory.mib(), spec.confined), ("my-1", 64, Confined::Isolated));
        assert_eq!(spec.cmdline, "root=/dev/sda quiet");
        assert_eq!(spec.workspace.map(|(_, bytes)| bytes), Some(1 << 30));
        assert_eq!(spec.warm, None, "it has a second disk and another command line");
        assert_eq!(spec.setup.unwrap().profiles, super::profile("git"));
        let failed = Problem::new(ProblemCode::Refused, "no network");
        tell(&mut registry, &made, MachineEvent::Running { started: 1 });
        tell(&mut registry, &made, MachineEvent::SetUp(Some(failed.clone())));
        assert_eq!(registry.world().instance(&made).unwrap().problem, Some(failed));
        tell(&mut registry, &made, MachineEvent::Halted);
        registry.request(PageRequest::RemoveTemplate(mine), 0, 0).unwrap();
        let (_, effects) = registry.request(PageRequest::Start(made.clone()), 0, 0).unwrap();
        let again = |spec: &MachineSpec| spec.setup.is_some() && spec.cmdline == "root=/dev/sda quiet";
        assert!(matches!(&effects[0], Effect::Host(HostCall::Start(spec)) if again(spec)));
        tell(&mut registry, &made, MachineEvent::Running { started: 2 });
        tell(&mut registry, &made, MachineEvent::SetUp(None));
        assert_eq!(registry.world().instance(&made).unwrap().setup, None);
    }

    #[test]
    fn no_template_has_the_gateway_read_a_machines_https() {
        let mut registry = registry();
        let access = protocol::Access { web: true, https: true, hosts: vec!["a.org".to_owned()] };
        let mine = save(&mut registry, Plan { access: access.clone(), ..plan("My box") }, 1).unwrap();
        let (_, spec) = launch(&mut registry, &mine, 2);
        assert_eq!(spec.access, protocol::Access { https: false, ..access });
    }

    #[test]
    fn templates_are_stored_and_come_back_for_a_while() {
        let mut registry = registry();
        let mine = save(&mut registry, plan("Mine"), 1).unwrap();
        assert!(save(&mut registry, plan("Mine"), 2).is_err(), "there is one of this title");
        assert!(save(&mut registry, Plan { title: String::new(), ..plan("") }, 2).is_err());
        assert!(save(&mut registry, Plan { image: id("windows"), ..plan("Other") }, 2).is_err());
        let settings = protocol::Settings { template: mine.clone(), ..registry.world().settings };
        registry.request(PageRequest::SaveSettings(settings), 0, 0).unwrap();
        registry.request(PageRequest::RemoveTemplate(mine.clone()), 1_000, 0).unwrap();
        assert_eq!(registry.world().settings.template.as_str(), "alpine-3.20");
        registry.expire(999 + UNDO_MS);
        registry.request(PageRequest::BringBackTemplate(mine.clone()), 0, 0).unwrap();
        let stored = serde_json::to_string(&registry.stored()).unwrap();
        let stored: crate::Stored = serde_json::from_str(&stored).unwrap();
        assert_eq!(stored.templates.iter().map(|template| &template.id).collect::<Vec<_>>(), [&mine]);
        registry.request(PageRequest::RemoveTemplate(mine.clone()), 1_000, 0).unwrap();
        registry.expire(1_000 + UNDO_MS);
        assert!(registry.request(PageRequest::BringBackTemplate(mine), 0, 0).is_err());
        for number in 0..TEMPLATES_MAX {
            save(&mut registry, plan(&format!("Mine {number}")), 10 + number as u64).unwrap();
        }
        assert!(save(&mut registry, plan("One more"), 1_000).is_err());
    }

    #[test]
    fn a_machine_for_a_script_vanishes_when_it_ends() {
        let mut registry = registry();
        let request = || PageRequest::LaunchForTask { template: id("ci") };
        let (made, effects) = registry.request(request(), 0, 1).unwrap();
        let made = made.unwrap();
        assert!(matches!(&effects[..], [Effect::Host(HostCall::Start(spec))] if spec.warm.is_some()), "no console");
        tell(&mut registry, &made, MachineEvent::Running { started: 1 });
        assert!(registry.request(PageRequest::Suspend(made.clone()), 0, 0).is_err());
        registry.request(PageRequest::ForceStop(made.clone()), 0, 0).unwrap();
        let effects = tell(&mut registry, &made, MachineEvent::Halted);
        assert_eq!(effects[0], Effect::RemoveFiles(made));
        assert!(matches!(&effects[1..], [Effect::Tidy(inventory)] if inventory.known.is_empty()));
        assert!(registry.world().instances.is_empty() && registry.world().removed.is_empty());

        // One that crashed stays until the browser starts the next time, so that its reason can be read.
        let (crashed, _) = registry.request(request(), 0, 2).unwrap();
        let crashed = crashed.unwrap();
        tell(&mut registry, &crashed, MachineEvent::Crashed(Problem::new(ProblemCode::KernelPanic, "oops")));
        assert_eq!(registry.world().instance(&crashed).unwrap().state, State::Crashed);
        let (runs, _) = registry.request(request(), 0, 3).unwrap();
        let runs = runs.unwrap();
        let effects = registry.reconcile(&[RunningMachine { id: runs.clone(), boot: 1, last: None }]);
        assert_eq!(effects[0], Effect::RemoveFiles(crashed));
        assert_eq!(registry.world().instances.len(), 1);
        let effects = registry.reconcile(&[]);
        assert_eq!(effects[0], Effect::RemoveFiles(runs));
        assert!(registry.world().instances.is_empty());
    }
}
