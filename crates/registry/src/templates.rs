//! Templates: those that are packaged, and the user's own.

use crate::requests::{Granted, refused};
use crate::{BaseImage, Registry, UNDO_MS};
use protocol::{
    InstanceId, Plan, Problem, ProblemCode, RemovedTemplate, TEMPLATES_MAX, Template, TemplateDisk, TemplateId,
};

/// What the demo box does at its first start.
const DEMO: &str = include_str!("demo.sh");
/// Memory of a machine with Node.js, in MiB.
const NODE_MIB: u32 = 512;
/// Its workspace, in bytes.
const NODE_WORKSPACE: u64 = 1 << 30;

/// A packaged template beside those that are an image and nothing else.
fn made(id: &str, plan: Plan) -> Option<Template> {
    Some(Template { id: id.to_owned().try_into().ok()?, packaged: true, plan, disk: None })
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
        disk: None,
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
        like: Option<&TemplateId>,
        random: u64,
    ) -> Result<Granted, Problem> {
        self.check_plan(id.as_ref(), &plan)?;
        let disk = match id.as_ref().or(like) {
            Some(of) => self.template(of)?.disk.clone(),
            None => None,
        };
        let before = id.as_ref().or(like).filter(|_| disk.is_some());
        if let Some(before) = before
            && self.template(before)?.plan.image != plan.image
        {
            return Err(refused(format!("The disk of “{}” lies on another image.", shown(&plan.title))));
        }
        match id {
            Some(id) => {
                self.own(&id, "changed")?;
                if let Some(template) = self.templates.iter_mut().find(|template| template.id == id) {
                    template.plan = plan;
                }
            }
            None => self.add_template(plan, disk, &InstanceId::from_random(random)),
        }
        Ok((None, vec![]))
    }

    /// Whether there can be a template like this: `id` is the one that is changed, none for a new one.
    pub(crate) fn check_plan(&self, id: Option<&TemplateId>, plan: &Plan) -> Result<(), Problem> {
        plan.check().map_err(|error| refused(format!("“{}” can’t be saved: {error}.", shown(&plan.title))))?;
        self.image(&plan.image)?;
        let same = |other: &&Template| other.plan.title == plan.title && Some(&other.id) != id;
        if self.templates.iter().any(|other| same(&other)) {
            return Err(refused(format!("There is another template called “{}”.", plan.title)));
        }
        if id.is_none() && self.templates.iter().filter(|template| !template.packaged).count() >= TEMPLATES_MAX {
            return Err(refused(format!("There are {TEMPLATES_MAX} templates already: delete some first.")));
        }
        Ok(())
    }

    /// A further template of the user's, whose identifier has this in it.
    pub(crate) fn add_template(&mut self, plan: Plan, disk: Option<TemplateDisk>, like: &InstanceId) {
        // An instance's identifier is as short as it has to be, and of the same letters.
        if let Ok(id) = format!("own-{like}").try_into() {
            self.templates.push(Template { id, packaged: false, plan, disk });
        }
    }

    /// The disks that templates have, also those that can still be brought back, with their titles. Several can have the same.
    pub(crate) fn disks(&self) -> impl Iterator<Item = (&str, &TemplateDisk)> {
        let removed = self.removed_templates.iter().map(|one| &one.template);
        let all = self.templates.iter().chain(removed);
        all.filter_map(|template| Some((template.plan.title.as_str(), template.disk.as_ref()?)))
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

    /// Forgets templates that were removed too long ago to be brought back, but not while a machine has yet to be given their disks. Returns
    /// the holders of disks that none has any more. `now` is in milliseconds since 1970.
    pub(crate) fn expire_templates(&mut self, now: u64) -> Vec<InstanceId> {
        let instances = self.instances.iter().chain(self.removed.iter().map(|one| &one.instance));
        let wanted: Vec<&InstanceId> = instances.filter_map(|instance| instance.base.as_ref()).collect();
        let is_old = |one: &RemovedTemplate| {
            let disk = one.template.disk.as_ref();
            now.saturating_sub(one.at) >= UNDO_MS && !disk.is_some_and(|disk| wanted.contains(&&disk.holder))
        };
        let gone: Vec<RemovedTemplate> = self.removed_templates.extract_if(.., |one| is_old(one)).collect();
        let gone = gone.into_iter().filter_map(|one| one.template.disk).map(|disk| disk.holder);
        let mut gone: Vec<InstanceId> =
            gone.filter(|holder| self.disks().all(|(_, disk)| disk.holder != *holder)).collect();
        gone.sort();
        gone.dedup();
        gone
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
        Confined, DiskReply, DiskRequest, HostCall, InstanceId, MachineEvent, MachineSpec, PageRequest, Plan, Problem,
        ProblemCode, RunningMachine, State, TEMPLATES_MAX, TemplateId,
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
        registry.request(PageRequest::SaveTemplate { id: None, plan: Box::new(plan), like: None }, 0, random)?;
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
            let save = PageRequest::SaveTemplate { id: Some(id), plan: Box::new(plan("Other")), like: None };
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

    /// Has a stopped machine saved as a template of this title; returns it with the disks' holder.
    fn saved(registry: &mut Registry, machine: &InstanceId, title: &str, random: u64) -> (TemplateId, InstanceId) {
        let plan = Box::new(Plan::of(registry.world().instance(machine).unwrap(), None));
        let plan = Box::new(Plan { title: title.to_owned(), ..*plan });
        let request = DiskRequest::SaveTemplate { id: machine.clone(), plan, workspace: false };
        let (_, mut effects) = registry.request(PageRequest::Disks(request), 5_000, random).unwrap();
        let Effect::Disks(order) = effects.remove(0) else { panic!("{effects:?}") };
        let holder = order.fresh.instance.clone();
        registry.disks_done(&order, &DiskReply::Instance(holder.clone()));
        (registry.world().templates.last().unwrap().id.clone(), holder)
    }

    fn halted(registry: &mut Registry) -> InstanceId {
        let id = crate::tests::running(registry);
        tell(registry, &id, MachineEvent::Halted);
        id
    }

    #[test]
    fn a_machine_that_was_saved_is_what_the_template_s_machines_begin_as() {
        let mut registry = registry();
        let runs = crate::tests::running(&mut registry);
        let plan =
            Box::new(Plan { title: "Mine".to_owned(), ..Plan::of(registry.world().instance(&runs).unwrap(), None) });
        let request = DiskRequest::SaveTemplate { id: runs.clone(), plan, workspace: false };
        let refused = registry.request(PageRequest::Disks(request), 0, 0).unwrap_err();
        assert!(refused.message.starts_with("Shut alpine-1 down to"), "{}", refused.message);
        tell(&mut registry, &runs, MachineEvent::Halted);
        let (mine, holder) = saved(&mut registry, &runs, "Mine", 70);
        let template = registry.world().template(&mine).unwrap().clone();
        assert_eq!(template.disk.as_ref().map(|disk| disk.machine.as_str()), Some("alpine-1"));

        let (made, spec) = launch(&mut registry, &mine, 71);
        assert_eq!((spec.base, spec.warm, spec.name.as_str()), (Some(holder.clone()), None, "mine-1"));
        tell(&mut registry, &made, MachineEvent::Running { started: 1 });
        assert_eq!(registry.world().instance(&made).unwrap().base, None, "it has disks of its own");
        // Another one like it has the same disks; one that is changed keeps them.
        let plan = |title: &str| Box::new(Plan { title: title.to_owned(), ..template.plan.clone() });
        let twin = PageRequest::SaveTemplate { id: None, plan: plan("Twin"), like: Some(mine.clone()) };
        registry.request(twin, 0, 72).unwrap();
        registry
            .request(PageRequest::SaveTemplate { id: Some(mine.clone()), plan: plan("New"), like: None }, 0, 0)
            .unwrap();
        let disks = registry.world().templates.into_iter().filter_map(|template| Some(template.disk?.holder));
        assert_eq!(disks.collect::<Vec<_>>(), [holder.clone(), holder.clone()]);
        let other = Box::new(Plan { image: id("debian-12"), ..*plan("New") });
        assert!(registry.request(PageRequest::SaveTemplate { id: Some(mine), plan: other, like: None }, 0, 0).is_err());
        // Its directory is that of no machine that was lost.
        let found = protocol::Instance { id: holder, ..registry.world().instances[0].clone() };
        assert_eq!(registry.recover(vec![found]), []);
    }

    #[test]
    fn a_template_s_disks_go_with_the_last_template_that_has_them() {
        let mut registry = registry();
        let machine = halted(&mut registry);
        let (mine, holder) = saved(&mut registry, &machine, "Mine", 70);
        let plan =
            Box::new(Plan { title: "Twin".to_owned(), ..registry.world().template(&mine).unwrap().plan.clone() });
        registry.request(PageRequest::SaveTemplate { id: None, plan, like: Some(mine.clone()) }, 0, 72).unwrap();
        let twin = registry.world().templates.last().unwrap().id.clone();
        registry.request(PageRequest::RemoveTemplate(mine), 1_000, 0).unwrap();
        assert_eq!(registry.expire(1_000 + UNDO_MS), [], "the other one has them");
        assert!(registry.inventory().known.contains(&holder));

        // A machine that has not begun yet still needs them.
        let (made, _) = launch(&mut registry, &twin, 73);
        registry.request(PageRequest::RemoveTemplate(twin.clone()), 2_000, 0).unwrap();
        assert!(registry.inventory().known.contains(&holder), "it can be brought back");
        assert_eq!(registry.expire(2_000 + UNDO_MS), []);
        tell(&mut registry, &made, MachineEvent::Running { started: 1 });
        let effects = registry.expire(2_000 + UNDO_MS);
        assert_eq!(effects[0], Effect::RemoveFiles(holder.clone()));
        assert!(matches!(&effects[1..], [Effect::Tidy(inventory)] if !inventory.known.contains(&holder)));
        assert!(registry.request(PageRequest::BringBackTemplate(twin), 0, 0).is_err());
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
