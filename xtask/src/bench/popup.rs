//! How soon a popup shows the machines when the service worker is asleep, beside a page of the same extension with nothing in it.

use super::disk::PATIENCE;
use super::report::{Circumstances, Section, Verdict};
use super::statistics::Summary;
use anyhow::{Context, Result};
use driver::Browser;
use e2e::Workbench;
use protocol::{PageRequest, State};
use std::fmt::{self, Display};
use std::time::Duration;

/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] = ["<!-- popup: written by `cargo xtask bench --popup --write` -->", "<!-- end of popup -->"];
/// How long it may take at the median.
const TARGET: Duration = Duration::from_millis(150);
/// The page with nothing in it, which is put into a copy of the extension.
pub const EMPTY: (&str, &str) =
    ("empty.html", "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Empty</title><p>Nothing</p>\n");
/// It sleeps when so many looks have found it asleep.
const LOOKS: u32 = 5;
/// How many machines there are.
const MACHINES: usize = 3;

/// When the page painted its machines, or painted first, in milliseconds since it was navigated to.
const SHOWN: &str = "
    const entry = await new Promise((resolve) => {
      const look = () => {
        const paint = performance.getEntriesByName('first-contentful-paint')[0];
        const mark = arguments[0] ? performance.getEntriesByName('machines-shown')[0] : paint;
        if (paint && mark) resolve(Math.max(paint.startTime, mark.startTime)); else setTimeout(look, 5);
      };
      look();
    });
    return entry;";

/// One popup and one empty page.
#[derive(Debug, Clone)]
pub struct Round {
    popup: Duration,
    empty: Duration,
}

/// Makes the machines that are shown.
pub async fn prepare(browser: &Browser) -> Result<()> {
    let workbench = Workbench::open(browser).await?;
    for _ in 0..MACHINES {
        let id = workbench.launch().await?;
        workbench.wait_for_state(&id, &[State::Running], PATIENCE).await?;
        workbench.call(&PageRequest::ForceStop(id.clone())).await?;
        workbench.wait_for_state(&id, &[State::Stopped], PATIENCE).await?;
    }
    Ok(())
}

/// Puts the service worker to sleep, and opens a page.
async fn shown(browser: &Browser, page: &str, machines: bool) -> Result<Duration> {
    browser.driver().goto("about:blank").await?;
    // The page before may have had it open the host page, which wakes it once more.
    let mut asleep = 0;
    let sleeps = async || {
        asleep = if browser.service_worker_running().await? { 0 } else { asleep + 1 };
        if asleep == 0 {
            browser.kill_service_worker().await?;
        }
        Ok(asleep > LOOKS)
    };
    browser.wait_until("the service worker to sleep", PATIENCE, sleeps).await?;
    browser.open(page).await?;
    let answer = browser.eval_async(SHOWN, vec![machines.into()]).await?;
    Ok(Duration::from_secs_f64(answer.as_f64().context("no time was measured")? / 1000.0))
}

/// Opens both.
pub async fn round(browser: &Browser, number: u32) -> Result<Round> {
    let popup = shown(browser, "popup/index.html", true).await?;
    let empty = shown(browser, EMPTY.0, false).await?;
    eprintln!("round {number}: popup {popup:.0?}, empty page {empty:.0?}");
    Ok(Round { popup, empty })
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
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        MARKS
    }

    fn verdict(&self) -> Verdict {
        self.circumstances.verdict(self.summary(|round| round.popup).is_some_and(|summary| summary.median < TARGET))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## The popup\n")?;
        writeln!(
            f,
            "From opening the popup’s page, with the service worker asleep, until the page has painted the names and states of its {MACHINES} machines; beside a page of the \
             same extension with a word in it, until it has painted that. {} rounds after one to warm up, taking turns.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| page | median | p95 | min | max | target |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
        for (what, summary, target) in [
            ("popup with its machines", self.summary(|round| round.popup), format!("< {} ms", TARGET.as_millis())),
            ("empty page", self.summary(|round| round.empty), String::new()),
        ] {
            let Some(Summary { median, p95, min, max }) = summary else { continue };
            let [median, p95, min, max] = [median, p95, min, max].map(|time| time.as_millis());
            writeln!(f, "| {what} | {median} ms | {p95} ms | {min} ms | {max} ms | {target} |")?;
        }
        writeln!(f, "\nTarget: **{}**.", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_popup_misses_its_target() {
        let report = |popup| Report {
            circumstances: Circumstances { browser: "A".into(), processors: 2, load: [0.0, 0.0], guest: "B".into() },
            rounds: vec![Round { popup: Duration::from_millis(popup), empty: Duration::from_millis(20) }],
        };
        assert_eq!(report(149).verdict(), Verdict::Met);
        assert_eq!(report(150).verdict(), Verdict::Missed);
        assert!(report(120).to_string().contains("120 ms"));
    }
}
