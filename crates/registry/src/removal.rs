//! Machines that are deleted, for a while so that they can be brought back.

use crate::requests::{Granted, INSTANCES_MAX, refused};
use crate::{Effect, Registry, UNDO_MS};
use protocol::{InstanceId, Problem, ProblemCode, Removed};

impl Registry {
    pub(crate) fn remove(&mut self, id: InstanceId, now: u64) -> Result<Granted, Problem> {
        let instance = self.at_rest(&id)?;
        self.instances.retain(|one| one.id != id);
        self.removed.push(Removed { instance, at: now });
        Ok((None, vec![]))
    }

    pub(crate) fn bring_back(&mut self, id: &InstanceId) -> Result<Granted, Problem> {
        let place = self.removed.iter().position(|one| one.instance.id == *id);
        let place = place.ok_or_else(|| {
            Problem::new(ProblemCode::NotFound, "This machine is gone for good: it was deleted too long ago.")
        })?;
        if self.instances.len() >= INSTANCES_MAX {
            return Err(refused(format!("There are {INSTANCES_MAX} machines already: delete some first.")));
        }
        let Removed { mut instance, .. } = self.removed.remove(place);
        if self.instances.iter().any(|one| one.name == instance.name) {
            instance.name = self.free_name(&instance.name);
        }
        let later = self.instances.iter().position(|one| one.created > instance.created);
        self.instances.insert(later.unwrap_or(self.instances.len()), instance);
        Ok((Some(id.clone()), vec![]))
    }

    pub(crate) fn delete(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let before = self.removed.len();
        self.removed.retain(|one| one.instance.id != id);
        if self.removed.len() == before {
            self.at_rest(&id)?;
            self.instances.retain(|one| one.id != id);
        }
        Ok((None, vec![Effect::RemoveFiles(id), Effect::Tidy(self.inventory())]))
    }

    /// Deletes for good what was removed too long ago to be brought back. `now` is in milliseconds since 1970.
    pub fn expire(&mut self, now: u64) -> Vec<Effect> {
        let mut old = self.expire_templates(now);
        let is_old = |one: &Removed| now.saturating_sub(one.at) >= UNDO_MS;
        old.extend(self.removed.extract_if(.., |one| is_old(one)).map(|one| one.instance.id));
        if old.is_empty() {
            return vec![];
        }
        let tidy = Effect::Tidy(self.inventory());
        old.into_iter().map(Effect::RemoveFiles).chain([tidy]).collect()
    }

    fn at_rest(&mut self, id: &InstanceId) -> Result<protocol::Instance, Problem> {
        let instance = self.find(id)?;
        if instance.state.is_live() {
            return Err(refused(format!("Stop {} before you delete it.", instance.name)));
        }
        Ok(instance.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{registry, running, tell};
    use protocol::{MachineEvent, PageRequest, State, World};

    fn stopped(registry: &mut Registry) -> InstanceId {
        let id = running(registry);
        tell(registry, &id, MachineEvent::Halted);
        id
    }

    fn ask(registry: &mut Registry, request: PageRequest, now: u64) -> Vec<Effect> {
        registry.request(request, now, 99).unwrap().1
    }

    #[test]
    fn a_removed_machine_comes_back_as_it_was() {
        let mut registry = registry();
        let (first, second) = (stopped(&mut registry), stopped(&mut registry));
        registry.request(PageRequest::Suspend(first.clone()), 0, 0).unwrap_err();
        let before = registry.world();
        assert_eq!(ask(&mut registry, PageRequest::Remove(first.clone()), 1_000), []);
        assert_eq!(registry.world().instances.len(), 1);
        assert_eq!(registry.world().removed[0].instance.id, first);
        assert!(registry.inventory().known.contains(&first), "its disks must be kept");
        // Also after the background was started anew.
        let stored = registry.stored();
        registry.removed.clear();
        registry.removed = stored.removed;
        ask(&mut registry, PageRequest::BringBack(first.clone()), 2_000);
        let after = registry.world();
        assert_eq!((after.instances.len(), after.removed), (2, vec![]));
        let both = |world: &World| [&first, &second].map(|id| world.instance(id).cloned());
        assert_eq!(both(&registry.world()), both(&before));
    }

    #[test]
    fn its_name_may_be_taken_meanwhile() {
        let mut registry = registry();
        let first = stopped(&mut registry);
        let other = stopped(&mut registry);
        ask(&mut registry, PageRequest::Remove(first.clone()), 0);
        ask(&mut registry, PageRequest::Rename(other, "alpine-1".to_owned()), 0);
        ask(&mut registry, PageRequest::BringBack(first.clone()), 0);
        assert_eq!(registry.world().instance(&first).unwrap().name, "alpine-2");
    }

    #[test]
    fn what_was_removed_long_ago_is_deleted_for_good() {
        let mut registry = registry();
        let (early, late) = (stopped(&mut registry), stopped(&mut registry));
        ask(&mut registry, PageRequest::Remove(early.clone()), 1_000);
        ask(&mut registry, PageRequest::Remove(late.clone()), 2_000);
        assert_eq!(registry.expire(999 + UNDO_MS), []);
        let effects = registry.expire(1_000 + UNDO_MS);
        assert_eq!(effects[0], Effect::RemoveFiles(early.clone()));
        assert!(matches!(&effects[1..], [Effect::Tidy(inventory)] if inventory.known == [late.clone()]));
        let gone = registry.request(PageRequest::BringBack(early), 0, 0).unwrap_err();
        assert_eq!(gone.code, ProblemCode::NotFound);
        // Or at once.
        assert_eq!(ask(&mut registry, PageRequest::Delete(late.clone()), 3_000)[0], Effect::RemoveFiles(late));
        assert_eq!(registry.world().removed, []);
    }

    #[test]
    fn only_a_machine_at_rest_is_removed() {
        let mut registry = registry();
        let id = running(&mut registry);
        assert!(registry.request(PageRequest::Remove(id.clone()), 0, 0).is_err());
        registry.request(PageRequest::Suspend(id.clone()), 0, 0).unwrap();
        tell(&mut registry, &id, MachineEvent::Suspended);
        ask(&mut registry, PageRequest::Remove(id.clone()), 0);
        ask(&mut registry, PageRequest::BringBack(id.clone()), 0);
        assert_eq!(registry.world().instance(&id).unwrap().state, State::Suspended);
    }
}
