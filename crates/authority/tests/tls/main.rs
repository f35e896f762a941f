//! Programs of a machine, and what else may come from it, at the gateway's end of TLS.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod certificates;
mod client;
mod hostile;
mod trust;
