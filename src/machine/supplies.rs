//! What every machine needs, whichever it is: fetched and compiled as soon as the worker is there, so that it is ready, or
//! nearly, when the worker is told which machine it is to run.

use crate::bridge::{log, problem, text_of};
use crate::package;
use futures_channel::oneshot;
use futures_util::try_join;
use js_sys::{ArrayBuffer, WebAssembly};
use protocol::{Problem, ProblemCode};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// v86's WASM, and the one for browsers that lack an instruction of the first.
const ENGINES: [&str; 2] = ["vendor/v86.wasm", "vendor/v86-fallback.wasm"];

/// The parts of a machine that all machines have.
#[derive(Debug)]
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

/// Supplies on their way; they are for one machine, because v86 takes them.
#[derive(Debug)]
pub struct Order(RefCell<Option<oneshot::Receiver<Result<Supplies, Problem>>>>);

impl Order {
    /// Begins to fetch.
    pub fn place() -> Self {
        let (send, received) = oneshot::channel();
        spawn_local(async move {
            // Nobody waits for them in a worker that has been told to end.
            let _ = send.send(fetch().await);
        });
        Self(RefCell::new(Some(received)))
    }

    /// Waits for the supplies.
    pub async fn delivery(&self) -> Result<Supplies, Problem> {
        let lost = || Problem::new(ProblemCode::Internal, "This worker’s machine was made before.");
        let received = self.0.borrow_mut().take().ok_or_else(lost)?;
        received.await.map_err(|_| lost())?
    }
}

async fn fetch() -> Result<Supplies, Problem> {
    let (engine, kernel, bios, vga_bios) = try_join!(
        engine(),
        package::file("images/kernel.bin"),
        package::file("images/bios.bin"),
        package::file("images/vgabios.bin"),
    )?;
    Ok(Supplies { engine, kernel, bios, vga_bios })
}

async fn engine() -> Result<WebAssembly::Module, Problem> {
    let [main, fallback] = ENGINES;
    match compile(main).await? {
        Ok(module) => Ok(module),
        Err(error) => {
            log(&format!("v86 falls back to a simpler engine: {}", text_of(&error)));
            let failed = |error| problem(ProblemCode::EngineTrap, "This browser can’t compile the emulator", &error);
            compile(fallback).await?.map_err(failed)
        }
    }
}

/// Fetches and compiles; the inner result is the compiler's.
async fn compile(path: &str) -> Result<Result<WebAssembly::Module, JsValue>, Problem> {
    let bytes = package::file(path).await?;
    Ok(JsFuture::from(WebAssembly::compile(&bytes)).await.map(JsCast::unchecked_into))
}
