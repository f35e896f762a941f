//! How fast machines of two browsers reach each other, over cables of all qualities: against two machines of one browser, and
//! against a WebRTC data channel with nothing around it between the same two browsers.

use super::lan::{LISTEN, send, time, until};
use super::report::{Circumstances, Section, Verdict};
use super::statistics::{Summary, ratio};
use anyhow::{Context, Result, ensure};
use driver::{Kind, LaunchOptions, Network};
use e2e::peers::{Side as Host, pair};
use e2e::{Console, Workbench};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::time::Duration;

/// Around the parts of `docs/benchmarks.md` that are written here.
const MARKS: [[&str; 2]; 4] = [
    ["<!-- peers: written by `cargo xtask bench --peers --write` -->", "<!-- end of peers -->"],
    [
        "<!-- peers, to Firefox: written by `cargo xtask bench --peers --other firefox --write` -->",
        "<!-- end of peers, to Firefox -->",
    ],
    [
        "<!-- peers, from Firefox: written by `cargo xtask bench --peers --browser firefox --other chromium --write` -->",
        "<!-- end of peers, from Firefox -->",
    ],
    [
        "<!-- peers, Firefox: written by `cargo xtask bench --peers --browser firefox --write` -->",
        "<!-- end of peers, Firefox -->",
    ],
];
/// How fast machines of two browsers have to be at least, where the slower of the other two is 1.
const TARGET: f64 = 0.8;
/// So many transfers of each side go before anything counts: the less a side does, the later the browser compiles what does it.
const WARM_UP: u32 = 16;
/// A transfer over a bad cable.
const PATIENCE: Duration = Duration::from_secs(300);
/// Of which one host has the cable.
const FAR: usize = 2;

/// A cable, and how much is sent over it.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// How long a frame takes, each way, in milliseconds.
    delay: u64,
    /// How many of a hundred frames are lost, each way.
    loss: u32,
    /// In KiB; so much that it takes some seconds, and that a few round trips to connect and to end count for little.
    kib: usize,
}

/// All, in the order of a round.
pub const QUALITIES: [Quality; 9] = [
    Quality { delay: 0, loss: 0, kib: 65536 },
    Quality { delay: 20, loss: 0, kib: 4096 },
    Quality { delay: 100, loss: 0, kib: 4096 },
    Quality { delay: 0, loss: 1, kib: 65536 },
    Quality { delay: 20, loss: 1, kib: 1024 },
    Quality { delay: 100, loss: 1, kib: 1024 },
    Quality { delay: 0, loss: 3, kib: 32768 },
    Quality { delay: 20, loss: 3, kib: 512 },
    Quality { delay: 100, loss: 3, kib: 1024 },
];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// TCP between two machines of one browser.
    OneBrowser,
    /// The same bytes over a reliable data channel between the two browsers.
    Channel,
    /// TCP from a machine of one browser to one of the other.
    Peer,
}

impl Side {
    const ALL: [Self; 3] = [Self::OneBrowser, Self::Channel, Self::Peer];
}

impl Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OneBrowser => "one browser",
            Self::Channel => "data channel",
            Self::Peer => "two browsers",
        })
    }
}

/// One transfer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transfer {
    took: Duration,
    /// Which share of the computer's processors was busy meanwhile, with whatever.
    busy: f64,
}

/// The transfers of one round, by [`QUALITIES`] and [`Side::ALL`].
pub type Round = [[Transfer; Side::ALL.len()]; QUALITIES.len()];

/// How long the processors have been idle, and how long they have been there at all, in ticks (proc(5), `/proc/stat`).
fn ticks() -> Result<[u64; 2]> {
    let text = std::fs::read_to_string("/proc/stat").context("/proc/stat can't be read")?;
    ticks_of(&text).context("/proc/stat says nothing of the processors")
}

fn ticks_of(stat: &str) -> Option<[u64; 2]> {
    let all: Vec<u64> =
        stat.lines().next()?.strip_prefix("cpu ")?.split(' ').filter_map(|it| it.parse().ok()).collect();
    // A guest's time is among the user's already.
    Some([*all.get(3)?, all.iter().take(8).sum()])
}

/// Which share of the processors was busy between two times.
fn busy([idle_before, before]: [u64; 2], [idle, now]: [u64; 2]) -> f64 {
    let all = now.saturating_sub(before).max(1);
    1.0 - idle.saturating_sub(idle_before).min(all) as f64 / all as f64
}

/// Makes a connection and its channel; gives the description once all addresses are in it.
const OFFER: &str = "
    const pc = new RTCPeerConnection();
    const channel = pc.createDataChannel('raw');
    window.raw = { pc, channel };
    channel.binaryType = 'arraybuffer';
    const gathered = new Promise((done) => pc.addEventListener('icegatheringstatechange',
        () => pc.iceGatheringState === 'complete' && done()));
    await pc.setLocalDescription();
    await gathered;
    return pc.localDescription.sdp;";
/// The other end, which answers each transfer when all of it has come.
const ANSWER: &str = "
    const pc = new RTCPeerConnection();
    window.raw = { pc };
    pc.ondatachannel = ({ channel }) => {
        channel.binaryType = 'arraybuffer';
        let left = 0;
        channel.onmessage = ({ data }) => {
            if (typeof data === 'string') left = Number(data);
            else if ((left -= data.byteLength) === 0) channel.send('all');
        };
    };
    const gathered = new Promise((done) => pc.addEventListener('icegatheringstatechange',
        () => pc.iceGatheringState === 'complete' && done()));
    await pc.setRemoteDescription({ type: 'offer', sdp: arguments[0] });
    await pc.setLocalDescription();
    await gathered;
    return pc.localDescription.sdp;";
/// Waits until the channel is open.
const OPEN: &str = "
    const { pc, channel } = window.raw;
    const open = new Promise((done) => channel.addEventListener('open', done));
    await pc.setRemoteDescription({ type: 'answer', sdp: arguments[0] });
    await open;
    return true;";
/// Sends so many bytes; gives the milliseconds until the other side has said that it has all.
const SEND: &str = "
    const { channel } = window.raw;
    const piece = new Uint8Array(16384), bytes = arguments[0];
    channel.bufferedAmountLowThreshold = 131072;
    const all = new Promise((done) => (channel.onmessage = done));
    const begun = performance.now();
    channel.send(`${bytes}`);
    for (let sent = 0; sent < bytes; sent += piece.length) {
        if (channel.bufferedAmount > 524288) await new Promise((low) => (channel.onbufferedamountlow = low));
        channel.send(piece);
    }
    await all;
    return performance.now() - begun;";

/// So much is in one file in a machine's memory, in KiB; what is longer is that file several times.
const FILE_KIB: usize = 16384;

/// The files that are so much together.
fn files(kib: usize) -> String {
    vec![format!("/tmp/m/{}", kib.min(FILE_KIB)); kib.div_ceil(FILE_KIB)].join(" ")
}

/// Makes them.
fn prepare() -> String {
    let sizes: BTreeSet<_> = QUALITIES.iter().map(|quality| quality.kib.min(FILE_KIB)).collect();
    let make: Vec<_> = sizes.iter().map(|kib| format!("yes workbench | head -c {kib}k > /tmp/m/{kib}")).collect();
    format!("mkdir -p /tmp/m; mount -t tmpfs m /tmp/m; {}", make.join("; "))
}

async fn run(console: &mut Console<'_>, command: &str) -> Result<String> {
    let done = console.exec(command, PATIENCE).await?;
    ensure!(done.status == 0, "{command}: {}", done.text());
    Ok(done.text())
}

async fn text(host: &Host, script: &str, argument: Value) -> Result<String> {
    let answer = host.browser.eval_async(script, vec![argument]).await?;
    Ok(answer.as_str().context("no description")?.to_owned())
}

/// Measures rounds with the browsers on two hosts, of which the second one's cable is bad; the first has two machines.
pub async fn measure(options: [LaunchOptions; 2], rounds: u32) -> Result<(String, Vec<Round>)> {
    let mut network = Network::new(2)?;
    let [ann, bob] = options;
    let ann = Host::new(ann, &network, 1, "ann", "network/index.html").await?;
    let bob = Host::new(bob, &network, FAR, "bob", "network/index.html").await?;
    let mut user_agents = BTreeSet::new();
    for side in [&ann, &bob] {
        let name = side.browser.eval("return navigator.userAgent", vec![]).await?;
        user_agents.insert(name.as_str().context("a browser without a name")?.to_owned());
    }
    let here = Workbench::open(&ann.browser).await?;
    let (from, to) = (here.launch().await?, here.launch().await?);
    for id in [&from, &to] {
        here.console(id).await?.wait_for_prompt(PATIENCE).await?;
    }
    let near = format!("{}.lan", here.instance(&to).await?.name);
    let there = Workbench::open(&bob.browser).await?;
    let other = there.launch().await?;
    there.console(&other).await?.wait_for_prompt(PATIENCE).await?;
    let far = format!("{}.bob.lan", there.instance(&other).await?.name);
    pair(&ann, &bob).await?;
    // Pairing has opened other pages.
    let mut sender = here.console(&from).await?;
    run(&mut here.console(&to).await?, LISTEN).await?;
    run(&mut there.console(&other).await?, LISTEN).await?;
    run(&mut sender, &prepare()).await?;
    for name in [&near, &far] {
        run(&mut sender, &until(&format!("ping -c 1 -W 5 {name}"))).await?;
    }
    let offer = text(&ann, OFFER, Value::Null).await?;
    let answer = text(&bob, ANSWER, json!(offer)).await?;
    ann.browser.eval_async(OPEN, vec![json!(answer)]).await?;

    let mut transfer = async |number: u32, side: Side, Quality { delay, loss, kib }: Quality| {
        let before = ticks()?;
        let took = match side {
            Side::OneBrowser => time(&run(&mut sender, &send(&near, &files(kib), kib)).await?)?,
            Side::Peer => time(&run(&mut sender, &send(&far, &files(kib), kib)).await?)?,
            Side::Channel => {
                let took = ann.browser.eval_async(SEND, vec![json!(kib << 10)]).await?;
                Duration::from_secs_f64(took.as_f64().context("no time")? / 1000.0)
            }
        };
        let busy = busy(before, ticks()?);
        let (millis, percent) = (took.as_millis(), 100.0 * busy);
        eprintln!("round {number}: {delay:>3} ms, {loss} %: {side:<12} {millis:>6} ms, {percent:.0} % busy");
        anyhow::Ok(Transfer { took, busy })
    };
    // The fastest cable brings the most to do.
    for _ in 0..WARM_UP {
        for side in Side::ALL {
            transfer(0, side, QUALITIES[0]).await?;
        }
    }
    let mut measured = vec![];
    for number in 1..=rounds {
        let mut round = Round::default();
        for (quality, times) in QUALITIES.into_iter().zip(&mut round) {
            network.set_cable(FAR, Duration::from_millis(quality.delay), f64::from(quality.loss))?;
            for (side, time) in Side::ALL.into_iter().zip(times) {
                *time = transfer(number, side, quality).await?;
            }
        }
        measured.push(round);
    }
    ann.browser.close().await?;
    bob.browser.close().await?;
    Ok((Vec::from_iter(user_agents).join("; "), measured))
}

/// The whole run.
#[derive(Debug)]
pub struct Report {
    /// Where and on what.
    pub circumstances: Circumstances,
    /// The browser that has two machines, of which one sends, and the other one.
    pub kinds: [Kind; 2],
    /// All.
    pub rounds: Vec<Round>,
}

impl Report {
    fn summary(&self, quality: usize, side: Side) -> Option<Summary> {
        let index = Side::ALL.iter().position(|other| *other == side)?;
        Summary::of(&self.rounds.iter().map(|round| round[quality][index].took).collect::<Vec<_>>())
    }

    /// Which share of the processors was busy while machines of two browsers were at work: the rounds' mean, in percent.
    fn busy(&self, quality: usize) -> f64 {
        let last = Side::ALL.len() - 1;
        100.0 * self.rounds.iter().map(|round| round[quality][last].busy).sum::<f64>() / self.rounds.len() as f64
    }

    /// How fast machines of two browsers are where the slower of the other two is 1.
    fn speed(&self, quality: usize) -> Option<f64> {
        let [one, channel, peer] = Side::ALL.map(|side| self.summary(quality, side).map(|summary| summary.median));
        ratio(one?.max(channel?), peer?)
    }
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        let [from, to] = self.kinds.map(|kind| usize::from(kind == Kind::Firefox));
        MARKS[2 * from + to]
    }

    fn verdict(&self) -> Verdict {
        let fast = |quality: usize| self.speed(quality).is_some_and(|speed| speed >= TARGET);
        self.circumstances.verdict((0..QUALITIES.len()).all(fast))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = self.kinds;
        match from == to {
            true => writeln!(f, "## Peers: {from} and {to}\n")?,
            false => writeln!(f, "## Peers: from {from} to {to}\n")?,
        }
        writeln!(
            f,
            "A machine sends to another one of its browser, and to one of another browser on another host (network namespaces; the cable between them \
             delays frames and loses some, each way). The data channel is a reliable one of a connection between the same two browsers, with nothing around it; the machines' frames go by two connections. \
             Everything is up all the time, and one side at a time is at work. {} rounds, after {WARM_UP} times each \
             side over the fastest cable to warm up. Medians; the speed is that of two \
             browsers where the slower of the other two is 1. Two browsers have all to do that the other two sides have together: where the processors \
             have nothing left (“busy”), the sum of both is what to expect.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| cable | sent | one browser | data channel | two browsers | KiB/s | busy | speed | target |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (index, Quality { delay, loss, kib }) in QUALITIES.iter().enumerate() {
            let medians = Side::ALL.map(|side| self.summary(index, side).map(|summary| summary.median));
            let [Some(one), Some(channel), Some(peer)] = medians else { continue };
            let rate = *kib as f64 / peer.as_secs_f64();
            let speed = self.speed(index).map_or_else(String::new, |speed| format!("{speed:.2}"));
            let [one, channel, peer] = [one, channel, peer].map(|time| time.as_millis());
            writeln!(
                f,
                "| {delay} ms, {loss} % | {kib} KiB | {one} ms | {channel} ms | {peer} ms | {rate:.0} | {:.0} % | {speed} | ≥ {TARGET} |",
                self.busy(index)
            )?;
        }
        writeln!(f, "\nTargets: **{}**.", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(round: [u64; 3]) -> Report {
        Report {
            kinds: [Kind::Chromium; 2],
            circumstances: Circumstances { browser: "A".into(), processors: 2, load: [0.0, 0.0], guest: "B".into() },
            rounds: vec![
                [round.map(|took| Transfer { took: Duration::from_millis(took), busy: 0.75 }); QUALITIES.len()],
            ],
        }
    }

    #[test]
    fn each_pair_of_browsers_has_a_section() {
        use Kind::{Chromium, Firefox};
        let pairs = [[Chromium, Chromium], [Chromium, Firefox], [Firefox, Chromium], [Firefox, Firefox]];
        let mut text = String::new();
        for kinds in pairs.into_iter().chain(pairs) {
            text = Report { kinds, ..report([1, 2, 3]) }.put_into(&text).unwrap();
        }
        assert_eq!(text.matches("## Peers: ").count(), pairs.len());
        assert!(text.contains("## Peers: from Chromium to Firefox\n"), "{text}");
    }

    #[test]
    fn the_slower_of_the_other_two_is_the_measure() {
        assert_eq!(report([800, 100, 1000]).verdict(), Verdict::Met);
        assert_eq!(report([100, 800, 1000]).verdict(), Verdict::Met);
        assert_eq!(report([790, 100, 1000]).verdict(), Verdict::Missed);
    }

    #[test]
    fn each_cable_has_a_line_with_all_times_and_the_rate() {
        let text = report([1000, 2000, 4000]).to_string();
        assert!(
            text.contains("| 20 ms, 1 % | 1024 KiB | 1000 ms | 2000 ms | 4000 ms | 256 | 75 % | 0.50 | ≥ 0.8 |"),
            "{text}"
        );
        assert_eq!(text.matches("≥ 0.8 |").count(), QUALITIES.len());
    }

    #[test]
    fn processors_are_busy_when_they_are_neither_idle_nor_taken_for_a_guests_time_twice() {
        let at = |user, idle| ticks_of(&format!("cpu  {user} 0 10 {idle} 5 0 5 0 99 0\ncpu0 1\n")).unwrap();
        assert_eq!(at(100, 80), [80, 200]);
        assert!((busy(at(100, 80), at(130, 90)) - 0.75).abs() < 1e-9);
        assert!(ticks_of("intr 5").is_none());
    }
}
