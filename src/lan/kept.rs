//! What is kept of the LAN in the private file system: which addresses it has, which machine has which, and the uplinks with their tokens.

use super::uplink;
use crate::bridge::log;
use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, SharedFile};
use crate::storage::patiently;
use block::BlockFile;
use protocol::Problem;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use vlan::gateway::dhcp::Lease;
use vlan::plan::Plan;
use wasm_bindgen_futures::spawn_local;

/// The file in the root of the private file system.
const FILE: &str = "lan.json";
/// A new one, until it is whole and takes the other's place.
const NEW: &str = "lan.json.new";
/// A file that is longer is none of ours: a LAN has 245 addresses.
const LONGEST: u64 = 256 * 1024;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    plan: Plan,
    leases: Vec<Lease>,
    #[serde(default)]
    uplinks: Vec<uplink::Stored>,
}

#[derive(Debug)]
struct State {
    stored: RefCell<Stored>,
    saving: Cell<bool>,
    changed: Cell<bool>,
}

/// The LAN's addresses, kept from one day to the next.
#[derive(Debug, Clone)]
pub struct Kept(Rc<State>);

/// A random number.
pub fn random() -> u64 {
    // Below 2^53, and none of it is a secret.
    (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64
}

impl Kept {
    /// What is kept; else a plan is drawn and kept.
    pub async fn load() -> Self {
        let stored = match read().await {
            Ok(stored) => stored,
            Err(problem) => {
                log(&format!("the LAN’s addresses can’t be read: {}", problem.message));
                None
            }
        };
        let fresh = stored.is_none();
        let draw = || Stored { plan: Plan::from_random((random() >> 16) as u32), leases: vec![], uplinks: vec![] };
        let stored = RefCell::new(stored.unwrap_or_else(draw));
        let kept = Self(Rc::new(State { stored, saving: Cell::new(false), changed: Cell::new(false) }));
        if fresh {
            kept.save();
        }
        kept
    }

    /// The LAN's addresses.
    pub fn plan(&self) -> Plan {
        self.0.stored.borrow().plan
    }

    /// The LAN has other addresses, and no machine has one of them yet.
    pub fn renumber(&self, plan: Plan) {
        let mut stored = self.0.stored.borrow_mut();
        stored.plan = plan;
        stored.leases.clear();
        drop(stored);
        self.save();
    }

    /// Which machine has which.
    pub fn leases(&self) -> Vec<Lease> {
        self.0.stored.borrow().leases.clone()
    }

    /// These are the leases from now on.
    pub fn keep(&self, leases: Vec<Lease>) {
        self.0.stored.borrow_mut().leases = leases;
        self.save();
    }

    /// The uplinks.
    pub fn uplinks(&self) -> Vec<uplink::Stored> {
        self.0.stored.borrow().uplinks.clone()
    }

    /// These are the uplinks from now on.
    pub fn keep_uplinks(&self, uplinks: Vec<uplink::Stored>) {
        self.0.stored.borrow_mut().uplinks = uplinks;
        self.save();
    }

    fn save(&self) {
        self.0.changed.set(true);
        if self.0.saving.replace(true) {
            return;
        }
        let state = self.0.clone();
        spawn_local(async move {
            while state.changed.replace(false) {
                let stored = state.stored.borrow().clone();
                if let Err(problem) = write(&stored).await {
                    log(&format!("the LAN’s addresses can’t be kept: {}", problem.message));
                }
            }
            state.saving.set(false);
        });
    }
}

async fn read() -> Result<Option<Stored>, Problem> {
    let root = Directory::open(&[]).await?;
    for name in [FILE, NEW] {
        let Some(file) = root.shared(name).await? else { continue };
        let mut file = SharedFile::new(file)?;
        let failed = |error| disk_problem("The file can’t be read", &error);
        let mut bytes = vec![0; file.len().map_err(failed)?.min(LONGEST) as usize];
        file.read_at(0, &mut bytes).map_err(failed)?;
        match serde_json::from_slice(&bytes) {
            Ok(stored) => return Ok(Some(stored)),
            Err(error) => log(&format!("{name} can’t be understood: {error}")),
        }
    }
    Ok(None)
}

/// One of the two files is whole at every moment.
async fn write(stored: &Stored) -> Result<(), Problem> {
    let root = Directory::open(&[]).await?;
    let failed = |error| disk_problem("The file can’t be written", &error);
    let bytes = serde_json::to_vec_pretty(stored).unwrap_or_default();
    let mut file = patiently(async || root.locked(NEW).await).await?;
    file.set_len(0).map_err(failed)?;
    file.write_at(0, &bytes).map_err(failed)?;
    file.flush().map_err(failed)?;
    drop(file);
    root.remove(FILE).await?;
    root.rename(NEW, FILE).await
}
