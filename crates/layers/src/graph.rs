use protocol::LayerId;
use std::collections::{BTreeMap, BTreeSet};

/// What a layer lies on, by its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing: it stands alone.
    Nothing,
    /// A base image's file.
    Image(String),
    /// Another layer.
    Layer(LayerId),
    /// That can't be told: its header can't be read.
    Unknown,
}

/// A layer's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it lies on.
    pub base: Base,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

/// All layers that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    layers: BTreeMap<LayerId, Layer>,
}

/// Two layers that need not be apart: nothing names the lower one, and only the upper one lies on it.
///
/// Do it so: write the content of `layer` into `into`; let every one of `children` lie on `into`; put `into` where `layer`
/// was in all records; remove `layer`. After each step all disks read the same as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The upper layer, which goes away.
    pub layer: LayerId,
    /// The lower one, which then has the content of both.
    pub into: LayerId,
    /// What lies on the upper one.
    pub children: Vec<LayerId>,
}

impl FromIterator<(LayerId, Layer)> for Graph {
    fn from_iter<T: IntoIterator<Item = (LayerId, Layer)>>(layers: T) -> Self {
        Self { layers: layers.into_iter().collect() }
    }
}

impl Graph {
    /// The layer of this identifier.
    pub fn get(&self, id: &LayerId) -> Option<&Layer> {
        self.layers.get(id)
    }

    /// The layer and all below it, the topmost first. Ends where a layer is missing, or comes again.
    pub fn chain<'a>(&'a self, top: &'a LayerId) -> Vec<&'a LayerId> {
        let mut chain = vec![];
        let mut next = Some(top);
        while let Some(id) = next.filter(|id| self.layers.contains_key(*id) && !chain.contains(id)) {
            chain.push(id);
            next = match &self.layers[id].base {
                Base::Layer(base) => Some(base),
                Base::Nothing | Base::Image(_) | Base::Unknown => None,
            };
        }
        chain
    }

    /// These layers and all below them.
    pub fn reach<'a>(&'a self, tops: impl IntoIterator<Item = &'a LayerId>) -> BTreeSet<LayerId> {
        let mut reached = BTreeSet::new();
        for top in tops {
            for id in self.chain(top) {
                if !reached.insert(id.clone()) {
                    break;
                }
            }
        }
        reached
    }

    /// A layer that is needed, and is not there, or lies on nobody knows what. As long as there is one, any other may be needed as well: nothing
    /// may be merged or removed.
    pub fn gap<'a>(&'a self, tops: impl IntoIterator<Item = &'a LayerId>) -> Option<&'a LayerId> {
        let below = |id: &'a LayerId| match &self.layers.get(id)?.base {
            Base::Layer(base) => Some(base),
            Base::Nothing | Base::Image(_) | Base::Unknown => None,
        };
        let is_gap = |id: &LayerId| self.layers.get(id).is_none_or(|layer| layer.base == Base::Unknown);
        let of = |top| std::iter::once(top).chain(self.chain(top).into_iter().filter_map(below));
        tops.into_iter().flat_map(of).find(|id| is_gap(id))
    }

    /// The size of these layers' files, in bytes.
    pub fn bytes<'a>(&self, layers: impl IntoIterator<Item = &'a LayerId>) -> u64 {
        layers.into_iter().filter_map(|id| self.layers.get(id)).map(|layer| layer.bytes).sum()
    }

    /// Counts so many bytes of a layer's file as not its own.
    pub fn take_off(&mut self, id: &LayerId, bytes: u64) {
        if let Some(layer) = self.layers.get_mut(id) {
            layer.bytes = layer.bytes.saturating_sub(bytes);
        }
    }

    /// The layers that no record reaches.
    pub fn garbage(&self, kept: &BTreeSet<LayerId>) -> Vec<LayerId> {
        self.layers.keys().filter(|id| !kept.contains(*id)).cloned().collect()
    }

    /// The base images that these layers lie on.
    pub fn images(&self, kept: &BTreeSet<LayerId>) -> BTreeSet<String> {
        let image = |id: &LayerId| match &self.layers.get(id)?.base {
            Base::Image(name) => Some(name.clone()),
            Base::Nothing | Base::Layer(_) | Base::Unknown => None,
        };
        kept.iter().filter_map(image).collect()
    }

    /// Two layers that can become one, if there are any. `tops` are those that records name, `busy` those that are
    /// in use at this moment, which nothing may change.
    pub fn merge(&self, tops: &BTreeSet<LayerId>, busy: &BTreeSet<LayerId>) -> Option<Merge> {
        let kept = self.reach(tops);
        let mut children: BTreeMap<&LayerId, Vec<&LayerId>> = BTreeMap::new();
        for id in &kept {
            if let Some(Layer { base: Base::Layer(base), .. }) = self.layers.get(id) {
                children.entry(base).or_default().push(id);
            }
        }
        let none = vec![];
        kept.iter().filter(|into| !tops.contains(*into) && !busy.contains(*into)).find_map(|into| {
            let [layer] = children.get(into)?[..] else { return None };
            let above = children.get(layer).unwrap_or(&none);
            let free = !busy.contains(layer) && above.iter().all(|child| !busy.contains(*child));
            let children = above.iter().map(|child| (*child).clone()).collect();
            free.then(|| Merge { layer: layer.clone(), into: into.clone(), children })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bits: u64) -> LayerId {
        LayerId::from_random(bits)
    }

    /// Layers by number, each on the one of the second number, or on the image.
    fn graph(layers: &[(u64, Option<u64>)]) -> Graph {
        let base = |base: &Option<u64>| base.map_or(Base::Image("i.qcow2".to_owned()), |base| Base::Layer(id(base)));
        layers.iter().map(|(layer, on)| (id(*layer), Layer { base: base(on), bytes: 10 })).collect()
    }

    fn set(layers: &[u64]) -> BTreeSet<LayerId> {
        layers.iter().map(|bits| id(*bits)).collect()
    }

    #[test]
    fn what_no_top_reaches_is_garbage() {
        let graph = graph(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(1)), (5, None)]);
        let kept = graph.reach([&id(3)]);
        assert_eq!(kept, set(&[1, 2, 3]));
        assert_eq!(graph.garbage(&kept), [id(4), id(5)]);
        assert_eq!(graph.images(&kept).len(), 1);
        assert_eq!(graph.bytes(&kept), 30);
    }

    #[test]
    fn what_is_needed_and_not_known_is_a_gap() {
        let mut graph = graph(&[(1, None), (2, Some(1)), (3, Some(1)), (4, Some(9)), (5, Some(2))]);
        assert_eq!(graph.gap([&id(2), &id(3)]), None);
        assert_eq!(graph.gap([&id(3), &id(8)]), Some(&id(8)), "a record names it");
        assert_eq!(graph.gap([&id(3), &id(4)]), Some(&id(9)), "a layer lies on it");
        graph.layers.get_mut(&id(2)).unwrap().base = Base::Unknown;
        assert_eq!(graph.gap([&id(3)]), None, "nobody needs it");
        assert_eq!(graph.gap([&id(2)]), Some(&id(2)));
        assert_eq!(graph.gap([&id(5)]), Some(&id(2)));
    }

    #[test]
    fn a_layer_that_only_one_lies_on_and_nobody_names_takes_that_one_in() {
        let graph = graph(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(2))]);
        let merge = Merge { layer: id(2), into: id(1), children: vec![id(3), id(4)] };
        assert_eq!(graph.merge(&set(&[2, 3, 4]), &set(&[])), Some(merge));
        assert_eq!(graph.merge(&set(&[1, 2, 3, 4]), &set(&[])), None, "all are named");
        assert_eq!(graph.merge(&set(&[1, 3, 4]), &set(&[])), None, "two lie on it");
    }

    #[test]
    fn what_is_in_use_is_not_merged() {
        let graph = graph(&[(1, None), (2, Some(1)), (3, Some(2))]);
        for busy in [1, 2, 3] {
            assert_eq!(graph.merge(&set(&[2, 3]), &set(&[busy])), None, "{busy}");
        }
    }

    #[test]
    fn layers_that_lie_on_each_other_in_a_circle_do_not_trap_us() {
        let graph = graph(&[(1, Some(2)), (2, Some(1))]);
        assert_eq!(graph.chain(&id(1)).len(), 2);
        assert_eq!(graph.reach([&id(1)]).len(), 2);
    }
}
