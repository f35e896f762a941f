//! A template's warm state is made when the extension is built: the machine boots outside of a browser, by the very code that goes on from its
//! state later. `xtask/src/build/warm.mjs` calls it.

use super::supplies::Supplies;
use super::v86::{Emulator, Listener, Parts, Port};
use js_sys::{ArrayBuffer, Function, Uint8Array, WebAssembly};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What the machine is made of, and who hears what it puts out.
    pub type Recipe;

    #[wasm_bindgen(method, getter)]
    fn engine(this: &Recipe) -> WebAssembly::Module;

    #[wasm_bindgen(method, getter)]
    fn kernel(this: &Recipe) -> ArrayBuffer;

    #[wasm_bindgen(method, getter)]
    fn bios(this: &Recipe) -> ArrayBuffer;

    #[wasm_bindgen(method, getter)]
    fn vga_bios(this: &Recipe) -> ArrayBuffer;

    #[wasm_bindgen(method, getter)]
    fn cmdline(this: &Recipe) -> String;

    /// In bytes.
    #[wasm_bindgen(method, getter)]
    fn memory(this: &Recipe) -> f64;

    /// As v86 wants it.
    #[wasm_bindgen(method, getter)]
    fn disk(this: &Recipe) -> JsValue;

    /// `(port, bytes)`: the port is `serial`, `shell`, `control` or `bulk`; or `stopped` for a guest that has ended by itself.
    #[wasm_bindgen(method, getter)]
    fn hear(this: &Recipe) -> Function;
}

struct Hear(Function);

impl Hear {
    fn tell(&self, what: &str, bytes: &[u8]) {
        // The script answers nothing, and what it throws ends it.
        let _ = self.0.call2(&JsValue::NULL, &what.into(), &Uint8Array::from(bytes));
    }
}

impl Listener for Hear {
    fn serial_output(&self, byte: u8) {
        self.tell("serial", &[byte]);
    }

    fn output(&self, port: Port, bytes: Vec<u8>) {
        let name = match port {
            Port::Shell => "shell",
            Port::Control => "control",
            Port::Bulk => "bulk",
        };
        self.tell(name, &bytes);
    }

    fn halted(&self) {
        self.tell("stopped", &[]);
    }

    fn reset(&self) {
        self.tell("stopped", &[]);
    }

    // Its disk is in memory.
    fn flush(&self) {}

    // Nobody is there who would hear it.
    fn frame(&self, _: &[u8]) {}
}

/// A machine whose state will be many machines' beginning.
#[wasm_bindgen]
pub struct StateMaker(Emulator);

impl std::fmt::Debug for StateMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateMaker")
    }
}

#[wasm_bindgen]
impl StateMaker {
    /// Makes the machine and lets it run.
    pub async fn boot(recipe: Recipe) -> Result<Self, JsValue> {
        let parts = Parts {
            supplies: Supplies {
                engine: recipe.engine(),
                kernel: recipe.kernel(),
                bios: recipe.bios(),
                vga_bios: recipe.vga_bios(),
            },
            cmdline: recipe.cmdline(),
            memory: recipe.memory() as u64,
            disk: recipe.disk(),
            second_disk: None,
            firmware: false,
            network: true,
            // The device has to be there, and nothing asks it before the state is saved.
            share: Some(Function::new_no_args("").into()),
        };
        let emulator = Emulator::new(&parts, Rc::new(Hear(recipe.hear()))).await;
        let emulator = emulator.map_err(|problem| JsValue::from_str(&problem.message))?;
        emulator.run().await;
        Ok(Self(emulator))
    }

    /// Stops the machine for good and gives its state.
    pub async fn save(self) -> Result<ArrayBuffer, JsValue> {
        self.0.stop().await;
        self.0.save_state().await.map_err(|problem| JsValue::from_str(&problem.message))
    }
}
