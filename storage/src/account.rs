//! A report on the storage, added up for people.

use protocol::{Instance, InstanceId, Removable, StorageItem, StorageKind, World};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What people call a kind of thing.
pub(crate) fn kind_label(kind: StorageKind) -> &'static str {
    match kind {
        StorageKind::Image => "Base images",
        StorageKind::Disk => "System disks",
        StorageKind::Workspace => "Workspaces",
        StorageKind::Snapshot => "Snapshots",
        StorageKind::Memory => "Saved memory",
        StorageKind::Warm => "Warm states",
        StorageKind::Template => "Templates’ disks",
        StorageKind::Share => "Shared files",
        StorageKind::Export => "Exported files",
        StorageKind::Leftover => "Leftovers",
        StorageKind::Other => "Catalog and settings",
    }
}

/// The name by which the style sheet knows a kind.
pub(crate) fn kind_class(kind: StorageKind) -> &'static str {
    match kind {
        StorageKind::Image => "image",
        StorageKind::Disk => "system",
        StorageKind::Workspace => "workspace",
        StorageKind::Snapshot => "snapshot",
        StorageKind::Memory => "memory",
        StorageKind::Warm => "warm",
        StorageKind::Template => "template",
        StorageKind::Share => "share",
        StorageKind::Export => "export",
        StorageKind::Leftover => "leftover",
        StorageKind::Other => "other",
    }
}

/// What one thing is called within its machine.
pub(crate) fn item_label(item: &StorageItem) -> String {
    let one = match item.kind {
        StorageKind::Image => "Base image",
        StorageKind::Disk => "System disk",
        StorageKind::Workspace => "Workspace",
        StorageKind::Snapshot => "Snapshot",
        StorageKind::Memory => "Saved memory",
        StorageKind::Warm => "Warm state",
        StorageKind::Template => "Disk of the template",
        StorageKind::Share => "Shared files",
        StorageKind::Export => "Exported file",
        StorageKind::Leftover => "Leftover",
        StorageKind::Other => "Catalog and settings",
    };
    if item.title.is_empty() { one.to_owned() } else { format!("{one} {}", item.title) }
}

/// Sums by kind, without kinds that take up nothing.
pub(crate) fn by_kind(items: &[StorageItem]) -> Vec<(StorageKind, u64)> {
    let mut sums = BTreeMap::new();
    for item in items {
        *sums.entry(item.kind).or_insert(0) += item.bytes;
    }
    sums.into_iter().filter(|(_, bytes)| *bytes > 0).collect()
}

/// What a machine takes up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MachineUse {
    pub(crate) instance: Instance,
    pub(crate) bytes: u64,
    pub(crate) items: Vec<StorageItem>,
}

/// The machines, the largest first, and what belongs to none and can't be freed.
pub(crate) fn by_machine(items: &[StorageItem], world: &World) -> (Vec<MachineUse>, Vec<StorageItem>) {
    let mut machines: Vec<MachineUse> = world.instances.iter().map(|instance| used_by(instance, items)).collect();
    machines.sort_by_key(|machine| Reverse(machine.bytes));
    let known = |id: &InstanceId| world.instance(id).is_some();
    let is_shared = |item: &&StorageItem| item.removable.is_none() && !item.instance.as_ref().is_some_and(known);
    let mut shared: Vec<StorageItem> = items.iter().filter(is_shared).cloned().collect();
    shared.sort_by_key(|item| Reverse(item.bytes));
    (machines, shared)
}

fn used_by(instance: &Instance, items: &[StorageItem]) -> MachineUse {
    let own = items.iter().filter(|item| item.instance.as_ref() == Some(&instance.id));
    let mut items: Vec<StorageItem> = own.cloned().collect();
    items.sort_by_key(|item| (item.kind, Reverse(item.bytes)));
    MachineUse { instance: instance.clone(), bytes: items.iter().map(|item| item.bytes).sum(), items }
}

/// Something that can be freed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Freeable {
    pub(crate) what: Removable,
    pub(crate) bytes: u64,
    /// What it is.
    pub(crate) title: String,
    /// The machine that it belongs to.
    pub(crate) machine: Option<String>,
    /// How many things it is.
    pub(crate) count: usize,
}

/// What can be freed, the largest first. What is removed by one request is one thing.
pub(crate) fn freeable(items: &[StorageItem], world: &World) -> Vec<Freeable> {
    let mut found: Vec<Freeable> = Vec::new();
    for item in items {
        let Some(what) = &item.removable else { continue };
        if let Some(known) = found.iter_mut().find(|known| known.what == *what) {
            known.bytes += item.bytes;
            known.count += 1;
            continue;
        }
        let machine = item.instance.as_ref().and_then(|id| world.instance(id)).map(|instance| instance.name.clone());
        let title = match what {
            Removable::Leftovers => "Leftovers".to_owned(),
            Removable::Warm(_) => format!("Warm state, {}", item.title),
            Removable::Snapshot(..) | Removable::Export(_) => item.title.clone(),
        };
        found.push(Freeable { what: what.clone(), bytes: item.bytes, title, machine, count: 1 });
    }
    found.sort_by_key(|one| Reverse(one.bytes));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{JobId, MemoryMib, Settings, SnapshotId, TemplateId, Theme};

    fn world(names: &[&str]) -> World {
        let template = TemplateId::try_from("alpine".to_owned()).unwrap();
        let instance = |(bits, name): (usize, &&str)| {
            let id = InstanceId::from_random(bits as u64);
            Instance::new(id, (*name).to_owned(), template.clone(), MemoryMib::DEFAULT, 0)
        };
        World {
            instances: names.iter().enumerate().map(instance).collect(),
            templates: vec![],
            images: vec![],
            removed_templates: vec![],
            settings: Settings { memory: MemoryMib::DEFAULT, template: template.clone(), theme: Theme::System },
            jobs: vec![],
            removed: vec![],
            tellings: vec![],
        }
    }

    fn item(kind: StorageKind, instance: Option<u64>, bytes: u64, removable: Option<Removable>) -> StorageItem {
        StorageItem { kind, title: "x".to_owned(), instance: instance.map(InstanceId::from_random), bytes, removable }
    }

    #[test]
    fn every_byte_is_in_one_place() {
        let items = [
            item(StorageKind::Disk, Some(0), 5, None),
            item(StorageKind::Snapshot, Some(1), 70, None),
            item(StorageKind::Disk, Some(1), 3, None),
            item(StorageKind::Image, None, 100, None),
            item(StorageKind::Disk, Some(9), 1, None),
            item(StorageKind::Leftover, None, 50, Some(Removable::Leftovers)),
        ];
        let (machines, shared) = by_machine(&items, &world(&["a", "b"]));
        let sums: Vec<_> = machines.iter().map(|machine| (machine.instance.name.as_str(), machine.bytes)).collect();
        assert_eq!(sums, [("b", 73), ("a", 5)]);
        assert_eq!(
            shared.iter().map(|item| item.bytes).collect::<Vec<_>>(),
            [100, 1],
            "leftovers are among what can be freed"
        );
        let kinds: u64 = by_kind(&items).iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(kinds, 229);
    }

    #[test]
    fn leftovers_are_freed_together_and_the_largest_thing_comes_first() {
        let snapshot = Removable::Snapshot(InstanceId::from_random(0), SnapshotId::from_random(0));
        let export = Removable::Export(JobId::from_random(0));
        let items = [
            item(StorageKind::Leftover, None, 4, Some(Removable::Leftovers)),
            item(StorageKind::Export, None, 9, Some(export.clone())),
            item(StorageKind::Disk, Some(0), 1000, None),
            item(StorageKind::Leftover, None, 6, Some(Removable::Leftovers)),
            item(StorageKind::Snapshot, Some(0), 30, Some(snapshot.clone())),
        ];
        let found = freeable(&items, &world(&["a"]));
        let seen: Vec<_> = found.iter().map(|one| (one.what.clone(), one.bytes, one.count)).collect();
        assert_eq!(seen, [(snapshot, 30, 1), (Removable::Leftovers, 10, 2), (export, 9, 1)]);
        assert_eq!(found[0].machine.as_deref(), Some("a"));
    }
}
