//! How fast batches of frames get from one worker to another, and nothing else: by messages, and through a ring in shared memory, as the extension
//! sends them in one browser and in the other. `benches/ways.js` has both.

use super::server::PlainPage;
use super::statistics::{Summary, ratio};
use anyhow::{Context, Result, ensure};
use driver::Browser;
use serde_json::json;
use std::fmt::{self, Display};
use std::time::Duration;

/// Bytes of a batch, and how many are sent: a short frame, a long one, and what goes to a machine at most.
const BATCHES: [(usize, usize); 3] = [(128, 50_000), (16 << 10, 8_000), (128 << 10, 2_000)];
/// Both ways, and what they are called.
const WAYS: [&str; 2] = ["messages", "ring"];

/// The times of one round, by [`BATCHES`] and [`WAYS`].
type Round = [[Duration; WAYS.len()]; BATCHES.len()];

/// All rounds but the first, in which everything warms up.
#[derive(Debug, Default)]
pub struct Ways(Vec<Round>);

impl Ways {
    /// Measures in a page of its own.
    pub async fn measure(browser: &Browser, page: &PlainPage, rounds: u32) -> Result<Self> {
        browser.new_window(&page.ways_url()).await?;
        let ready = async || {
            Ok(browser.eval("return typeof measure === 'function' && crossOriginIsolated", vec![]).await? == true)
        };
        browser.wait_until("the page with both ways", Duration::from_secs(30), ready).await?;
        let mut measured = vec![];
        for number in 0..=rounds {
            let mut round = Round::default();
            for ((batch, count), times) in BATCHES.iter().zip(&mut round) {
                for (way, took) in WAYS.iter().zip(times) {
                    let said = browser
                        .eval_async("return measure(...arguments)", vec![json!(way), json!(batch), json!(count)])
                        .await?;
                    *took = Duration::from_secs_f64(said.as_f64().context("no time")? / 1000.0);
                    ensure!(!took.is_zero(), "no time has passed");
                    eprintln!("round {number}: batches of {batch} bytes by {way:<8} {:>6} ms", took.as_millis());
                }
            }
            measured.push(round);
        }
        measured.remove(0);
        Ok(Self(measured))
    }

    fn median(&self, batch: usize, way: usize) -> Option<Duration> {
        let times: Vec<_> = self.0.iter().map(|round| round[batch][way]).collect();
        Some(Summary::of(&times)?.median)
    }
}

impl Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Between two workers with nothing else to do, at most 512 KiB ahead: by messages whose bytes are handed over, and through a ring in shared memory (medians; the speed is the ring’s where that of messages is 1).\n"
        )?;
        writeln!(f, "| batches of | messages, MiB/s | ring, MiB/s | speed | a batch takes |")?;
        writeln!(f, "| ---: | ---: | ---: | ---: | ---: |")?;
        for (index, (batch, count)) in BATCHES.iter().enumerate() {
            let (Some(messages), Some(ring)) = (self.median(index, 0), self.median(index, 1)) else { continue };
            let mib = (batch * count) as f64 / f64::from(1 << 20);
            let [by_messages, by_ring] = [messages, ring].map(|time| mib / time.as_secs_f64());
            let speed = ratio(messages, ring).unwrap_or_default();
            let each = [messages, ring].map(|time| 1e6 * time.as_secs_f64() / *count as f64);
            writeln!(
                f,
                "| {batch} bytes | {by_messages:.0} | {by_ring:.0} | {speed:.2} | {:.0} µs, {:.0} µs |",
                each[0], each[1]
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_shown_side_by_side() {
        let [fast, slow] = [100, 200].map(Duration::from_millis);
        let text = Ways(vec![[[slow, fast]; BATCHES.len()]]).to_string();
        assert!(text.contains("| 16384 bytes | 625 | 1250 | 2.00 | 25 µs, 12 µs |"), "{text}");
    }
}
