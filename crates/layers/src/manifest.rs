//! What describes a machine in the one file that it travels in: the content of `machine.json` (see `docs/formats.md`).

use crate::{Base, Record};
use protocol::{Instance, LayerId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const FORMAT: &str = "vm-workbench-machine";
const VERSION: u32 = 1;
/// Longest name of a saved memory's file.
const MEMORY_NAME_MAX: usize = 64;

/// A machine, described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The machine as its workbench knew it.
    pub instance: Instance,
    /// Its snapshots and layers; those that are current are frozen ones here.
    pub record: Record,
    /// What each layer lies on: another layer's file, an image's, or nothing.
    layers: BTreeMap<LayerId, Option<String>>,
}

/// Why a description can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is none, or of something else.
    #[error("it does not describe a machine: {0}")]
    Other(String),
    /// It was written by a newer version.
    #[error("it was written by a newer version of the extension")]
    Newer,
    /// It names a part that it does not describe.
    #[error("a part of the machine is missing: {0}")]
    Missing(String),
}

/// A layer's file, and what it lies on.
pub fn base_name(base: &Base) -> Option<String> {
    match base {
        Base::Nothing | Base::Unknown => None,
        Base::Image(name) => Some(name.clone()),
        Base::Layer(id) => Some(format!("{id}.qcow2")),
    }
}

impl Manifest {
    /// Describes a machine whose layers lie on these.
    pub fn new(instance: Instance, record: Record, layers: BTreeMap<LayerId, Base>) -> Self {
        let layers = layers.into_iter().map(|(id, base)| (id, base_name(&base))).collect();
        Self { format: FORMAT.to_owned(), version: VERSION, instance, record, layers }
    }

    /// As JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// Reads a description and checks that it has all that it speaks of.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let other = |error: serde_json::Error| ManifestError::Other(error.to_string());
        let head: Head = serde_json::from_slice(json).map_err(other)?;
        if head.format != FORMAT {
            return Err(ManifestError::Other(head.format));
        }
        if head.version > VERSION {
            return Err(ManifestError::Newer);
        }
        let manifest: Self = serde_json::from_slice(json).map_err(other)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if let Some(top) = self.record.tops().find(|top| !self.layers.contains_key(*top)) {
            return Err(ManifestError::Missing(top.to_string()));
        }
        let files: BTreeSet<String> = self.layers.keys().map(|id| format!("{id}.qcow2")).collect();
        for base in self.layers.values().flatten() {
            if !files.contains(base) && !is_image(base) {
                return Err(ManifestError::Missing(base.clone()));
            }
        }
        match self.record.memories().find(|memory| !is_memory(&memory.file)) {
            Some(memory) => Err(ManifestError::Other(memory.file.clone())),
            None => Ok(()),
        }
    }

    /// The layers, and the name of the file that each lies on.
    pub fn layers(&self) -> impl Iterator<Item = (&LayerId, Option<&str>)> {
        self.layers.iter().map(|(id, base)| (id, base.as_deref()))
    }

    /// The base images that layers lie on, by their files' names.
    pub fn images(&self) -> BTreeSet<&str> {
        self.layers.values().flatten().map(String::as_str).filter(|name| is_image(name)).collect()
    }

    /// The record with other identifiers for the layers, so that the machine can come to where it came from.
    pub fn renamed(&self, names: &BTreeMap<LayerId, LayerId>) -> Record {
        // The new ones are random, so none of them is an old one.
        names.iter().fold(self.record.clone(), |record, (old, new)| record.replaced(old, new))
    }
}

/// Whether it is the name of a base image's file.
pub fn is_image(name: &str) -> bool {
    let digest = name.strip_suffix(".qcow2").unwrap_or_default();
    digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// Whether it is the name of a saved memory's file.
fn is_memory(name: &str) -> bool {
    let rest = name.strip_prefix("memory-").unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=MEMORY_NAME_MAX).contains(&rest.len()) && rest.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use protocol::MemoryMib;

    fn layer(bits: u64) -> LayerId {
        LayerId::from_random(bits)
    }

    fn instance() -> Instance {
        let template = protocol::TemplateId::try_from("alpine".to_owned()).unwrap();
        Instance::new(protocol::InstanceId::from_random(1), "alpine-1".to_owned(), template, MemoryMib::DEFAULT, 1)
    }

    fn manifest() -> Manifest {
        let image = format!("{}.qcow2", "a".repeat(64));
        let layers = [(layer(1), Base::Image(image)), (layer(2), Base::Layer(layer(1)))];
        Manifest::new(instance(), Record::new(layer(2)), layers.into_iter().collect())
    }

    #[test]
    fn a_description_comes_back_as_it_was() {
        let manifest = manifest();
        assert_eq!(Manifest::from_json(&manifest.to_json().unwrap()), Ok(manifest.clone()));
        assert_eq!(manifest.images().len(), 1);
        let names = [(layer(1), layer(11)), (layer(2), layer(12))].into_iter().collect();
        assert_eq!(manifest.renamed(&names).current.system, layer(12));
    }

    #[test]
    fn what_is_missing_or_names_other_files_is_refused() {
        let refused = |manifest: &Manifest| Manifest::from_json(&manifest.to_json().unwrap()).unwrap_err();
        let mut without = manifest();
        without.layers.remove(&layer(2));
        assert!(matches!(refused(&without), ManifestError::Missing(_)));
        let mut elsewhere = manifest();
        elsewhere.layers.insert(layer(1), Some("../../x".to_owned()));
        assert!(matches!(refused(&elsewhere), ManifestError::Missing(_)));
        let mut memory = manifest();
        memory.record.memory = Some(Memory { file: "disks.0".to_owned(), memory: MemoryMib::DEFAULT, bytes: 1 });
        assert!(matches!(refused(&memory), ManifestError::Other(_)));
        let mut newer = manifest();
        newer.version = 2;
        assert_eq!(refused(&newer), ManifestError::Newer);
        assert!(Manifest::from_json(b"{}").is_err());
    }
}
