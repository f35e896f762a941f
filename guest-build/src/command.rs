//! Running other programs: found also where root's programs are, and failing with what they said.

use crate::{Error, Result};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// How many bytes of a failed program's output are shown: enough for a compiler's last error.
const SAID_MAX: usize = 2000;

/// Finds a program in PATH, and in the directories that PATH lacks for users other than root.
///
/// # Errors
/// [`Error::ToolMissing`], naming the Debian package to install.
pub fn find(program: &str, package: &'static str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/sbin", "/usr/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error::ToolMissing { program: program.to_owned(), package })
}

/// A program found by [`find`], that answers in English whatever the user's locale.
pub fn tool(program: &str, package: &'static str) -> Result<Command> {
    let mut command = Command::new(find(program, package)?);
    command.env("LC_ALL", "C");
    Ok(command)
}

/// Runs to the end; the output is returned when the exit status is 0.
pub fn run(command: &mut Command) -> Result<Output> {
    let output = run_any_status(command)?;
    if output.status.success() { Ok(output) } else { Err(failed(command, &output)) }
}

/// Runs to the end, for programs whose exit status is an answer.
pub fn run_any_status(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_owned();
    command.stdin(Stdio::null()).output().map_err(Error::io("run", program))
}

/// The error that tells of a program that failed.
fn failed(command: &Command, output: &Output) -> Error {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let tail = &said[said.len().saturating_sub(SAID_MAX)..];
    let line: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    Error::CommandFailed {
        command: line.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "),
        status: output.status.to_string(),
        said: String::from_utf8_lossy(tail).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = find("no-such-program-here", "e2fsprogs").unwrap_err();
        assert!(
            error.to_string().contains("`no-such-program-here`") && error.to_string().contains("install e2fsprogs")
        );
    }

    #[test]
    fn a_failing_program_is_quoted() {
        let error = run(Command::new("sh").args(["-c", "echo because >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("because") && error.contains('3'), "{error}");
    }
}
