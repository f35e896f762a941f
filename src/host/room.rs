//! Room for WebAssembly memories.
//!
//! A process has addresses for some hundred of them. Those of closed pages count until they are collected, which the browser does where a page asks
//! for one too many, but not for a worker, which it refuses.

use super::worker::after;
use js_sys::{Object, Reflect, WeakRef, WebAssembly};
use protocol::{Problem, ProblemCode};
use std::time::Duration;
use wasm_bindgen::JsValue;

/// More memories than a process has addresses for.
const MEMORIES_MAX: u32 = 1_024;
/// So many are asked for at once.
const AT_ONCE: u32 = 16;

/// Whether something failed because there was no memory for it.
pub fn is_lack(problem: &Problem) -> bool {
    problem.code == ProblemCode::NoMemory
        || (problem.code == ProblemCode::WorkerDied && problem.message.to_lowercase().contains("memory"))
}

/// Asks for memories until the browser has collected what closed pages have left, or gives no more.
pub async fn make() {
    let pages = Object::new();
    let Ok(true) = Reflect::set(&pages, &"initial".into(), &JsValue::from(0)) else { return };
    let Ok(first) = WebAssembly::Memory::new(&pages) else { return };
    let first = WeakRef::new(&first);
    for _ in 0..MEMORIES_MAX / AT_ONCE {
        // The first one stays until the turn is over, whatever is collected.
        next_turn().await;
        if first.deref().is_none() || (0..AT_ONCE).any(|_| WebAssembly::Memory::new(&pages).is_err()) {
            return;
        }
    }
}

async fn next_turn() {
    let (send, passed) = futures_channel::oneshot::channel();
    let turn = move || {
        // Nobody gives up waiting.
        let _ = send.send(());
    };
    if after(Duration::ZERO, turn).is_ok() {
        let _ = passed.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_other_failures() {
        let problem = |code, message: &str| Problem::new(code, message.to_owned());
        let worker = "The machine’s worker failed: RangeError: WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory";
        assert!(is_lack(&problem(ProblemCode::WorkerDied, worker)));
        assert!(is_lack(&problem(ProblemCode::NoMemory, "The browser gave no memory for this machine.")));
        assert!(!is_lack(&problem(ProblemCode::WorkerDied, "The machine’s worker failed: it is not there.")));
        assert!(!is_lack(&problem(ProblemCode::DiskDamaged, "The memory can’t be read.")));
    }
}
