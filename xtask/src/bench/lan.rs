//! How fast the network is: our LAN between two guests against v86's `inbrowser`, our gateway's download against v86's `fetch`.

use super::disk::{PATIENCE, plain_line, plain_prompt};
use super::report::{Circumstances, Verdict, put_section};
use super::server::{DOWNLOAD, DOWNLOAD_BYTES, PlainPage};
use super::sides::remove;
use super::statistics::{Summary, ratio};
use anyhow::{Context, Result, ensure};
use driver::Browser;
use e2e::{Console, Workbench};
use protocol::{Access, PageRequest};
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] = ["<!-- network: written by `cargo xtask bench --lan --write` -->", "<!-- end of network -->"];

/// The addresses of v86's two guests: its own network gives none.
const PLAIN_ADDRESSES: [&str; 2] = ["10.9.9.1", "10.9.9.2"];

/// Makes, in the guest's memory, what is sent, and a function that says how long something took by the guest's clock.
const PREPARE: &str = "mkdir -p /tmp/m; mount -t tmpfs m /tmp/m; yes workbench | head -c 33554432 > /tmp/m/s; \
    t() { read -r a _ < /proc/uptime; eval \"$1\" && read -r b _ < /proc/uptime && echo \"took $a $b\"; }";
/// Takes in what others send, and ends the connection when it has all.
const LISTEN: &str = "(nc -ll -p 7000 -e sh -c 'cat > /dev/null' < /dev/null > /dev/null 2>&1 &)";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// 32 MiB from one guest to the other by TCP.
    Transfer,
    /// 32 MiB from a web server of the computer by HTTP.
    Download,
}

impl Work {
    /// All.
    pub const ALL: [Self; 2] = [Self::Transfer, Self::Download];

    /// How many times as fast as v86's ours must be at least.
    fn target(self) -> f64 {
        match self {
            Self::Transfer => 1.5,
            Self::Download => 2.0,
        }
    }

    /// The sides' names.
    fn sides(self) -> [&'static str; 2] {
        match self {
            Self::Transfer => ["v86’s `inbrowser`", "our LAN"],
            Self::Download => ["v86’s `fetch`", "our gateway"],
        }
    }
}

impl Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Transfer => "TCP between two guests, 32 MiB",
            Self::Download => "HTTP download, 32 MiB",
        })
    }
}

/// The times of one round, by [`Work::ALL`]: v86's and ours.
#[derive(Debug, Clone)]
pub struct Round([[Duration; 2]; 2]);

/// What the guest says of its clock before and after: `took 12.34 15.67`.
fn time(printed: &str) -> Result<Duration> {
    let took = printed.lines().find_map(|line| line.trim().strip_prefix("took "));
    let took = took.with_context(|| format!("the guest measured nothing, and said: {printed}"))?;
    let (from, to) = took.split_once(' ').context("one time is missing")?;
    let seconds = to.trim().parse::<f64>()? - from.parse::<f64>()?;
    Ok(Duration::from_secs_f64(seconds.max(0.01)))
}

fn send(to: &str) -> String {
    format!("t 'nc {to} 7000 < /tmp/m/s'")
}

/// Downloads by the shell's `http_proxy`, if it has one, and fails unless all has come.
fn download(url: &str) -> String {
    format!("t '[ $(wget -q -O - {url} | wc -c) = {DOWNLOAD_BYTES} ]'")
}

/// Repeats a command until it succeeds.
fn until(command: &str) -> String {
    format!("until {command} > /dev/null 2>&1; do usleep 100000; done")
}

/// Measures in the plain page's guest, looking once a second: a browser's script may not take longer than half a minute.
async fn plain_time(browser: &Browser, command: &str) -> Result<Duration> {
    plain_line(browser, &format!("(({command}; echo ended) > /tmp/m/took 2>&1 &)")).await?;
    let begun = Instant::now();
    loop {
        let said = plain_line(browser, "sleep 1; cat /tmp/m/took").await?;
        if said.contains("ended") {
            return time(&said);
        }
        ensure!(begun.elapsed() < PATIENCE, "{command} did not end within {} seconds", PATIENCE.as_secs());
    }
}

/// Two pages, each with a machine of v86's, on one network of v86's.
async fn v86_transfer(browser: &Browser, page: &PlainPage) -> Result<Duration> {
    let own = browser.tab().await?;
    let [from, to] = PLAIN_ADDRESSES;
    // Nobody gives addresses there.
    let up = |address| format!("killall -9 udhcpc; ip address replace {address}/24 dev eth0");
    browser.open(&page.url_with("inbrowser")).await?;
    plain_prompt(browser).await?;
    plain_line(browser, PREPARE).await?;
    plain_line(browser, &up(from)).await?;
    let other = browser.new_tab(&page.url_with("inbrowser")).await?;
    plain_prompt(browser).await?;
    plain_line(browser, &up(to)).await?;
    plain_line(browser, LISTEN).await?;
    browser.switch_to(&own).await?;
    plain_line(browser, &until(&format!("ping -c 1 -W 1 {to}"))).await?;
    let took = plain_time(browser, &send(to)).await?;
    browser.switch_to(&other).await?;
    browser.close_tab().await?;
    browser.switch_to(&own).await?;
    browser.open("about:blank").await?;
    Ok(took)
}

async fn v86_download(browser: &Browser, page: &PlainPage) -> Result<Duration> {
    browser.open(&page.url_with("fetch")).await?;
    plain_prompt(browser).await?;
    plain_line(browser, PREPARE).await?;
    plain_line(browser, &until("ip route | grep -q default")).await?;
    let took = plain_time(browser, &download(&format!("http://{}.external{DOWNLOAD}", page.port()))).await?;
    browser.open("about:blank").await?;
    Ok(took)
}

async fn run(console: &mut Console<'_>, command: &str) -> Result<String> {
    let done = console.exec(command, PATIENCE).await?;
    ensure!(done.status == 0, "{command}: {}", done.text());
    Ok(done.text())
}

/// Two machines of the extension on its LAN; then one that downloads.
async fn ours(browser: &Browser, page: &PlainPage) -> Result<[Duration; 2]> {
    let workbench = Workbench::open(browser).await?;
    let (from, to) = (workbench.launch().await?, workbench.launch().await?);
    let name = workbench.instance(&to).await?.name;
    let mut listener = workbench.console(&to).await?;
    listener.wait_for_prompt(PATIENCE).await?;
    run(&mut listener, LISTEN).await?;
    let mut console = workbench.console(&from).await?;
    console.wait_for_prompt(PATIENCE).await?;
    run(&mut console, PREPARE).await?;
    run(&mut console, &until(&format!("ping -c 1 -W 1 {name}.lan"))).await?;
    let transfer = time(&run(&mut console, &send(&format!("{name}.lan"))).await?)?;
    remove(browser, &to).await?;

    let host = format!("127.0.0.1:{}", page.port());
    let access = Access { hosts: vec![host.clone()], ..Access::default() };
    workbench.call(&PageRequest::SetAccess(from.clone(), access)).await?;
    run(&mut console, "export http_proxy=http://gateway.lan:3128").await?;
    let fetched = run(&mut console, &download(&format!("http://{host}{DOWNLOAD}"))).await?;
    remove(browser, &from).await?;
    Ok([transfer, time(&fetched)?])
}

/// Each side once.
pub async fn round(browser: &Browser, page: &PlainPage, number: u32) -> Result<Round> {
    let transfer = v86_transfer(browser, page).await?;
    let [our_transfer, our_download] = ours(browser, page).await?;
    let round = Round([[transfer, our_transfer], [v86_download(browser, page).await?, our_download]]);
    for (work, [theirs, ours]) in Work::ALL.iter().zip(round.0) {
        let [theirs, ours] = [theirs, ours].map(|time| time.as_millis());
        let [name, own] = work.sides();
        eprintln!("round {number}: {work:<32} {name} {theirs:>6} ms, {own} {ours:>6} ms");
    }
    Ok(round)
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
        let all = |side: usize| Summary::of(&self.rounds.iter().map(|round| round.0[index][side]).collect::<Vec<_>>());
        Some([all(0)?, all(1)?])
    }

    /// How fast ours is where v86's is 1.
    fn speed(&self, index: usize) -> Option<f64> {
        let [theirs, ours] = self.summaries(index)?;
        ratio(theirs.median, ours.median)
    }

    /// Whether everything is as fast as it must be.
    pub fn verdict(&self) -> Verdict {
        let fast = |(index, work): (usize, &Work)| self.speed(index).is_some_and(|speed| speed >= work.target());
        self.circumstances.verdict(Work::ALL.iter().enumerate().all(fast))
    }

    /// The file's text with this report in it, in place of an older one or at the end.
    pub fn put_into(&self, text: &str) -> Result<String> {
        put_section(MARKS, self, text)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## The network\n")?;
        writeln!(
            f,
            "The same guest with the same card (virtio) on v86’s own networks, in plain pages, and on ours. v86’s two guests are in a tab each, \
             and so are ours in a worker each; v86’s packets are 1500 bytes long, ours 16000 on the LAN. {} rounds after one to warm up, taking \
             turns, fresh machines each time. Times are the sending or downloading guest’s own.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| what | side | median | min | max | MiB/s | speed | target |")?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (index, work) in Work::ALL.iter().enumerate() {
            let Some(summaries) = self.summaries(index) else { continue };
            let speed = self.speed(index).map_or_else(String::new, |speed| format!("{speed:.2}"));
            let target = format!("≥ {}", work.target());
            let besides = [("1.00", ""), (speed.as_str(), target.as_str())];
            for ((name, summary), (speed, target)) in work.sides().into_iter().zip(summaries).zip(besides) {
                let Summary { median, min, max, .. } = summary;
                let rate = 32.0 / median.as_secs_f64();
                let [median, min, max] = [median, min, max].map(|time| time.as_millis());
                writeln!(
                    f,
                    "| {work} | {name} | {median} ms | {min} ms | {max} ms | {rate:.1} | {speed} | {target} |"
                )?;
            }
        }
        writeln!(f, "\nTargets: **{}**.", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_guest_says_is_read_and_what_failed_is_no_time() {
        assert_eq!(time("took 1.00 2.50\r\n").unwrap(), Duration::from_millis(1500));
        assert!(time("wget: server returned error: HTTP/1.1 403 Forbidden\r\n").is_err());
    }
}
