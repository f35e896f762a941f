//! What is done with disks of machines that don't run: making, cloning and freezing them, which must neither take long nor
//! copy anything, however big a disk is.

use super::statistics::Summary;
use anyhow::{Context, Result, bail};
use driver::Browser;
use e2e::Workbench;
use protocol::{DiskReply, DiskRequest, InstanceId, PageRequest, State};
use serde::Deserialize;
use serde_json::json;
use std::fmt::{self, Display};
use std::time::Duration;

/// The disk's size, in bytes.
const SIZE: u64 = 2 << 30;
/// What each may take.
const TARGET: Duration = Duration::from_millis(100);
/// A new layer is a header, its refcounts and an L1 table, 256 KiB, and a clone makes two: more would be somebody’s data.
const BYTES_MAX: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks the background, and measures from the question to the answer by the page's clock.
const TIMED: &str = "
    const started = performance.now();
    const answer = await window.remote.call(arguments[0]);
    return { milliseconds: performance.now() - started, answer };";
/// The bytes of all files in the private file system.
const BYTES: &str = "
    const size = async (folder) => {
        let bytes = 0;
        for await (const handle of folder.values()) {
            bytes += handle.kind === 'file' ? (await handle.getFile()).size : await size(handle);
        }
        return bytes;
    };
    return size(await navigator.storage.getDirectory());";

/// What was done how often.
#[derive(Debug, Default)]
pub struct Layers(Vec<Step>);

#[derive(Debug)]
struct Step {
    what: &'static str,
    times: Vec<Duration>,
    /// How many bytes the private file system has grown by, at most.
    bytes: u64,
}

#[derive(Deserialize)]
struct Timed {
    milliseconds: f64,
    answer: Result<protocol::Reply, protocol::Problem>,
}

async fn bytes(browser: &Browser) -> Result<u64> {
    browser.eval_async(BYTES, vec![]).await?.as_u64().context("the private file system has no size")
}

impl Step {
    fn new(what: &'static str) -> Self {
        Self { what, times: vec![], bytes: 0 }
    }

    async fn take(&mut self, browser: &Browser, request: &PageRequest) -> Result<protocol::Reply> {
        let before = bytes(browser).await?;
        let timed = browser.eval_async(TIMED, vec![json!(request)]).await?;
        let Timed { milliseconds, answer } = serde_json::from_value(timed)?;
        self.bytes = self.bytes.max(bytes(browser).await?.saturating_sub(before));
        self.times.push(Duration::from_secs_f64(milliseconds / 1e3));
        answer.map_err(|problem| anyhow::anyhow!("{}: {}", self.what, problem.message))
    }

    fn is_good(&self) -> bool {
        let quick = Summary::of(&self.times).is_some_and(|summary| summary.median < TARGET);
        quick && self.bytes <= BYTES_MAX
    }
}

/// A stopped machine with a disk of 2 GiB.
async fn big(workbench: &Workbench<'_>) -> Result<InstanceId> {
    let id = workbench.launch().await?;
    workbench.console(&id).await?.wait_for_prompt(PATIENCE).await?;
    workbench.call(&PageRequest::Stop(id.clone())).await?;
    workbench.wait_for_state(&id, &[State::Stopped], PATIENCE).await?;
    workbench.disks(DiskRequest::GrowSystem { id: id.clone(), bytes: SIZE }).await?;
    let mut console = {
        workbench.call(&PageRequest::Start(id.clone())).await?;
        workbench.console(&id).await?
    };
    console.wait_for_prompt(PATIENCE).await?;
    // Something that could be copied.
    console
        .exec(
            "until df -m / | grep -q ' 1[0-9][0-9][0-9] '; do sleep 1; done; yes | head -c 64M > /root/f; sync",
            PATIENCE,
        )
        .await?;
    workbench.call(&PageRequest::Stop(id.clone())).await?;
    workbench.wait_for_state(&id, &[State::Stopped], PATIENCE).await?;
    Ok(id)
}

/// Does each so many times after one to warm up.
pub async fn measure(browser: &Browser, rounds: u32) -> Result<Layers> {
    let workbench = Workbench::open(browser).await?;
    let id = big(&workbench).await?;
    let (mut snapshot, mut clone, mut make) = (
        Step::new("snapshot of a stopped machine, 2 GiB"),
        Step::new("clone of a stopped machine, 2 GiB"),
        Step::new("a new machine from a snapshot, 2 GiB"),
    );
    for round in 0..=rounds {
        let name = format!("round {round}");
        let taken = DiskRequest::TakeSnapshot { id: id.clone(), name, memory: false };
        snapshot.take(browser, &PageRequest::Disks(taken)).await?;
        let snapshots = workbench.show_disks(&id).await?.snapshots;
        let from = snapshots.last().context("the snapshot is not there")?.id.clone();
        let asked = [(&mut clone, None), (&mut make, Some(from))];
        for (step, snapshot) in asked {
            let request = PageRequest::Disks(DiskRequest::Clone { id: id.clone(), snapshot });
            match step.take(browser, &request).await? {
                protocol::Reply::Disks(DiskReply::Instance(made)) => {
                    workbench.call(&PageRequest::Delete(made)).await?;
                }
                other => bail!("{}: {other:?}", step.what),
            }
        }
    }
    let mut steps = vec![make, clone, snapshot];
    for step in &mut steps {
        step.times.remove(0);
        eprintln!("{}: {:?}, {} bytes", step.what, step.times, step.bytes);
    }
    Ok(Layers(steps))
}

impl Layers {
    /// Whether everything is quick and copies nothing.
    pub fn is_good(&self) -> bool {
        self.0.iter().all(Step::is_good)
    }
}

impl Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "From a page’s question to the background’s answer, with 64 MiB of data in the machine’s own layer:\n"
        )?;
        writeln!(f, "| what | median | min | max | target | private file system grew by |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
        for step in &self.0 {
            let Some(Summary { median, min, max, .. }) = Summary::of(&step.times) else { continue };
            let [median, min, max] = [median, min, max].map(|time| time.as_secs_f64() * 1e3);
            let (limit, kib) = (TARGET.as_millis(), step.bytes.div_ceil(1 << 10));
            writeln!(f, "| {} | {median:.0} ms | {min:.0} ms | {max:.0} ms | < {limit} ms | {kib} KiB |", step.what)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_no_good_however_quick() {
        let step = |bytes, milliseconds| Step { what: "", times: vec![Duration::from_millis(milliseconds)], bytes };
        assert!(step(BYTES_MAX, 99).is_good());
        assert!(!step(BYTES_MAX + 1, 1).is_good());
        assert!(!step(0, 100).is_good());
    }
}
