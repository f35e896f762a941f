//! What lies beside a machine's disks and says which machine it is: `machine.json` (see `docs/catalog.md`).

use protocol::{Instance, State};
use serde::{Deserialize, Serialize};

/// The file's name in the instance's directory.
pub const FILE: &str = "machine.json";
/// Longer than any that we write, in bytes.
pub const BYTES_MAX: u64 = 64 << 10;

const FORMAT: &str = "vm-workbench-instance";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    version: u32,
    instance: Instance,
}

/// The file of a machine: what it is, not what it is doing. `None` if it can't be written as JSON.
pub fn write(instance: &Instance) -> Option<String> {
    let instance = at_rest(instance.clone());
    let file = File { format: FORMAT.to_owned(), version: VERSION, instance };
    serde_json::to_string_pretty(&file).ok()
}

/// What a file says; `None` if it is none of ours, or damaged, or of a newer version.
pub fn read(text: &str) -> Option<Instance> {
    let file: File = serde_json::from_str(text).ok()?;
    (file.format == FORMAT && file.version <= VERSION).then(|| at_rest(file.instance))
}

/// Tells files apart.
pub fn sum(text: &str) -> u32 {
    crc32fast::hash(text.as_bytes())
}

fn at_rest(instance: Instance) -> Instance {
    Instance {
        state: State::Stopped,
        boot: 0,
        started: None,
        forced_at: None,
        restarting: false,
        problem: None,
        disks: 0,
        checkpoint: None,
        ..instance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{InstanceId, MemoryMib, Problem, ProblemCode};

    fn instance() -> Instance {
        let template = "alpine-3.20".to_owned().try_into().unwrap();
        let mut instance =
            Instance::new(InstanceId::from_random(5), "web-1".to_owned(), template, MemoryMib::DEFAULT, 7);
        instance.memory = MemoryMib::try_from(64).unwrap();
        instance
    }

    #[test]
    fn a_machine_comes_back_as_it_is_when_it_does_nothing() {
        let mut runs = instance();
        (runs.state, runs.boot, runs.started) = (State::Running, 4, Some(9));
        runs.problem = Some(Problem::new(ProblemCode::NoSpace, "Full."));
        let text = write(&runs).unwrap();
        assert_eq!(text, write(&instance()).unwrap(), "what it does is no reason to write the file again");
        assert_eq!(read(&text), Some(instance()));
    }

    #[test]
    fn what_is_none_of_ours_is_no_machine() {
        let text = write(&instance()).unwrap();
        assert_eq!(read(&text[..text.len() - 3]), None);
        assert_eq!(read(&text.replace("vm-workbench-instance", "other")), None);
        assert_eq!(read(&text.replace("\"version\": 1", "\"version\": 2")), None);
        assert_eq!(read(""), None);
    }
}
