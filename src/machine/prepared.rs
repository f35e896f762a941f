//! A machine before it is anybody's: made, and at its template's warm state, in a worker that waits for a machine. Going on
//! from there takes a few milliseconds; all that takes time has been done while the user looked for the button.

use super::after;
use super::disk::GuestDisk;
use super::memory::SavedMemory;
use super::run::Ears;
use super::supplies::Order;
use super::v86::{Emulator, Parts};
use super::warm_up::WarmUp;
use crate::bridge::{log, problem};
use crate::package;
use block::{BlockError, Disk, check_range};
use futures_channel::oneshot::{self, Receiver, Sender};
use js_sys::Uint8Array;
use protocol::{Problem, ProblemCode, WarmState};
use registry::BaseImage;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// A worker is told right after its start whether there is a machine for it already, which may need another beginning.
const AHEAD_MS: i32 = 5;

/// A machine that goes on from a warm state once it is given its disk.
pub struct Prepared {
    /// What it is at.
    pub warm: WarmState,
    /// Its first disk, which is yet to be put in.
    pub system: GuestDisk,
    /// Hears it, for the run that it will be.
    pub ears: Ears,
    /// It stands still.
    pub emulator: Emulator,
    /// What its terminals had put out.
    pub terminals: [Vec<u8>; 2],
}

/// Stands for a disk while v86 looks at its first sector, which it does when it is made; so many bytes.
struct Blank(u64);

impl Disk for Blank {
    fn size(&self) -> u64 {
        self.0
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        check_range(offset, buf.len(), self.0)?;
        buf.fill(0);
        Ok(())
    }

    fn write(&mut self, _: u64, _: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}

/// A machine that is being prepared, or is.
pub struct Preparation(RefCell<Option<Receiver<Prepared>>>);

impl Preparation {
    /// Begins to prepare the first template that has a warm state, and makes the emulator quick after that.
    pub fn begin(supplies: Rc<Order>, warm_up: Rc<WarmUp>) -> Self {
        let (send, prepared) = oneshot::channel();
        after(AHEAD_MS, move || {
            spawn_local(async move {
                match prepare(&supplies, &send).await {
                    Ok(None) => {}
                    Ok(Some(prepared)) => {
                        if let Err(unwanted) = send.send(prepared) {
                            unwanted.emulator.destroy().await;
                        }
                    }
                    // Whoever starts a machine goes another way.
                    Err(problem) => log(&problem.message),
                }
                warm_up.run(&supplies).await;
            });
        });
        Self(RefCell::new(Some(prepared)))
    }

    /// Waits for the machine, if it is at this warm state; else what was prepared is given up.
    pub async fn take(&self, warm: Option<&WarmState>) -> Option<Prepared> {
        let prepared = self.0.borrow_mut().take()?;
        let warm = warm?;
        let prepared = prepared.await.ok()?;
        if prepared.warm == *warm {
            return Some(prepared);
        }
        prepared.emulator.destroy().await;
        None
    }
}

/// Gives up where nobody wants it any more.
async fn prepare(supplies: &Order, wanted: &Sender<Prepared>) -> Result<Option<Prepared>, Problem> {
    let templates = package::file("images/templates.json").await?;
    let templates: Vec<BaseImage> = serde_json::from_slice(&Uint8Array::new(&templates).to_vec()).map_err(|error| {
        Problem::new(ProblemCode::ImageDamaged, format!("The list of templates can’t be read: {error}."))
    })?;
    let entry = templates.into_iter().find_map(|entry| Some((entry.warm?, entry.image.disk_bytes)));
    let Some((warm, disk_bytes)) = entry else { return Ok(None) };
    let (mut supplies, saved) = futures_util::try_join!(supplies.delivery(), SavedMemory::packaged(&warm))?;
    if wanted.is_canceled() {
        return Ok(None);
    }
    // v86 writes into the kernel's header, and another machine may be made of it in the end.
    supplies.kernel = supplies.kernel.slice(0);
    let ears = Ears::default();
    let system = GuestDisk::new(Box::new(Blank(disk_bytes)), ears.disk_trouble());
    let failed = |error| problem(ProblemCode::Internal, "The disk could not be attached", &error);
    let parts = Parts {
        supplies,
        // It is in the state, too.
        cmdline: String::new(),
        memory: warm.memory.bytes(),
        disk: system.to_js().map_err(failed)?,
        second_disk: None,
        firmware: false,
        network: saved.network,
        share: Some(ears.share_handler()),
    };
    let emulator = Emulator::new(&parts, Rc::new(ears.clone())).await?;
    if !wanted.is_canceled() {
        emulator.restore_state(&saved.state).await?;
    }
    Ok(Some(Prepared { warm, system, ears, emulator, terminals: [saved.serial, saved.shell] }))
}
