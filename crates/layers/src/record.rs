use protocol::{LayerId, MemoryMib, NewSnapshot, Point, SnapshotId};
use serde::{Deserialize, Serialize};

/// Most snapshots of one instance: its record is read at every start, and must stay small.
const SNAPSHOTS_MAX: usize = 1000;

/// A saved memory of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The name of its file in the instance's directory.
    pub file: String,
    /// Memory that the machine had, which is what it has to have when it goes on.
    pub memory: MemoryMib,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

/// A frozen state of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its identifier.
    pub id: SnapshotId,
    /// What the user calls it.
    pub name: String,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// The snapshot that the instance came from when it was made.
    pub parent: Option<SnapshotId>,
    /// The disks' topmost layers.
    pub point: Point,
    /// What was in the memory, if it was kept.
    pub memory: Option<Memory>,
}

/// What an instance's disks and snapshots are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The disks' topmost layers, the ones that the guest writes.
    pub current: Point,
    /// The snapshot that the present state comes from.
    pub parent: Option<SnapshotId>,
    /// The memory with which the machine goes on at its next start. It fits the disks as they are now and at no later time,
    /// so it is [taken](Record::resumed) before the first of them is written.
    pub memory: Option<Memory>,
    /// Oldest first.
    pub snapshots: Vec<Snapshot>,
}

/// Why a record can't be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no snapshot of that identifier.
    #[error("this snapshot does not exist any more")]
    NoSnapshot,
    /// There are [`SNAPSHOTS_MAX`] of them.
    #[error("there are {SNAPSHOTS_MAX} snapshots already: delete some first")]
    TooManySnapshots,
}

/// A layer that is to be made: an empty overlay on another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The new layer.
    pub layer: LayerId,
    /// What it lies on.
    pub on: LayerId,
}

/// What is to be done, in this order: make the layers, then store the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Layers to be made.
    pub overlays: Vec<Overlay>,
    /// The record as it is then.
    pub record: Record,
}

/// An overlay on each layer of the point, and the point that they make.
fn on_top(point: &Point, fresh: &mut impl FnMut() -> LayerId) -> (Vec<Overlay>, Point) {
    let system = Overlay { layer: fresh(), on: point.system.clone() };
    let workspace = point.workspace.clone().map(|on| Overlay { layer: fresh(), on });
    let top =
        Point { system: system.layer.clone(), workspace: workspace.as_ref().map(|overlay| overlay.layer.clone()) };
    (std::iter::once(system).chain(workspace).collect(), top)
}

impl Record {
    /// A new instance's, whose first disk is this layer.
    pub fn new(system: LayerId) -> Self {
        Self { current: Point { system, workspace: None }, parent: None, memory: None, snapshots: vec![] }
    }

    /// The snapshot of this identifier.
    pub fn snapshot(&self, id: &SnapshotId) -> Result<&Snapshot, RecordError> {
        self.snapshots.iter().find(|snapshot| snapshot.id == *id).ok_or(RecordError::NoSnapshot)
    }

    /// All topmost layers that must be kept, with those below them.
    pub fn tops(&self) -> impl Iterator<Item = &LayerId> {
        let points = std::iter::once(&self.current).chain(self.snapshots.iter().map(|snapshot| &snapshot.point));
        points.flat_map(|point| std::iter::once(&point.system).chain(&point.workspace))
    }

    /// The names of the memory files that must be kept.
    pub fn memories(&self) -> impl Iterator<Item = &Memory> {
        self.memory.iter().chain(self.snapshots.iter().filter_map(|snapshot| snapshot.memory.as_ref()))
    }

    /// Freezes the present layers, under a snapshot if one is given, and goes on upon new ones. `memory` is what
    /// was saved for the snapshot.
    pub fn freeze(
        &self,
        snapshot: Option<NewSnapshot>,
        memory: Option<Memory>,
        mut fresh: impl FnMut() -> LayerId,
    ) -> Result<Change, RecordError> {
        let (overlays, current) = on_top(&self.current, &mut fresh);
        let mut record = Self { current, ..self.clone() };
        if let Some(NewSnapshot { id, name, created, .. }) = snapshot {
            if record.snapshots.len() >= SNAPSHOTS_MAX {
                return Err(RecordError::TooManySnapshots);
            }
            let (parent, point) = (record.parent.replace(id.clone()), self.current.clone());
            record.snapshots.push(Snapshot { id, name, created, parent, point, memory });
        }
        Ok(Change { overlays, record })
    }

    /// Goes back to a snapshot, upon new layers. What was written since is not reached any more.
    pub fn restore(&self, id: &SnapshotId, mut fresh: impl FnMut() -> LayerId) -> Result<Change, RecordError> {
        let snapshot = self.snapshot(id)?;
        let (overlays, current) = on_top(&snapshot.point, &mut fresh);
        let memory = snapshot.memory.clone();
        Ok(Change { overlays, record: Self { current, parent: Some(id.clone()), memory, ..self.clone() } })
    }

    /// The record of a new instance whose disks begin as `point`, without snapshots.
    pub fn cloned(point: &Point, mut fresh: impl FnMut() -> LayerId) -> Change {
        let (overlays, current) = on_top(point, &mut fresh);
        Change { overlays, record: Self { current, parent: None, memory: None, snapshots: vec![] } }
    }

    /// Gives a snapshot another name.
    pub fn rename(&self, id: &SnapshotId, name: &str) -> Result<Self, RecordError> {
        self.snapshot(id)?;
        let mut record = self.clone();
        for snapshot in record.snapshots.iter_mut().filter(|snapshot| snapshot.id == *id) {
            name.clone_into(&mut snapshot.name);
        }
        Ok(record)
    }

    /// Without this snapshot; what came from it then comes from the one before it.
    pub fn without(&self, id: &SnapshotId) -> Result<Self, RecordError> {
        let parent = self.snapshot(id)?.parent.clone();
        let mut record = self.clone();
        record.snapshots.retain(|snapshot| snapshot.id != *id);
        let parents = record.snapshots.iter_mut().map(|snapshot| &mut snapshot.parent);
        for place in parents.chain([&mut record.parent]).filter(|place| place.as_ref() == Some(id)) {
            place.clone_from(&parent);
        }
        Ok(record)
    }

    /// The machine goes on from the saved memory, or boots: from now on the disks change.
    pub fn resumed(&self) -> Self {
        Self { memory: None, ..self.clone() }
    }

    /// The machine stands still and goes on with this memory at its next start.
    pub fn suspended(&self, memory: Memory) -> Self {
        Self { memory: Some(memory), ..self.clone() }
    }

    /// With `to` wherever `from` was, after the one was merged into the other.
    pub fn replaced(&self, from: &LayerId, to: &LayerId) -> Self {
        let mut record = self.clone();
        let snapshots = record.snapshots.iter_mut().map(|snapshot| &mut snapshot.point);
        for point in snapshots.chain([&mut record.current]) {
            if point.system == *from {
                point.system = to.clone();
            }
            if point.workspace.as_ref() == Some(from) {
                point.workspace = Some(to.clone());
            }
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(bits: u64) -> LayerId {
        LayerId::from_random(bits)
    }

    fn new_snapshot(bits: u64, name: &str) -> Option<NewSnapshot> {
        Some(NewSnapshot { id: SnapshotId::from_random(bits), name: name.to_owned(), created: bits, memory: false })
    }

    fn counter(mut next: u64) -> impl FnMut() -> LayerId {
        move || {
            next += 1;
            layer(next)
        }
    }

    #[test]
    fn a_snapshot_keeps_the_layers_that_there_were_and_the_disks_go_on_upon_new_ones() {
        let mut first = Record::new(layer(1));
        first.current.workspace = Some(layer(2));
        let change = first.freeze(new_snapshot(7, "before"), None, counter(10)).unwrap();
        assert_eq!(change.overlays[0], Overlay { layer: layer(11), on: layer(1) });
        assert_eq!(change.overlays[1], Overlay { layer: layer(12), on: layer(2) });
        assert_eq!(change.record.current, Point { system: layer(11), workspace: Some(layer(12)) });
        assert_eq!(change.record.snapshots[0].point, first.current);
        assert_eq!(change.record.parent, Some(SnapshotId::from_random(7)));
    }

    #[test]
    fn a_deleted_snapshot_leaves_its_children_to_the_one_before_it() {
        let mut record = Record::new(layer(1));
        for bits in 1..=3 {
            record = record.freeze(new_snapshot(bits, "s"), None, counter(10 * bits)).unwrap().record;
        }
        let id = SnapshotId::from_random;
        let record = record.without(&id(2)).unwrap();
        assert_eq!(record.snapshot(&id(3)).unwrap().parent, Some(id(1)));
        let record = record.without(&id(3)).unwrap();
        assert_eq!(record.parent, Some(id(1)));
        assert_eq!(record.without(&id(3)), Err(RecordError::NoSnapshot));
    }

    #[test]
    fn a_restored_memory_is_good_for_one_start() {
        let memory = Memory { file: "m".to_owned(), memory: MemoryMib::DEFAULT, bytes: 5 };
        let record = Record::new(layer(1));
        let record = record.freeze(new_snapshot(1, "s"), Some(memory.clone()), counter(10)).unwrap().record;
        assert_eq!(record.memory, None, "the machine itself goes on running");
        let record = record.restore(&SnapshotId::from_random(1), counter(20)).unwrap().record;
        assert_eq!(record.memory, Some(memory));
        assert_eq!(record.resumed().memory, None);
        assert_eq!(record.resumed().memories().count(), 1, "the snapshot keeps it");
    }
}
