//! How long a machine takes to be suspended and to go on, and how big its saved memory is.

use super::disk::PATIENCE;
use super::report::{Circumstances, Section, Verdict};
use super::sides::remove;
use super::statistics::Summary;
use anyhow::{Context, Result};
use driver::Browser;
use e2e::Workbench;
use protocol::{InstanceId, PageRequest};
use serde_json::json;
use std::fmt::{self, Display};
use std::time::Duration;

/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] = ["<!-- lid: written by `cargo xtask bench --lid --write` -->", "<!-- end of lid -->"];
/// How long suspending may take, and how many bytes a freshly booted Alpine may.
const TARGETS: (Duration, u64) = (Duration::from_millis(1_500), 15_000_000);

/// Asks the background for something, and gives the milliseconds until the machine is in a state, as every page hears it.
const ASK: &str = "
    const [id, request, wanted] = arguments;
    return await new Promise((resolve, reject) => {
      const port = browser.runtime.connect({ name: 'page' });
      let began = null;
      port.onMessage.addListener((text) => {
        const event = JSON.parse(text);
        if (event.Answer?.result.Err) reject(new Error(event.Answer.result.Err.message));
        if (!event.World) return;
        const machine = event.World.instances.find((machine) => machine.id === id);
        if (began === null) {
          began = performance.now();
          port.postMessage(JSON.stringify({ call: 1, request: { [request]: id } }));
        } else if (machine.problem) {
          reject(new Error(machine.problem.message));
        } else if (machine.state === wanted) {
          port.disconnect();
          resolve(performance.now() - began);
        }
      });
    });";

/// The bytes of a machine's saved memory.
const SIZE: &str = "
    const instances = await (await navigator.storage.getDirectory()).getDirectoryHandle('instances');
    const directory = await instances.getDirectoryHandle(arguments[0]);
    for await (const [name, handle] of directory.entries())
      if (name.startsWith('memory-suspended')) return (await handle.getFile()).size;
    throw new Error('there is no saved memory');";

/// One time down and up.
#[derive(Debug, Clone)]
pub struct Round {
    suspend: Duration,
    resume: Duration,
    bytes: u64,
}

async fn asked(browser: &Browser, id: &InstanceId, request: &str, state: &str) -> Result<Duration> {
    let answer = browser.eval_async(ASK, vec![json!(id), json!(request), json!(state)]).await?;
    Ok(Duration::from_secs_f64(answer.as_f64().context("no time was measured")? / 1000.0))
}

/// Boots a fresh machine, suspends it and has it go on.
pub async fn round(browser: &Browser, number: u32) -> Result<Round> {
    let workbench = Workbench::open(browser).await?;
    let machine = workbench.launch().await?;
    workbench.console(&machine).await?.wait_for_prompt(PATIENCE).await?;
    // The first start goes on from the template's warm state; this one boots.
    workbench.call(&PageRequest::ForceStop(machine.clone())).await?;
    workbench.wait_for_state(&machine, &[protocol::State::Stopped], PATIENCE).await?;
    workbench.call(&PageRequest::Start(machine.clone())).await?;
    workbench.wait_for_state(&machine, &[protocol::State::Running], PATIENCE).await?;
    workbench.console(&machine).await?.wait_for_prompt(PATIENCE).await?;
    let suspend = asked(browser, &machine, "Suspend", "suspended").await?;
    let bytes = browser.eval_async(SIZE, vec![json!(machine)]).await?.as_u64().context("no size was measured")?;
    let resume = asked(browser, &machine, "Start", "running").await?;
    let mut console = workbench.console(&machine).await?;
    console.exec("true", PATIENCE).await?;
    remove(browser, &machine).await?;
    eprintln!("round {number}: suspended {suspend:.0?}, {bytes} bytes, goes on {resume:.0?}");
    Ok(Round { suspend, resume, bytes })
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
    fn summary(&self, what: fn(&Round) -> Duration) -> Option<Summary> {
        Summary::of(&self.rounds.iter().map(what).collect::<Vec<_>>())
    }

    fn biggest(&self) -> u64 {
        self.rounds.iter().map(|round| round.bytes).max().unwrap_or_default()
    }
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        MARKS
    }

    fn verdict(&self) -> Verdict {
        let quick = self.summary(|round| round.suspend).is_some_and(|summary| summary.median < TARGETS.0);
        self.circumstances.verdict(quick && self.biggest() < TARGETS.1)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Suspend and resume\n")?;
        writeln!(
            f,
            "From a page’s request until every page hears that the machine is suspended, or runs again. {} rounds after one to warm up, each with a \
             fresh machine right after it has booted.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| what | median | p95 | min | max | target |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
        let (limit, size) = TARGETS;
        let suspend = self.summary(|round| round.suspend);
        for (what, summary, target) in [
            ("suspend", suspend, format!("< {} ms", limit.as_millis())),
            ("go on", self.summary(|round| round.resume), String::new()),
        ] {
            let Some(Summary { median, p95, min, max }) = summary else { continue };
            let [median, p95, min, max] = [median, p95, min, max].map(|time| time.as_millis());
            writeln!(f, "| {what} | {median} ms | {p95} ms | {min} ms | {max} ms | {target} |")?;
        }
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        writeln!(
            f,
            "\nThe biggest saved memory has {}; target: under {}.\n",
            megabytes(self.biggest()),
            megabytes(size)
        )?;
        writeln!(f, "Targets: **{}**.", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(suspend: u64, bytes: u64) -> Report {
        let round = Round { suspend: Duration::from_millis(suspend), resume: Duration::from_millis(300), bytes };
        Report {
            circumstances: Circumstances { browser: "A".into(), processors: 2, load: [0.0, 0.0], guest: "B".into() },
            rounds: vec![round],
        }
    }

    #[test]
    fn a_slow_suspend_or_a_big_memory_misses_its_target() {
        assert_eq!(report(1_499, 14_999_999).verdict(), Verdict::Met);
        assert_eq!(report(1_500, 1).verdict(), Verdict::Missed);
        assert_eq!(report(1, 15_000_000).verdict(), Verdict::Missed);
        assert!(report(1_000, 6_300_000).to_string().contains("6.3 MB"));
    }
}
