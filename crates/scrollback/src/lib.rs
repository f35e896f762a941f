//! A console's output: the ring that is replayed, and who has seen how much of it.
//!
//! A [`Ring`] keeps the newest bytes of one terminal under offsets that count from the machine's start. [`Viewers`]
//! knows how far each attached page has come, and says when the machine has to wait for them so that nothing is lost.
//! [`PanicWatch`] hears when a kernel gives up. This crate knows neither browsers nor v86.

mod panic;
mod ring;
mod viewers;

pub use panic::PanicWatch;
pub use ring::{RING_BYTES, Ring};
pub use viewers::{HIGH_WATER, LOW_WATER, STALL_MS, VIEWERS_MAX, Viewers};
