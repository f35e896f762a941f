//! Makes the emulator quick before there is a machine for it.
//!
//! A browser optimises the emulator's functions only once they have run often, which takes two seconds of processor time
//! out of the first boot. A worker that waits for its machine spends its time on that: it boots the kernel without a
//! disk, for a moment, and forgets it.

use super::after;
use super::supplies::Order;
use super::v86::{Emulator, Parts};
use crate::bridge::log;
use futures_channel::oneshot;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// Whoever launches at once must not be held up; a person takes longer to find the button.
const AHEAD_MS: i32 = 200;
/// The kernel has looked for its disk by then.
const TIME_MS: i32 = 1_500;
/// Enough for the kernel.
const MEMORY: u64 = 32 << 20;
/// As a machine's, without what only a machine has.
const CMDLINE: &str = "console=ttyS0 quiet tsc=reliable random.trust_cpu=on";

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Ahead,
    Running(Emulator),
    Over,
}

/// A boot for nothing.
#[derive(Debug, Default)]
pub struct WarmUp(RefCell<Stage>);

impl WarmUp {
    /// Boots soon after the supplies are there.
    pub async fn run(self: Rc<Self>, supplies: &Order) {
        // What failed is told to whoever starts a machine.
        let Ok(mut supplies) = supplies.delivery().await else { return };
        let (wake, waiting) = oneshot::channel();
        after(AHEAD_MS, move || {
            // Nobody waits for it in a worker that has ended.
            let _ = wake.send(());
        });
        if waiting.await.is_err() || matches!(*self.0.borrow(), Stage::Over) {
            return;
        }
        // v86 writes into the kernel's header.
        supplies.kernel = supplies.kernel.slice(0);
        let parts = Parts {
            supplies,
            cmdline: CMDLINE.to_owned(),
            memory: MEMORY,
            disk: JsValue::UNDEFINED,
            second_disk: None,
            firmware: false,
            network: false,
            share: None,
        };
        let emulator = match Emulator::bare(&parts).await {
            Ok(emulator) => emulator,
            Err(problem) => return log(&problem.message),
        };
        if matches!(*self.0.borrow(), Stage::Over) {
            return;
        }
        *self.0.borrow_mut() = Stage::Running(emulator.clone());
        emulator.run().await;
        after(TIME_MS, move || self.end());
    }

    /// Ends it, at the latest when there is a machine.
    pub fn end(&self) {
        if let Stage::Running(emulator) = self.0.replace(Stage::Over) {
            wasm_bindgen_futures::spawn_local(async move { emulator.destroy().await });
        }
    }
}
