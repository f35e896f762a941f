//! What the catalog is shown, and machines that come back when the list was lost.

use crate::Registry;
use protocol::{Instance, Mirror, Template};

impl Registry {
    /// What the catalog shows.
    pub fn mirror(&self) -> Mirror {
        let entry = |template: &Template| {
            let base = self.image(&template.plan.image).ok()?;
            let cmdline = format!("{} {}", base.cmdline, template.plan.cmdline);
            Some((template.clone(), cmdline.trim_end().to_owned(), base.image.clone()))
        };
        Mirror {
            instances: self.instances.clone(),
            templates: self.templates.iter().filter_map(entry).collect(),
            settings: self.settings.clone(),
        }
    }

    /// All instances, oldest first.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// Takes up machines that were found by their disks, which templates' are not; returns those that were missing, as they are now.
    pub fn recover(&mut self, mut found: Vec<Instance>) -> Vec<Instance> {
        let before = self.instances.len();
        found.sort_by_key(|instance| instance.created);
        for instance in found {
            if !self.disks().any(|(_, disk)| disk.holder == instance.id) {
                self.take_in(instance);
            }
        }
        self.instances[before..].to_vec()
    }

    /// What a machine is called and made of whose disks say nothing of it.
    pub fn unnamed(&self, id: protocol::InstanceId, now: u64) -> Instance {
        Instance::new(id, "recovered-machine".to_owned(), self.default_image(), self.settings.memory, now)
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{launch, registry};
    use protocol::{Instance, InstanceId, State};

    #[test]
    fn machines_come_back_once_stopped_and_under_their_names() {
        let mut registry = registry();
        let id = launch(&mut registry, 1);
        let known = registry.instances()[0].clone();
        let lost = InstanceId::from_random(7);
        let found = Instance { id: lost.clone(), name: "web-1".to_owned(), state: State::Running, ..known.clone() };
        let back = registry.recover(vec![found, known]);
        assert_eq!(back.len(), 1);
        assert_eq!((back[0].name.as_str(), back[0].state, back[0].boot), ("web-1", State::Stopped, 0));
        assert_eq!(registry.instances()[0].id, id);
    }

    #[test]
    fn a_machine_without_a_description_gets_a_name_of_its_own() {
        let mut registry = registry();
        let one = registry.unnamed(InstanceId::from_random(1), 5);
        let two = registry.unnamed(InstanceId::from_random(2), 5);
        let names: Vec<_> = registry.recover(vec![one, two]).into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["recovered-machine", "recovered-1"]);
    }
}
