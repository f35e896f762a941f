//! How fast the guest's disk is: layers in the browser's private file system against v86's own disk in memory.

use super::layers::Layers;
use super::report::{Circumstances, Section, Verdict};
use super::sides::{plain_told, remove};
use super::statistics::{Summary, ratio};
use anyhow::{Context, Result, bail};
use driver::Browser;
use e2e::Workbench;
use serde_json::json;
use std::fmt::{self, Display};
use std::time::Duration;

/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] = ["<!-- disks: written by `cargo xtask bench --disks --write` -->", "<!-- end of disks -->"];
/// How long a boot may take, and how long a command.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Makes, in the guest's memory, the 32 MiB that are written; and, on its disk, the 64 MiB that are read.
const PREPARE: &str = "mkdir -p /tmp/m; mount -t tmpfs m /tmp/m; yes workbench | head -c 33554432 > /tmp/m/s; \
    cat /tmp/m/s /tmp/m/s > /root/r; sync";
/// Each measurement, several times in a row: dd says how long it took by the guest's clock, which is the browser's. A file is
/// a new one each time, so its place on the disk has to be made; there is room for three. Reads vary by a factor of five while the browser compiles
/// the emulator, which takes the first of them, so there are more.
const WRITES: &str = "for n in 1 2 3; do dd if=/tmp/m/s of=/root/w$n bs=1M conv=fsync 2>&1; done";
const READS: &str = "umount /tmp/m; for n in 1 2 3 4 5 6 7 8 9; do echo 3 > /proc/sys/vm/drop_caches; dd if=/root/r of=/dev/null bs=1M 2>&1; done";

/// Runs a command in the plain page's guest.
const PLAIN_COMMAND: &str = "
    const root = document.documentElement;
    delete root.dataset.measured;
    root.dataset.command = arguments[0];
    document.dispatchEvent(new Event('command'));";

/// What the guest does with its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// 64 MiB from beginning to end.
    Read,
    /// 32 MiB into a new file, and fsync.
    Write,
}

impl Work {
    /// All.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// How fast the extension's disk must be at least, where the one in memory is 1.
    fn target(self) -> f64 {
        match self {
            Self::Read => 0.9,
            Self::Write => 0.8,
        }
    }

    /// How often it is measured in one boot.
    fn repeated(self) -> usize {
        match self {
            Self::Read => 9,
            Self::Write => 3,
        }
    }

    fn mib(self) -> f64 {
        match self {
            Self::Read => 64.0,
            Self::Write => 32.0,
        }
    }
}

impl Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read 64 MiB, caches dropped",
            Self::Write => "write 32 MiB and fsync",
        })
    }
}

/// The times of one boot, by [`Work::ALL`].
pub type Times = [Vec<Duration>; 2];

/// One boot of the plain page and one of the extension.
#[derive(Debug, Clone)]
pub struct Round {
    /// v86's disk in memory.
    pub plain: Times,
    /// The extension's layers.
    pub extension: Times,
}

/// What `dd` says of its durations: `…copied, 0.434483 seconds, …`.
fn durations(printed: &str, work: Work) -> Result<Vec<Duration>> {
    let words: Vec<_> = printed.split_whitespace().collect();
    let seconds = words.windows(2).filter(|pair| pair[1].starts_with("seconds")).map(|pair| pair[0].parse());
    let seconds: Vec<f64> = seconds.collect::<Result<_, _>>().with_context(|| printed.to_owned())?;
    if seconds.len() != work.repeated() {
        bail!("the guest should have measured {} times, and said: {printed}", work.repeated());
    }
    Ok(seconds.into_iter().map(Duration::from_secs_f64).collect())
}

/// One boot of each side, one after the other.
pub async fn round(browser: &Browser, plain: &str, number: u32) -> Result<Round> {
    let round = Round { plain: plain_times(browser, plain).await?, extension: in_extension(browser).await? };
    for (index, work) in Work::ALL.iter().enumerate() {
        let all = |times: &Times| times[index].iter().map(|time| time.as_millis()).collect::<Vec<_>>();
        eprintln!(
            "round {number}: {work:<28} memory {:?} ms, layers {:?} ms",
            all(&round.plain),
            all(&round.extension)
        );
    }
    Ok(round)
}

/// What the plain page in the current tab says of what its guest printed.
async fn told(browser: &Browser) -> Result<String> {
    let told = plain_told(browser).await?;
    match told["error"].as_str() {
        Some(error) => bail!("the plain page: {error}"),
        None => Ok(told["printed"].as_str().unwrap_or_default().to_owned()),
    }
}

/// Waits until the guest of the plain page in the current tab is at its prompt.
pub async fn plain_prompt(browser: &Browser) -> Result<()> {
    told(browser).await.map(drop)
}

/// Runs a line in the shell of that guest, and gives what it printed.
pub async fn plain_line(browser: &Browser, line: &str) -> Result<String> {
    browser.eval(PLAIN_COMMAND, vec![json!(line)]).await?;
    told(browser).await
}

/// Boots the plain page's guest, runs these lines in its shell, and gives what each printed.
pub async fn in_plain_page(browser: &Browser, address: &str, lines: &[&str]) -> Result<Vec<String>> {
    browser.open(address).await?;
    plain_prompt(browser).await?;
    let mut printed = vec![];
    for line in lines {
        printed.push(plain_line(browser, line).await?);
    }
    // Ends the emulator and gives its memory free.
    browser.open("about:blank").await?;
    Ok(printed)
}

async fn plain_times(browser: &Browser, address: &str) -> Result<Times> {
    let printed = in_plain_page(browser, address, &[PREPARE, WRITES, READS]).await?;
    Ok([durations(&printed[2], Work::Read)?, durations(&printed[1], Work::Write)?])
}

async fn in_extension(browser: &Browser) -> Result<Times> {
    let workbench = Workbench::open(browser).await?;
    let machine = workbench.launch().await?;
    let mut console = workbench.console(&machine).await?;
    console.wait_for_prompt(PATIENCE).await?;
    console.exec(PREPARE, PATIENCE).await?;
    let writes = console.exec(WRITES, PATIENCE).await?.text();
    let reads = console.exec(READS, PATIENCE).await?.text();
    remove(browser, &machine).await?;
    Ok([durations(&reads, Work::Read)?, durations(&writes, Work::Write)?])
}

/// The whole run.
#[derive(Debug)]
pub struct Report {
    /// Where and on what.
    pub circumstances: Circumstances,
    /// All but the first, in which everything warms up.
    pub rounds: Vec<Round>,
    /// What is done with disks of machines that don't run.
    pub layers: Layers,
}

impl Report {
    fn summaries(&self, work: Work) -> Option<[Summary; 2]> {
        let index = usize::from(work == Work::Write);
        let all = |times: fn(&Round) -> &Times| {
            let all: Vec<_> = self.rounds.iter().flat_map(|round| times(round)[index].iter().copied()).collect();
            Summary::of(&all)
        };
        Some([all(|round| &round.plain)?, all(|round| &round.extension)?])
    }

    /// How fast the extension's disk is where the one in memory is 1.
    fn speed(&self, work: Work) -> Option<f64> {
        let [plain, extension] = self.summaries(work)?;
        ratio(plain.median, extension.median)
    }
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        MARKS
    }

    fn verdict(&self) -> Verdict {
        let fast = |work: &Work| self.speed(*work).is_some_and(|speed| speed >= work.target());
        self.circumstances.verdict(Work::ALL.iter().all(fast) && self.layers.is_good())
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## The guest’s disk\n")?;
        writeln!(
            f,
            "A guest’s disk of layers in the browser’s private file system, against the same guest on v86’s disk in memory. \
             {} rounds after one to warm up, taking turns, one machine at a time, each a fresh one that reads nine \
             times and writes three times. Times are the guest’s own. The disk in memory syncs nothing; ours waits for the computer’s disk.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| the guest’s work | disk | median | min | max | MiB/s | speed | target |")?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for work in Work::ALL {
            let Some([plain, extension]) = self.summaries(work) else { continue };
            let speed = self.speed(work).map_or_else(String::new, |speed| format!("{speed:.2}"));
            let target = format!("≥ {}", work.target());
            for (name, summary, speed, target) in
                [("in memory", plain, "1.00", ""), ("layers", extension, &speed, &target)]
            {
                let Summary { median, min, max, .. } = summary;
                let rate = work.mib() / median.as_secs_f64();
                let [median, min, max] = [median, min, max].map(|time| time.as_millis());
                writeln!(
                    f,
                    "| {work} | {name} | {median} ms | {min} ms | {max} ms | {rate:.0} | {speed} | {target} |"
                )?;
            }
        }
        writeln!(f, "\n{}", self.layers)?;
        writeln!(f, "Targets: **{}**.", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dd_says_is_read() {
        let printed = "32+0 records in\n33554432 bytes (32.0MB) copied, 0.500000 seconds, 64.0MB/s\n".repeat(3);
        assert_eq!(durations(&printed, Work::Write).unwrap(), [Duration::from_millis(500); 3]);
        assert!(durations("dd: /root/w1: No space left on device\n", Work::Write).is_err());
    }

    fn report(plain: u64, extension: u64) -> Report {
        let times =
            |milliseconds| [vec![Duration::from_millis(milliseconds)], vec![Duration::from_millis(milliseconds)]];
        Report {
            circumstances: Circumstances { browser: "A".into(), processors: 2, load: [0.0, 0.0], guest: "B".into() },
            rounds: vec![Round { plain: times(plain), extension: times(extension) }],
            layers: Layers::default(),
        }
    }

    #[test]
    fn a_disk_that_takes_longer_is_slower() {
        assert!(report(90, 100).speed(Work::Read).is_some_and(|speed| (speed - 0.9).abs() < 1e-9));
        assert!(report(90, 100).to_string().contains("0.90"));
        assert_eq!(report(100, 50).speed(Work::Write), Some(2.0));
    }
}
