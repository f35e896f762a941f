//! The build tool: `cargo xtask build | run | test | bench | image | kernel`.
//!
//! Each command does its whole set-up by itself (crate `setup`), so that a fresh machine needs nothing but Rust.

mod bench;
mod build;
mod run;
mod test;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs and tests VM Workbench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the extension into dist/chrome and dist/firefox.
    Build(build::Extras),
    /// Opens the extension in a browser with a booting machine.
    Run(run::Options),
    /// Runs the tests.
    Test(test::Options),
    /// Measures, in one browser, how long a machine takes from Launch to its prompt, and a plain page with the same v86.
    Bench(bench::Options),
    /// Builds the guest's image, and says which one is packaged.
    Image,
    /// Builds the guest's kernel from source (5 minutes) into images/kernel.
    Kernel,
}

/// The repository's root.
fn root() -> anyhow::Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("the build tool is not in the repository")?.to_owned())
}

fn main() -> ExitCode {
    work().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn work() -> anyhow::Result<ExitCode> {
    let root = root()?;
    // Paths in what others print are then the same wherever the command was given.
    std::env::set_current_dir(&root)?;
    match Arguments::parse().command {
        Command::Build(extras) => {
            let dist = build::extension(&root, extras)?;
            println!("Chrome: {}\nFirefox: {}", dist.chrome.display(), dist.firefox.display());
        }
        Command::Run(options) => return run::run(&root, &options),
        Command::Test(options) => test::test(&root, &options)?,
        Command::Bench(options) => return bench::bench(&root, &options),
        Command::Image => {
            let image = build::guest::image(&root)?;
            println!("{} ({}), {} bytes, SHA-256 {}", image.title, image.name, image.size, image.sha256);
        }
        Command::Kernel => {
            let kernel = build::guest::kernel(&root)?;
            println!("Linux {}: SHA-256 {}", kernel.version, kernel.sha256);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a program and fails, with its command line, if it fails.
fn succeed(command: &mut std::process::Command) -> anyhow::Result<()> {
    let status = command.status();
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let line = format!("{} {}", command.get_program().to_string_lossy(), arguments.join(" "));
    let status = status.with_context(|| format!("`{line}` could not be started"))?;
    anyhow::ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}
