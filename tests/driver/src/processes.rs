//! A driver and everything that it starts, as one process group.
//!
//! A shell leads the group and holds the reading end of a pipe whose writing end is ours. Once that end is closed,
//! because we close it or because this process is gone for whatever reason, the shell kills the group, itself
//! included. So no test, however it ends, leaves a browser behind, and no process is ever looked up by its name.
//!
//! Both browsers' processes stay in the group of the driver, except for their crash reporters, which end by
//! themselves once their browser is gone.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs its arguments; kills its process group when they end or standard input does.
const LEADER: &str = r#"{ "$@" </dev/null; kill -KILL 0; } & read -r _; kill -KILL 0"#;

/// How long killed processes may take to vanish: the kernel may have a gigabyte of memory to take back.
const VANISHING: Duration = Duration::from_secs(10);

/// A running driver, its browser, and its log.
#[derive(Debug)]
pub(crate) struct Processes {
    leader: Child,
    /// Keeps the group alive as long as it is open.
    lifeline: Option<ChildStdin>,
    log: PathBuf,
}

impl Processes {
    /// Starts the driver; what it and the browser print goes to `log`.
    pub(crate) fn start(driver: &Command, log: PathBuf) -> io::Result<Self> {
        let out = File::create(&log)?;
        let mut leader = Command::new("/bin/sh");
        leader.args(["-c", LEADER, "sh"]).arg(driver.get_program()).args(driver.get_args());
        for (name, value) in driver.get_envs() {
            match value {
                Some(value) => leader.env(name, value),
                None => leader.env_remove(name),
            };
        }
        leader.process_group(0).stdin(Stdio::piped()).stdout(out.try_clone()?).stderr(out);
        let mut leader = leader.spawn()?;
        let lifeline = leader.stdin.take();
        Ok(Self { leader, lifeline, log })
    }

    /// Everything that was printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Whether the driver is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.leader.try_wait(), Ok(None))
    }

    /// The living processes of the group.
    pub(crate) fn ids(&self) -> Vec<u32> {
        members(self.leader.id())
    }

    /// Kills all and waits until they are gone.
    pub(crate) fn end(&mut self) {
        if self.lifeline.take().is_none() {
            return;
        }
        // It kills itself last; failing to wait means that it is gone already.
        let _ = self.leader.wait();
        let started = Instant::now();
        while !self.ids().is_empty() && started.elapsed() < VANISHING {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.end();
    }
}

fn members(group: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| lives_in(*id, group)).collect()
}

/// Reads `/proc/ID/stat` (proc(5)): behind the name in parentheses come state, parent and process group.
fn lives_in(id: u32, group: u32) -> bool {
    let Ok(stat) = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")) else { return false };
    let Some((_, rest)) = stat.rsplit_once(')') else { return false };
    let mut fields = rest.split_whitespace();
    // A zombie only waits for its parent to look.
    let alive = fields.next().is_some_and(|state| !matches!(state, "Z" | "X"));
    alive && fields.nth(1).and_then(|field| field.parse().ok()) == Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Processes, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        (Processes::start(&command, dir.path().join("log")).unwrap(), dir)
    }

    fn until(what: &str, mut condition: impl FnMut() -> bool) {
        let started = Instant::now();
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_the_driver_started_ends_with_it() {
        let (mut processes, _dir) = shell("sleep 600 & sh -c 'sleep 600 & echo ready; wait' & wait");
        until("all are started", || processes.log().contains("ready") && processes.ids().len() >= 5);
        processes.end();
        assert_eq!(processes.ids(), [0; 0]);
    }

    #[test]
    fn another_program_started_meanwhile_does_not_keep_it_alive() {
        let (mut processes, _dir) = shell("sleep 600");
        let mut other = Command::new("sleep").arg("600").spawn().unwrap();
        processes.end();
        assert_eq!(processes.ids(), [0; 0]);
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_driver_that_fails_is_noticed_with_its_words_kept() {
        let (mut processes, _dir) = shell("sleep 600 & echo 'no display'; exit 1");
        until("the group is gone", || !processes.is_running());
        assert_eq!(processes.log(), "no display\n");
        assert_eq!(processes.ids(), [0; 0]);
    }
}
