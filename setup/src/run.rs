use crate::{Error, Result, announce};
use std::env;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How much of a failed program's output an error shows, in lines.
const SHOWN_LINES: usize = 15;

/// What cargo sets for the programs that it runs and what would confuse a cargo that these run in turn.
const CARGO_LEAKS: [&str; 8] = [
    "CARGO",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_BOOTSTRAP",
    "CARGO_TARGET_TMPDIR",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];
const CARGO_LEAK_PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// Removes what an outer cargo (`cargo xtask`, `cargo test`) left in the environment.
pub(crate) fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if CARGO_LEAKS.contains(&name) || CARGO_LEAK_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

/// The user's own cargo for native code, as if it were called from a shell and not from within `cargo xtask`.
pub fn native_cargo() -> Command {
    let mut cargo = Command::new("cargo");
    forget_outer_cargo(&mut cargo);
    cargo
}

/// What a quick program prints, without the line's end.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|source| Error::Start { command: line(command), source })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(text);
    }
    let said = text + &String::from_utf8_lossy(&output.stderr);
    Err(failed(command, outcome(output.status), &said))
}

/// Says what it does, then runs a program that may take a while, but never longer than `limit`.
///
/// What it prints is shown only if it fails: installers are talkative.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    announce(&line(command));
    let file = |error| Error::File { path: "a temporary file".into(), action: "written", source: error };
    let mut log = tempfile::tempfile().map_err(file)?;
    let (out, err) = (log.try_clone().map_err(file)?, log.try_clone().map_err(file)?);
    // A backtrace of rustup or cargo would push their last words out of sight.
    let mut child = command
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|source| Error::Start { command: line(command), source })?;
    let started = Instant::now();
    let result = loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => break outcome(status),
            Ok(None) if started.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                // It may have ended in between; then there is nothing to end.
                let _ = child.kill();
                let _ = child.wait();
                break format!("no end after {} s", limit.as_secs());
            }
            Err(source) => return Err(Error::Start { command: line(command), source }),
        }
    };
    let mut said = Vec::new();
    log.seek(SeekFrom::Start(0)).and_then(|_| log.read_to_end(&mut said)).map_err(file)?;
    Err(failed(command, result, &String::from_utf8_lossy(&said)))
}

fn outcome(status: ExitStatus) -> String {
    status.to_string()
}

fn failed(command: &Command, outcome: String, output: &str) -> Error {
    let lines: Vec<&str> = output.trim().lines().collect();
    let output = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
    Error::Failed { command: line(command), outcome, output }
}

/// The command as a user would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_shows_the_command_and_its_last_words() {
        let error = run(&mut shell("seq 1 99; echo the reason >&2; exit 3"), Duration::from_secs(20)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("`sh -c") && text.contains("exit status: 3"), "{text}");
        assert!(text.ends_with("98\n99\nthe reason") && !text.contains("\n50\n"), "{text}");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let started = Instant::now();
        let error = run(&mut shell("exec sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("no end after"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn an_inner_cargo_is_not_told_of_the_outer_one() {
        // Cargo itself sets these for the tests that it runs.
        assert!(env::var_os("CARGO_PKG_NAME").is_some() && env::var_os("CARGO").is_some());
        let cargo = native_cargo();
        let removed: Vec<_> = cargo.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        for name in ["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(removed.iter().any(|removed| *removed == name), "{name} is passed on");
        }
    }
}
