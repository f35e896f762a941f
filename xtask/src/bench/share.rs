//! How fast the files are that a guest shares with its host: ours in the browser's private file system against v86's own in memory.

use super::disk::{PATIENCE, in_plain_page};
use super::report::{Circumstances, Section, Verdict};
use super::sides::remove;
use super::statistics::{Summary, ratio};
use anyhow::{Context, Result, bail};
use driver::Browser;
use e2e::Workbench;
use std::fmt::{self, Display};
use std::time::Duration;

/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] =
    ["<!-- shared files: written by `cargo xtask bench --share --write` -->", "<!-- end of shared files -->"];

/// Waits until the files are there, and makes in the guest's memory what is written to them. v86's own have no folders of ours.
const PREPARE: &str = "until grep -q ' /mnt/host 9p ' /proc/mounts; do sleep 0.1; done; \
    cd /mnt/host; [ -d share ] && cd share; mkdir /tmp/m; mount -t tmpfs m /tmp/m; yes workbench | head -c 33554432 > /tmp/m/s; \
    t() { read -r a _ < /proc/uptime; eval \"$1\" > /dev/null; read -r b _ < /proc/uptime; echo \"took $a $b\"; }";

/// What the guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// 32 MiB into a new file, and fsync.
    Write,
    /// The same from beginning to end.
    Read,
    /// 2000 files with ten bytes each.
    Create,
    /// Their attributes.
    Stat,
    /// Away with them.
    Delete,
}

impl Work {
    /// All.
    pub const ALL: [Self; 5] = [Self::Write, Self::Read, Self::Create, Self::Stat, Self::Delete];

    /// By shell functions alone as far as can be: starting a program costs more than what is measured.
    fn command(self) -> &'static str {
        match self {
            Self::Write => "dd if=/tmp/m/s of=w bs=1M conv=fsync 2>&1",
            Self::Read => "dd if=w of=/dev/null bs=1M 2>&1",
            Self::Create => "mkdir d; n=0; while [ $n -lt 2000 ]; do n=$((n+1)); echo 123456789 > d/$n; done",
            Self::Stat => "find d -size +1000",
            Self::Delete => "rm -r d w",
        }
    }

    /// How fast ours must be at least, where v86's own is 1.
    fn target(self) -> f64 {
        match self {
            Self::Write | Self::Read => 1.0,
            Self::Create | Self::Stat | Self::Delete => 0.8,
        }
    }

    /// How much is moved, in MiB.
    fn mib(self) -> Option<f64> {
        matches!(self, Self::Write | Self::Read).then_some(32.0)
    }
}

impl Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Write => "write 32 MiB and fsync",
            Self::Read => "read 32 MiB",
            Self::Create => "make 2000 files",
            Self::Stat => "look at 2000 files",
            Self::Delete => "delete 2000 files",
        })
    }
}

/// The times of one boot, by [`Work::ALL`].
pub type Times = [Duration; 5];

/// One boot of the plain page and one of the extension.
#[derive(Debug, Clone)]
pub struct Round {
    plain: Times,
    extension: Times,
}

/// One line for each.
fn lines() -> Vec<String> {
    let steps = Work::ALL.iter().map(|work| format!("t '{}'", work.command()));
    std::iter::once(PREPARE.to_owned()).chain(steps).collect()
}

/// What the guest says of its clock before and after each: `took 12.34 15.67`.
fn times(printed: &str) -> Result<Times> {
    let took = printed.lines().filter_map(|line| line.trim().strip_prefix("took "));
    let seconds = |line: &str| -> Result<Duration> {
        let (from, to) = line.split_once(' ').context("one time is missing")?;
        let seconds = to.trim().parse::<f64>()? - from.parse::<f64>()?;
        Ok(Duration::from_secs_f64(seconds.max(0.01)))
    };
    let all: Vec<_> = took.map(seconds).collect::<Result<_>>()?;
    match all.try_into() {
        Ok(times) => Ok(times),
        Err(_) => bail!("the guest should have measured {} times, and said: {printed}", Work::ALL.len()),
    }
}

/// One boot of each side, one after the other.
pub async fn round(browser: &Browser, plain: &str, number: u32) -> Result<Round> {
    let lines = lines();
    let printed = in_plain_page(browser, plain, &lines.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let round = Round { plain: times(&printed.concat())?, extension: in_extension(browser, &lines.join("; ")).await? };
    for (index, work) in Work::ALL.iter().enumerate() {
        let [plain, ours] = [&round.plain, &round.extension].map(|times| times[index].as_millis());
        eprintln!("round {number}: {work:<24} in memory {plain:>6} ms, ours {ours:>6} ms");
    }
    Ok(round)
}

async fn in_extension(browser: &Browser, script: &str) -> Result<Times> {
    let workbench = Workbench::open(browser).await?;
    let machine = workbench.launch().await?;
    let mut console = workbench.console(&machine).await?;
    console.wait_for_prompt(PATIENCE).await?;
    let printed = console.exec(script, PATIENCE).await?.text();
    remove(browser, &machine).await?;
    times(&printed)
}

/// The whole run.
#[derive(Debug)]
pub struct Report {
    /// Where and on what.
    pub circumstances: Circumstances,
    /// All but the first, in which everything warms up.
    pub rounds: Vec<Round>,
}

impl Report {
    fn summaries(&self, index: usize) -> Option<[Summary; 2]> {
        let all = |times: fn(&Round) -> &Times| {
            let all: Vec<_> = self.rounds.iter().map(|round| times(round)[index]).collect();
            Summary::of(&all)
        };
        Some([all(|round| &round.plain)?, all(|round| &round.extension)?])
    }

    fn speed(&self, index: usize) -> Option<f64> {
        let [plain, extension] = self.summaries(index)?;
        ratio(plain.median, extension.median)
    }
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        MARKS
    }

    fn verdict(&self) -> Verdict {
        let fast = |(index, work): (usize, &Work)| self.speed(index).is_some_and(|speed| speed >= work.target());
        self.circumstances.verdict(Work::ALL.iter().enumerate().all(fast))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Shared files\n")?;
        writeln!(
            f,
            "Files at `/mnt/host/share`, kept in the browser’s private file system, against the same guest on v86’s own 9P server, which \
             keeps them in memory. {} rounds after one to warm up, taking turns, one machine at a time, each a fresh one. Times are the \
             guest’s own.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| the guest’s work | files | median | min | max | MiB/s | speed | target |")?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (index, work) in Work::ALL.iter().enumerate() {
            let Some([plain, extension]) = self.summaries(index) else { continue };
            let speed = self.speed(index).map_or_else(String::new, |speed| format!("{speed:.2}"));
            let target = format!("≥ {}", work.target());
            for (name, summary, speed, target) in
                [("v86’s, in memory", plain, "1.00", ""), ("ours", extension, &speed, &target)]
            {
                let Summary { median, min, max, .. } = summary;
                let rate = work.mib().map_or_else(String::new, |mib| format!("{:.0}", mib / median.as_secs_f64()));
                let [median, min, max] = [median, min, max].map(|time| time.as_millis());
                writeln!(f, "| {work} | {name} | {median} ms | {min} ms | {max} ms | {rate} | {speed} | {target} |")?;
            }
        }
        writeln!(f, "\nTargets: **{}**.", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_says_is_read() {
        let printed = "took 1.00 1.50\r\n".repeat(5);
        assert_eq!(times(&printed).unwrap(), [Duration::from_millis(500); 5]);
        assert!(times("took 1.00 1.50\nsh: can't create d/1: No space left on device\n").is_err());
    }
}
