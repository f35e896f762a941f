//! `cargo endpoint --listen 127.0.0.1:4433`: an endpoint until Ctrl+C.

use std::process::ExitCode;

fn main() -> ExitCode {
    endpoint::cli::run(std::env::args_os())
}
