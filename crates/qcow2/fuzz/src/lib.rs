//! What a fuzzer does with bytes: it makes a hostile image out of them and uses it. `tests/hostile.rs` does the same with
//! bytes of its own.

mod driver;
mod templates;

pub use driver::{image_as_is, patched_image};
