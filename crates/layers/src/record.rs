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

/// A state of a running machine to which it can go back if its run is cut short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The disks' topmost layers.
    pub point: Point,
    /// What was in the memory.
    pub memory: Memory,
    /// When it was saved, in milliseconds since 1970.
    pub at: u64,
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
    /// The last checkpoint. It outlives the run that it is of, until that is over in good order or another one is saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// Why a record can't be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is no snapshot of that identifier.
    #[error("this snapshot does not exist any more")]
    NoSnapshot,
    /// None was saved, or the one that was is out of date.
    #[error("the machine has no checkpoint to go back to")]
    NoCheckpoint,
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
        Self::at(Point { system, workspace: None })
    }

    fn at(current: Point) -> Self {
        Self { current, parent: None, memory: None, snapshots: vec![], checkpoint: None }
    }

    /// The snapshot of this identifier.
    pub fn snapshot(&self, id: &SnapshotId) -> Result<&Snapshot, RecordError> {
        self.snapshots.iter().find(|snapshot| snapshot.id == *id).ok_or(RecordError::NoSnapshot)
    }

    /// All topmost layers that must be kept, with those below them.
    pub fn tops(&self) -> impl Iterator<Item = &LayerId> {
        let points = std::iter::once(&self.current).chain(self.snapshots.iter().map(|snapshot| &snapshot.point));
        let points = points.chain(self.checkpoint.iter().map(|checkpoint| &checkpoint.point));
        points.flat_map(|point| std::iter::once(&point.system).chain(&point.workspace))
    }

    /// The names of the memory files that must be kept.
    pub fn memories(&self) -> impl Iterator<Item = &Memory> {
        let of_snapshots = self.snapshots.iter().filter_map(|snapshot| snapshot.memory.as_ref());
        let of_checkpoint = self.checkpoint.iter().map(|checkpoint| &checkpoint.memory);
        self.memory.iter().chain(of_snapshots).chain(of_checkpoint)
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

    /// Freezes the present layers under a checkpoint, in place of the one before, and goes on upon new ones. `memory` is what was
    /// saved for it.
    pub fn check_point(&self, memory: Memory, at: u64, mut fresh: impl FnMut() -> LayerId) -> Change {
        let (overlays, current) = on_top(&self.current, &mut fresh);
        let checkpoint = Some(Checkpoint { point: self.current.clone(), memory, at });
        Change { overlays, record: Self { current, checkpoint, ..self.clone() } }
    }

    /// Goes back to the checkpoint, upon new layers. What was written since is not reached any more; the checkpoint stays, should this
    /// run be cut short as well.
    pub fn back_to_checkpoint(&self, mut fresh: impl FnMut() -> LayerId) -> Result<Change, RecordError> {
        let checkpoint = self.checkpoint.as_ref().ok_or(RecordError::NoCheckpoint)?;
        let (overlays, current) = on_top(&checkpoint.point, &mut fresh);
        let memory = Some(checkpoint.memory.clone());
        Ok(Change { overlays, record: Self { current, memory, ..self.clone() } })
    }

    /// Without a checkpoint: the run that it was of is over in good order.
    pub fn without_checkpoint(&self) -> Self {
        Self { checkpoint: None, ..self.clone() }
    }

    /// Goes back to a snapshot, upon new layers. What was written since is not reached any more, and a checkpoint of it is none.
    pub fn restore(&self, id: &SnapshotId, mut fresh: impl FnMut() -> LayerId) -> Result<Change, RecordError> {
        let snapshot = self.snapshot(id)?;
        let (overlays, current) = on_top(&snapshot.point, &mut fresh);
        let memory = snapshot.memory.clone();
        Ok(Change { overlays, record: Self { current, parent: Some(id.clone()), memory, ..self.without_checkpoint() } })
    }

    /// The record of a new instance whose disks begin as `point`, without snapshots.
    pub fn cloned(point: &Point, mut fresh: impl FnMut() -> LayerId) -> Change {
        let (overlays, current) = on_top(point, &mut fresh);
        Change { overlays, record: Self::at(current) }
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
        Self { memory: Some(memory), ..self.without_checkpoint() }
    }

    /// With `to` wherever `from` was, after the one was merged into the other.
    pub fn replaced(&self, from: &LayerId, to: &LayerId) -> Self {
        let mut record = self.clone();
        let snapshots = record.snapshots.iter_mut().map(|snapshot| &mut snapshot.point);
        let of_checkpoint = record.checkpoint.iter_mut().map(|checkpoint| &mut checkpoint.point);
        for point in snapshots.chain([&mut record.current]).chain(of_checkpoint) {
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

    fn memory(file: &str) -> Memory {
        Memory { file: file.to_owned(), memory: MemoryMib::DEFAULT, bytes: 5 }
    }

    #[test]
    fn a_checkpoint_takes_the_place_of_the_one_before() {
        let record = Record::new(layer(1)).check_point(memory("a"), 5, counter(10)).record;
        let record = record.check_point(memory("b"), 6, counter(20)).record;
        assert_eq!(record.current.system, layer(21));
        assert_eq!(record.memory, None, "the machine itself goes on running");
        let files: Vec<_> = record.memories().map(|memory| memory.file.as_str()).collect();
        assert_eq!(files, ["b"]);
        assert_eq!(record.tops().collect::<Vec<_>>(), [&layer(21), &layer(11)]);
        let merged = record.replaced(&layer(11), &layer(1));
        assert_eq!(merged.checkpoint.unwrap().point.system, layer(1));
    }

    #[test]
    fn a_machine_goes_back_to_its_checkpoint_as_often_as_it_is_cut_short() {
        assert_eq!(Record::new(layer(1)).back_to_checkpoint(counter(1)), Err(RecordError::NoCheckpoint));
        let record = Record::new(layer(1)).check_point(memory("a"), 5, counter(10)).record;
        for round in 1..=2 {
            let change = record.back_to_checkpoint(counter(20 * round)).unwrap();
            assert_eq!(change.overlays, [Overlay { layer: layer(20 * round + 1), on: layer(1) }]);
            assert_eq!(change.record.memory, Some(memory("a")));
            let again = change.record.resumed();
            assert_eq!(again.memories().collect::<Vec<_>>(), [&memory("a")], "the file is kept");
        }
    }

    #[test]
    fn a_checkpoint_ends_with_what_makes_it_old() {
        let record = Record::new(layer(1)).freeze(new_snapshot(1, "s"), None, counter(30)).unwrap().record;
        let record = record.check_point(memory("a"), 5, counter(10)).record;
        assert_eq!(record.suspended(memory("b")).checkpoint, None);
        assert_eq!(record.restore(&SnapshotId::from_random(1), counter(20)).unwrap().record.checkpoint, None);
        assert_eq!(Record::cloned(&record.current, counter(20)).record.checkpoint, None);
        let frozen = record.freeze(new_snapshot(2, "t"), None, counter(40)).unwrap().record;
        assert_eq!(frozen.checkpoint, record.checkpoint, "a snapshot changes nothing of it");
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
