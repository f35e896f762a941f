//! Random work on many instances, against what each state must read as, with cuts between any two steps.

use crate::{Base, Change, Graph, Layer, Record};
use proptest::prelude::*;
use protocol::{LayerId, NewSnapshot, Point, SnapshotId};
use std::collections::{BTreeMap, BTreeSet};

/// A disk of a few blocks.
type Content = BTreeMap<u8, u64>;

#[derive(Debug, Clone, Default)]
struct Store {
    /// What each layer holds itself, and what it lies on.
    layers: BTreeMap<LayerId, (Option<LayerId>, Content)>,
    records: Vec<Record>,
    /// What each instance must read as, now and in its snapshots.
    now: Vec<Content>,
    then: BTreeMap<SnapshotId, Content>,
    next: u64,
}

#[derive(Debug, Clone)]
enum Work {
    New,
    Write(usize, u8),
    Take(usize),
    Freeze(usize),
    Restore(usize, usize),
    Delete(usize, usize),
    Clone(usize),
    Remove(usize),
    Tidy { busy: Option<usize>, steps: usize },
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        1 => Just(Work::New),
        6 => (0..4usize, 0..4u8).prop_map(|(i, block)| Work::Write(i, block)),
        3 => (0..4usize).prop_map(Work::Take),
        1 => (0..4usize).prop_map(Work::Freeze),
        2 => (0..4usize, 0..6usize).prop_map(|(i, s)| Work::Restore(i, s)),
        3 => (0..4usize, 0..6usize).prop_map(|(i, s)| Work::Delete(i, s)),
        1 => (0..4usize).prop_map(Work::Clone),
        1 => (0..4usize).prop_map(Work::Remove),
        4 => (prop::option::of(0..4usize), 0..20usize).prop_map(|(busy, steps)| Work::Tidy { busy, steps }),
    ]
}

impl Store {
    fn bits(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn read(&self, top: &LayerId) -> Content {
        let (base, own) = &self.layers[top];
        let mut content = base.as_ref().map(|base| self.read(base)).unwrap_or_default();
        content.extend(own);
        content
    }

    fn graph(&self) -> Graph {
        let base = |base: &Option<LayerId>| base.clone().map_or(Base::Nothing, Base::Layer);
        self.layers
            .iter()
            .map(|(id, (on, own))| (id.clone(), Layer { base: base(on), bytes: own.len() as u64 }))
            .collect()
    }

    fn tops(&self) -> BTreeSet<LayerId> {
        self.records.iter().flat_map(Record::tops).cloned().collect()
    }

    fn make(&mut self, change: Change) -> Record {
        for overlay in change.overlays {
            self.layers.insert(overlay.layer, (Some(overlay.on), Content::new()));
        }
        change.record
    }

    fn fresh(&mut self) -> impl FnMut() -> LayerId + use<> {
        let first = self.next * 1000;
        self.next += 1;
        let mut made = 0;
        move || {
            made += 1;
            LayerId::from_random(first + made)
        }
    }

    fn run(&mut self, work: &Work) {
        let count = self.records.len();
        let at = |i: usize| if count == 0 { None } else { Some(i % count) };
        match work {
            Work::New => {
                let layer = self.fresh()();
                self.layers.insert(layer.clone(), (None, Content::new()));
                self.records.push(Record::new(layer));
                self.now.push(Content::new());
            }
            Work::Write(i, block) => {
                let Some(i) = at(*i) else { return };
                let value = self.bits();
                let top = self.records[i].current.system.clone();
                self.layers.get_mut(&top).unwrap().1.insert(*block, value);
                self.now[i].insert(*block, value);
            }
            Work::Take(i) | Work::Freeze(i) => {
                let Some(i) = at(*i) else { return };
                let named = matches!(work, Work::Take(_));
                let id = SnapshotId::from_random(self.bits());
                let snapshot = NewSnapshot { id: id.clone(), name: "s".to_owned(), created: 0, memory: false };
                let fresh = self.fresh();
                let change = self.records[i].freeze(named.then_some(snapshot), None, fresh).unwrap();
                self.records[i] = self.make(change);
                if named {
                    self.then.insert(id, self.now[i].clone());
                }
            }
            Work::Restore(i, s) | Work::Delete(i, s) => {
                let Some(i) = at(*i) else { return };
                let snapshots = &self.records[i].snapshots;
                if snapshots.is_empty() {
                    return;
                }
                let id = snapshots[s % snapshots.len()].id.clone();
                if matches!(work, Work::Restore(..)) {
                    let fresh = self.fresh();
                    let change = self.records[i].restore(&id, fresh).unwrap();
                    self.records[i] = self.make(change);
                    self.now[i] = self.then[&id].clone();
                } else {
                    self.records[i] = self.records[i].without(&id).unwrap();
                }
            }
            Work::Clone(i) => {
                let Some(i) = at(*i) else { return };
                let point: Point = self.records[i].current.clone();
                let (fresh, again) = (self.fresh(), self.fresh());
                let change = self.records[i].freeze(None, None, fresh).unwrap();
                self.records[i] = self.make(change);
                let record = self.make(Record::cloned(&point, again));
                self.records.push(record);
                self.now.push(self.now[i].clone());
            }
            Work::Remove(i) => {
                let Some(i) = at(*i) else { return };
                self.records.remove(i);
                self.now.remove(i);
            }
            Work::Tidy { busy, steps } => self.tidy(busy.and_then(at), *steps),
        }
    }

    /// Does the work of tidying up, one step at a time, and stops after so many.
    fn tidy(&mut self, busy: Option<usize>, mut steps: usize) {
        let busy = match busy {
            Some(i) => self.graph().reach([&self.records[i].current.system]),
            None => BTreeSet::new(),
        };
        let frozen: BTreeMap<_, _> = busy.iter().map(|id| (id.clone(), self.layers[id].clone())).collect();
        let mut step = || {
            let go = steps > 0;
            steps = steps.saturating_sub(1);
            go
        };
        while let Some(merge) = self.graph().merge(&self.tops(), &busy) {
            // Cut short in the middle of the copy, at any block.
            for (block, value) in self.layers[&merge.layer].1.clone() {
                if !step() {
                    return;
                }
                self.layers.get_mut(&merge.into).unwrap().1.insert(block, value);
                self.check();
            }
            for child in &merge.children {
                if !step() {
                    return;
                }
                self.layers.get_mut(child).unwrap().0 = Some(merge.into.clone());
                self.check();
            }
            for i in 0..self.records.len() {
                if !step() {
                    return;
                }
                self.records[i] = self.records[i].replaced(&merge.layer, &merge.into);
                self.check();
            }
            self.layers.remove(&merge.layer);
        }
        let kept = self.graph().reach(&self.tops());
        for layer in self.graph().garbage(&kept) {
            self.layers.remove(&layer);
        }
        for (id, before) in frozen {
            assert_eq!(self.layers.get(&id), Some(&before), "what is in use was changed");
        }
    }

    fn check(&self) {
        for (record, now) in self.records.iter().zip(&self.now) {
            assert_eq!(self.read(&record.current.system), *now);
            for snapshot in &record.snapshots {
                assert_eq!(self.read(&snapshot.point.system), self.then[&snapshot.id]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_work_changes_what_another_state_reads_as(works in prop::collection::vec(work(), 1..60)) {
        let mut store = Store::default();
        store.run(&Work::New);
        for work in &works {
            store.run(work);
            store.check();
        }
        // In the end all that can be merged is, and nothing is left over.
        store.tidy(None, usize::MAX);
        store.check();
        let graph = store.graph();
        prop_assert!(graph.garbage(&graph.reach(&store.tops())).is_empty());
        prop_assert!(graph.merge(&store.tops(), &BTreeSet::new()).is_none());
    }
}
