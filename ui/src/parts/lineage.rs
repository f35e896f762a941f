//! The order and the lines in which a tree of snapshots is drawn.
//!
//! What has one successor only stands straight above it; where there are several, they branch off. So a long line of
//! snapshots stays at the left, however long it is.

use protocol::{Disks, SnapshotId, SnapshotInfo};
use std::collections::{BTreeMap, BTreeSet};

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A snapshot.
    Snapshot(SnapshotInfo),
    /// The present state.
    Present,
}

/// One column of the lines before a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rail {
    /// Nothing.
    Empty,
    /// A line that goes on below.
    Through,
    /// A branch, and the line goes on.
    Tee,
    /// The last branch.
    Corner,
}

/// One row of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) node: Node,
    /// The row of what it was made from.
    pub(super) parent: Option<usize>,
    /// Depth in the tree, from 1.
    pub(super) level: usize,
    /// Its place among what was made from the same, from 1, and the number of those.
    pub(super) place: (usize, usize),
    /// The lines before it.
    pub(super) rails: Vec<Rail>,
    /// A line comes from the row above.
    pub(super) above: bool,
    /// A line goes to rows below.
    pub(super) below: bool,
}

struct Todo {
    node: Node,
    parent: Option<usize>,
    level: usize,
    place: (usize, usize),
    rails: Vec<Rail>,
    above: bool,
}

/// The rows from top to bottom. Every snapshot has one, also where the parents make no tree.
pub(super) fn rows(disks: &Disks) -> Vec<Row> {
    let known: BTreeSet<&SnapshotId> = disks.snapshots.iter().map(|snapshot| &snapshot.id).collect();
    let known_parent = |parent: &Option<SnapshotId>| parent.clone().filter(|parent| known.contains(parent));
    let mut children: BTreeMap<Option<SnapshotId>, Vec<Node>> = BTreeMap::new();
    for snapshot in &disks.snapshots {
        children.entry(known_parent(&snapshot.parent)).or_default().push(Node::Snapshot(snapshot.clone()));
    }
    children.entry(known_parent(&disks.parent)).or_default().push(Node::Present);
    let mut rows = Vec::new();
    // Takes each group of children out, so that nothing is drawn twice.
    grow(&mut rows, &mut children, None);
    while let Some(id) = children.keys().next().cloned() {
        grow(&mut rows, &mut children, id);
    }
    rows
}

type Children = BTreeMap<Option<SnapshotId>, Vec<Node>>;

fn grow(rows: &mut Vec<Row>, children: &mut Children, root: Option<SnapshotId>) {
    // Roots stand below each other without a line: nothing that is shown is above them.
    let roots = children.remove(&root).unwrap_or_default();
    let count = roots.len();
    let root = |(i, node)| Todo { node, parent: None, level: 1, place: (i + 1, count), rails: vec![], above: false };
    let mut todo: Vec<Todo> = roots.into_iter().enumerate().map(root).rev().collect();
    while let Some(Todo { node, parent, level, place, rails, above }) = todo.pop() {
        let own = match &node {
            Node::Snapshot(snapshot) => children.remove(&Some(snapshot.id.clone())).unwrap_or_default(),
            Node::Present => Vec::new(),
        };
        let (at, count) = (rows.len(), own.len());
        let passing: Vec<Rail> = rails.iter().map(|rail| rail.continued()).collect();
        for (i, node) in own.into_iter().enumerate().rev() {
            let branch = (count > 1).then_some(if i + 1 == count { Rail::Corner } else { Rail::Tee });
            todo.push(Todo {
                node,
                parent: Some(at),
                level: level + 1,
                place: (i + 1, count),
                rails: passing.iter().copied().chain(branch).collect(),
                above: branch.is_none(),
            });
        }
        rows.push(Row { node, parent, level, place, rails, above, below: count > 0 });
    }
}

impl Rail {
    /// The same column one row further down.
    fn continued(self) -> Self {
        match self {
            Self::Through | Self::Tee => Self::Through,
            Self::Empty | Self::Corner => Self::Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(bits: u64) -> SnapshotId {
        SnapshotId::from_random(bits)
    }

    fn disks(parents: &[(u64, Option<u64>)], present: Option<u64>) -> Disks {
        let snapshot = |&(bits, parent): &(u64, Option<u64>)| SnapshotInfo {
            id: id(bits),
            name: bits.to_string(),
            created: bits,
            parent: parent.map(id),
            bytes: 0,
            memory_bytes: None,
        };
        Disks {
            system_size: 0,
            workspace_size: None,
            parent: present.map(id),
            bytes: 0,
            own_bytes: 0,
            resumes: false,
            waiting_archives: 0,
            snapshots: parents.iter().map(snapshot).collect(),
        }
    }

    /// The tree as text: lines, then the name; `*` is the present state.
    fn drawn(disks: &Disks) -> Vec<String> {
        let rail = |rail: &Rail| match rail {
            Rail::Empty => ' ',
            Rail::Through => '│',
            Rail::Tee => '├',
            Rail::Corner => '└',
        };
        let name = |node: &Node| match node {
            Node::Snapshot(snapshot) => snapshot.name.clone(),
            Node::Present => "*".to_owned(),
        };
        rows(disks).iter().map(|row| row.rails.iter().map(rail).collect::<String>() + &name(&row.node)).collect()
    }

    #[test]
    fn a_line_of_snapshots_is_not_indented() {
        let line = disks(&[(1, None), (2, Some(1)), (3, Some(2))], Some(3));
        assert_eq!(drawn(&line), ["1", "2", "3", "*"]);
        let rows = rows(&line);
        assert_eq!(rows.iter().map(|row| row.level).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(
            rows.iter().map(|row| (row.above, row.below)).collect::<Vec<_>>(),
            [(false, true), (true, true), (true, true), (true, false)]
        );
    }

    #[test]
    fn where_two_were_made_from_one_they_branch_off() {
        let tree = disks(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1)), (5, Some(2))], Some(4));
        assert_eq!(drawn(&tree), ["1", "├2", "│├3", "│└5", "└4", " *"]);
        let rows = rows(&tree);
        assert_eq!(rows[3].place, (2, 2));
        assert_eq!(rows[3].parent, Some(1));
    }

    #[test]
    fn a_machine_without_snapshots_is_where_it_is() {
        assert_eq!(drawn(&disks(&[], None)), ["*"]);
    }

    proptest! {
        #[test]
        fn whatever_the_parents_are_each_snapshot_has_one_row(
            parents in proptest::collection::vec(proptest::option::of(0_u64..12), 0..10),
            present in proptest::option::of(0_u64..12),
        ) {
            let list: Vec<_> = parents.into_iter().enumerate().map(|(i, parent)| (i as u64, parent)).collect();
            let mut names = drawn(&disks(&list, present));
            prop_assert_eq!(names.len(), list.len() + 1);
            names.iter_mut().for_each(|name| *name = name.trim_start_matches(['│', '├', '└', ' ']).to_owned());
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), list.len() + 1);
        }
    }
}
