//! What every machine needs, whichever it is: fetched as soon as the worker is there, so that it is ready, or nearly, when
//! the worker is told which machine it is to run. The engine comes from the host page, which compiles it for all workers.

use crate::bridge::problem;
use crate::package;
use futures_channel::oneshot;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};
use futures_util::try_join;
use js_sys::{ArrayBuffer, WebAssembly};
use protocol::{Problem, ProblemCode};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// The parts of a machine that all machines have.
#[derive(Debug, Clone)]
pub struct Supplies {
    /// v86, compiled.
    pub engine: WebAssembly::Module,
    /// The kernel, as a bzImage.
    pub kernel: ArrayBuffer,
    /// SeaBIOS.
    pub bios: ArrayBuffer,
    /// SeaBIOS's VGA BIOS.
    pub vga_bios: ArrayBuffer,
}

type Compiled = Result<WebAssembly::Module, Problem>;

/// Supplies on their way.
pub struct Order {
    delivery: Shared<LocalBoxFuture<'static, Result<Supplies, Problem>>>,
    engine: RefCell<Option<oneshot::Sender<Compiled>>>,
}

impl Order {
    /// Begins to fetch.
    pub fn place() -> Self {
        let (send, engine) = oneshot::channel();
        let delivery = fetch(engine).boxed_local().shared();
        spawn_local(delivery.clone().map(drop));
        Self { delivery, engine: RefCell::new(Some(send)) }
    }

    /// Takes the engine out of a message of the host page; says whether it was in it.
    pub fn receive(&self, message: &JsValue) -> bool {
        let compiled = if let Some(module) = message.dyn_ref::<WebAssembly::Module>() {
            Ok(module.clone())
        } else if message.is_instance_of::<js_sys::Error>() {
            Err(problem(ProblemCode::EngineTrap, "This browser can’t compile the emulator", message))
        } else {
            return false;
        };
        if let Some(engine) = self.engine.take() {
            // Nobody waits for it where another part failed before.
            let _ = engine.send(compiled);
        }
        true
    }

    /// Waits for the supplies.
    pub async fn delivery(&self) -> Result<Supplies, Problem> {
        self.delivery.clone().await
    }
}

async fn fetch(engine: oneshot::Receiver<Compiled>) -> Result<Supplies, Problem> {
    let engine = async {
        let lost = |_| Problem::new(ProblemCode::Internal, "The emulator did not come.");
        engine.await.map_err(lost)?
    };
    let (engine, kernel, bios, vga_bios) = try_join!(
        engine,
        package::file("images/kernel.bin"),
        package::file("images/bios.bin"),
        package::file("images/vgabios.bin"),
    )?;
    Ok(Supplies { engine, kernel, bios, vga_bios })
}
