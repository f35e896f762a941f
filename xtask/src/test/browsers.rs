//! The tests that start browsers, each a process of its own, so many at a time.

use crate::succeed;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use setup::native_cargo;
use std::io::{Read, Seek, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The files with tests that take minutes each. They come first, so that none of them is left alone at the end.
const LONGEST: [&str; 10] =
    ["transfers", "profiles", "lan", "uplink", "catalog", "peers", "share", "https", "durability", "flood"];

/// No test takes so long, and no long one; one that hangs must not take the others' time.
const LIMITS: [Duration; 2] = [Duration::from_secs(15 * 60), Duration::from_secs(2 * 60 * 60)];

/// How often it is looked whether a test has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How many of the tests that took longest are named at the end.
const NAMED: usize = 15;

/// A test of a file in a folder of `tests`.
#[derive(Debug, Clone)]
struct Test {
    program: PathBuf,
    folder: PathBuf,
    file: String,
    name: String,
}

/// How a test ended.
#[derive(Debug)]
struct Ended {
    name: String,
    passed: bool,
    took: Duration,
}

/// What is run, and how.
#[derive(Debug)]
pub struct Choice<'a> {
    /// So many tests at a time.
    pub at_once: usize,
    /// Those whose `file::name` contains this.
    pub only: &'a str,
    /// Also those that take minutes.
    pub long: bool,
}

/// Runs the tests of a folder in `tests`. All of them even if one fails: they take long, and the next failure should not wait for the next run. What a
/// test says is shown if it fails. Returns how many there were.
pub fn run(root: &Path, folder: &str, choice: &Choice<'_>) -> Result<usize> {
    let begun = Instant::now();
    let mut tests = found(root, folder)?;
    tests.retain(|test| test.title().contains(choice.only));
    if tests.is_empty() {
        return Ok(0);
    }
    tests.sort_by_key(|test| LONGEST.iter().position(|long| *long == test.file).unwrap_or(LONGEST.len()));
    let all = tests.len();
    let (left, ended) = (Mutex::new(tests.into_iter()), Mutex::new(vec![]));
    let next = || locked(&left).next();
    let lane = || {
        while let Some(test) = next() {
            let (one, said) = test.run(choice.long)?;
            let mut ended = locked(&ended);
            ended.push(one);
            let one = &ended[ended.len() - 1];
            // All at once, so that no other lane's words come between.
            let mut out = std::io::stdout().lock();
            let how = match one.passed {
                false => "FAILED",
                true if said.lines().any(|line| line.starts_with("skipped:")) => "skipped",
                true => "passed",
            };
            writeln!(out, "{}/{all} {} {how} ({} s)", ended.len(), one.name, one.took.as_secs())?;
            for line in said.lines().filter(|line| !one.passed || line.starts_with("skipped:")) {
                writeln!(out, "    {line}")?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..choice.at_once).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
    .and_then(|()| summed_up(folder, &mut locked(&ended), begun.elapsed()))
    .map(|()| all)
}

/// Says what took longest; fails if a test has failed.
fn summed_up(folder: &str, ended: &mut [Ended], took: Duration) -> Result<()> {
    ended.sort_by_key(|one| std::cmp::Reverse(one.took));
    println!("tests/{folder}: {} tests in {} s; what took longest:", ended.len(), took.as_secs());
    for one in ended.iter().take(NAMED) {
        println!("    {:4} s {}", one.took.as_secs(), one.name);
    }
    let failed: Vec<_> = ended.iter().filter(|one| !one.passed).map(|one| one.name.as_str()).collect();
    ensure!(failed.is_empty(), "failed in tests/{folder}:\n    {}", failed.join("\n    "));
    Ok(())
}

impl Test {
    fn title(&self) -> String {
        format!("{}::{}", self.file, self.name)
    }

    /// Runs it; returns what it said, too.
    fn run(&self, long: bool) -> Result<(Ended, String)> {
        let begun = Instant::now();
        let limit = LIMITS[usize::from(long)];
        let mut log = tempfile::tempfile()?;
        let mut command = Command::new(&self.program);
        if long {
            // `tests/e2e/tests/common/mod.rs` asks for it.
            command.env("LONG_TESTS", "1");
        }
        let mut child = command
            .args(["--exact", &self.name, "--nocapture"])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .with_context(|| self.title())?;
        let passed = loop {
            match child.try_wait()? {
                Some(status) => break status.success(),
                None if begun.elapsed() < limit => thread::sleep(LOOK),
                None => {
                    // Its browsers end with it.
                    child.kill()?;
                    child.wait()?;
                    writeln!(log, "no end after {} s", limit.as_secs())?;
                    break false;
                }
            }
        };
        let took = begun.elapsed();
        let mut said = vec![];
        log.rewind()?;
        log.read_to_end(&mut said)?;
        Ok((Ended { name: self.title(), passed, took }, String::from_utf8_lossy(&said).into_owned()))
    }
}

/// Builds a folder's tests and asks each file's program what it has.
fn found(root: &Path, folder: &str) -> Result<Vec<Test>> {
    let folder = root.join("tests").join(folder);
    let output =
        compiler(root).args(["--tests", "--no-run", "--message-format", "json-render-diagnostics"]).output()?;
    std::io::stderr().write_all(&output.stderr)?;
    ensure!(output.status.success(), "the browsers’ tests can’t be built");
    let mut found = vec![];
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: Value = serde_json::from_str(line)?;
        let target = &message["target"];
        let source = Path::new(target["src_path"].as_str().unwrap_or_default());
        let (Some(program), Some(file)) = (message["executable"].as_str(), target["name"].as_str()) else { continue };
        if source.parent() != Some(&folder.join("tests")) {
            continue;
        }
        for name in names(program)? {
            let (file, folder) = (file.to_owned(), folder.clone());
            found.push(Test { program: program.into(), folder, file, name });
        }
    }
    if found.is_empty() {
        bail!("there are no tests in {}", folder.display());
    }
    Ok(found)
}

/// The tests that a program has.
fn names(program: &str) -> Result<Vec<String>> {
    let list = Command::new(program).args(["--list", "--format", "terse"]).output()?;
    ensure!(list.status.success(), "{program} doesn’t say what tests it has");
    let text = String::from_utf8(list.stdout)?;
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// The tests of the two crates' own code.
pub fn of_their_crates(root: &Path) -> Result<()> {
    succeed(compiler(root).arg("--lib"))
}

/// Both packages are always chosen: with one of them alone, other features would have everything compiled anew.
fn compiler(root: &Path) -> Command {
    let mut cargo = native_cargo();
    cargo.args(["test", "--package", "driver", "--package", "e2e"]).current_dir(root);
    cargo
}

/// What a lane that panicked left is as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
