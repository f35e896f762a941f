//! How fast the network is: our LAN between two guests against v86's `inbrowser`, our gateway's downloads against v86's `fetch`.

use super::disk::{PATIENCE, plain_line, plain_prompt};
use super::report::{Circumstances, Section, Verdict};
use super::server::{DOWNLOAD, DOWNLOAD_BYTES, PlainPage};
use super::statistics::{Summary, ratio};
use super::ways::Ways;
use anyhow::{Context, Result, ensure};
use driver::{Browser, Tab};
use e2e::{Console, Workbench};
use protocol::{Access, PageRequest};
use std::fmt::{self, Display};
use std::time::Duration;

/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] = ["<!-- network: written by `cargo xtask bench --lan --write` -->", "<!-- end of network -->"];
/// In so many rounds everything warms up: the fewer packets a side needs, the later the browser compiles what handles them.
pub const WARM_UP: u32 = 6;
/// How many bytes one guest sends to the other.
const SENT: usize = 16 << 20;
/// The most bytes of our LAN's packets, and of v86's.
const MTUS: [usize; 2] = [65_000, 1_500];
/// The addresses of v86's two guests: nobody gives them any there.
const PLAIN_ADDRESSES: [&str; 2] = ["10.9.9.1", "10.9.9.2"];
/// Where v86's `fetch` takes requests as a proxy, and where our gateway does.
const PROXIES: [&str; 2] = ["192.168.86.1:80", "gateway.lan:3128"];
/// Pieces of what is sent between guests, in KiB: so much is read at a time, since thousands of small reads would take longer than the network.
const PIECE_KIB: usize = 64;
/// Takes as many pieces as whoever connects says that it sends, and says when it has all.
/// Each has [`PIECE_KIB`].
pub(super) const LISTEN: &str = "(nc -ll -p 7000 -e sh -c 'read -r n; dd bs=64k count=$n iflag=fullblock of=/dev/null 2> /dev/null && echo all' > /dev/null 2>&1 < /dev/null &)";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// TCP between two guests on v86's network.
    InBrowser,
    /// The same on our LAN.
    Lan,
    /// The same with frames in messages, as where pages are not cross-origin isolated.
    MessageLan,
    /// The same with packets as long as v86's.
    SmallLan,
    /// A download through v86's `fetch`.
    Fetch,
    /// The same through our gateway.
    Gateway,
    /// The same with frames in messages.
    MessageGateway,
}

impl Side {
    /// All, in the order of a round.
    pub const ALL: [Self; 7] = [
        Self::InBrowser,
        Self::Lan,
        Self::MessageLan,
        Self::SmallLan,
        Self::Fetch,
        Self::Gateway,
        Self::MessageGateway,
    ];

    /// Which side of v86's it is measured against.
    fn against(self) -> Self {
        match self {
            Self::InBrowser | Self::Lan | Self::MessageLan | Self::SmallLan => Self::InBrowser,
            Self::Fetch | Self::Gateway | Self::MessageGateway => Self::Fetch,
        }
    }

    /// How many times as fast as that it must be at least.
    fn target(self) -> Option<f64> {
        match self {
            Self::Lan => Some(1.5),
            Self::Gateway => Some(2.0),
            Self::InBrowser | Self::MessageLan | Self::SmallLan | Self::Fetch | Self::MessageGateway => None,
        }
    }

    fn mib(self) -> f64 {
        let bytes = if self.against() == Self::InBrowser { SENT } else { DOWNLOAD_BYTES };
        bytes as f64 / f64::from(1 << 20)
    }

    fn work(self) -> &'static str {
        if self.against() == Self::InBrowser { "TCP between two guests" } else { "HTTP download" }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InBrowser => "v86’s `inbrowser`",
            Self::Lan => "our LAN",
            Self::MessageLan => "our LAN, by messages",
            Self::SmallLan => "our LAN, MTU 1500",
            Self::Fetch => "v86’s `fetch`",
            Self::Gateway => "our gateway",
            Self::MessageGateway => "our gateway, by messages",
        })
    }
}

/// The times of one round, by [`Side::ALL`].
pub type Round = [Duration; Side::ALL.len()];

/// Does it, and says what the guest's clock was before and after, unless it fails.
pub(super) fn timed(command: &str) -> String {
    format!("read -r a _ < /proc/uptime; {command} && read -r b _ < /proc/uptime && echo \"took $a $b\"")
}

/// What [`timed`] says: `took 12.34 15.67`, in seconds.
pub(super) fn time(printed: &str) -> Result<Duration> {
    let took = printed.lines().find_map(|line| line.trim().strip_prefix("took "));
    let took = took.with_context(|| format!("the guest measured nothing, and said: {printed}"))?;
    let (from, to) = took.split_once(' ').context("one time is missing")?;
    let seconds = to.trim().parse::<f64>()? - from.parse::<f64>()?;
    Ok(Duration::from_secs_f64(seconds.max(0.01)))
}

/// Where, in the guest's memory, files are.
const MEMORY: &str = "mkdir -p /tmp/m; mount -t tmpfs m /tmp/m";

/// Makes, in the guest's memory, what is sent.
fn prepare() -> String {
    format!("{MEMORY}; yes workbench | head -c {SENT} > /tmp/m/s")
}

/// Sends so many KiB of a file, and fails unless all has come.
pub(super) fn send(to: &str, file: &str, kib: usize) -> String {
    let pieces = kib / PIECE_KIB;
    let talk = format!("echo {pieces}; cat {file}; read -r said; echo $said > /tmp/m/said");
    let sent = timed(&format!("nc {to} 7000 -e sh -c '{talk}'"));
    format!("rm -f /tmp/m/said; {sent} && [ \"$(cat /tmp/m/said)\" = all ]")
}

/// Downloads into a file in the guest's memory, and fails unless all has come. A pipe in its place would take longer than the network.
fn download(proxy: &str, port: u16) -> String {
    let fetch = timed(&format!("http_proxy=http://{proxy} wget -q -O /tmp/m/d http://127.0.0.1:{port}{DOWNLOAD}"));
    format!("rm -f /tmp/m/d; {fetch} && [ \"$(wc -c < /tmp/m/d)\" = {DOWNLOAD_BYTES} ]")
}

/// Repeats a command of the guest until it succeeds.
pub(super) fn until(command: &str) -> String {
    format!("until {command} > /dev/null 2>&1; do usleep 100000; done")
}

/// Gives v86's guest an address, once its DHCP client has begun, has been ended, and its script takes no address away any more.
fn static_address(address: &str) -> String {
    let begun = until("[ -s /run/udhcpc.eth0.pid ]");
    let ended = until("! kill -9 $(cat /run/udhcpc.eth0.pid)");
    let quiet = until("! pidof dhcp");
    format!("{begun}; {ended}; {quiet}; ip link set dev eth0 up; ip address add {address}/24 dev eth0")
}

/// Opens a window with a guest on one of v86's networks: a browser may slow down a tab that is not seen.
async fn plain_window(browser: &Browser, page: &PlainPage, network: &str) -> Result<Tab> {
    let window = browser.new_window(&page.url_with(network)).await?;
    plain_prompt(browser).await?;
    Ok(window)
}

async fn run(console: &mut Console<'_>, command: &str) -> Result<String> {
    let done = console.exec(command, PATIENCE).await?;
    ensure!(done.status == 0, "{command}: {}", done.text());
    Ok(done.text())
}

/// Two machines on our LAN, of which the first sends and downloads.
struct Guests<'a> {
    browser: &'a Browser,
    /// A page of the extension, with the consoles of both.
    page: Tab,
    consoles: [Console<'a>; 2],
    /// The second one's name.
    to: String,
}

impl<'a> Guests<'a> {
    async fn start(browser: &'a Browser, port: u16) -> Result<Self> {
        let workbench = Workbench::open(browser).await?;
        let page = browser.tab().await?;
        let (from, to) = (workbench.launch().await?, workbench.launch().await?);
        let access = Access { hosts: vec![format!("127.0.0.1:{port}")], ..Access::default() };
        workbench.call(&PageRequest::SetAccess(from.clone(), access)).await?;
        let name = format!("{}.lan", workbench.instance(&to).await?.name);
        let mut consoles = [workbench.console(&from).await?, workbench.console(&to).await?];
        for console in &mut consoles {
            console.wait_for_prompt(PATIENCE).await?;
        }
        let [sender, listener] = &mut consoles;
        run(listener, LISTEN).await?;
        run(sender, &prepare()).await?;
        run(sender, &until(&format!("ping -c 1 -W 5 {name}"))).await?;
        Ok(Self { browser, page, consoles, to: name })
    }

    async fn measure(&mut self, mtu: usize, command: &str) -> Result<Duration> {
        self.browser.switch_to(&self.page).await?;
        for console in &mut self.consoles {
            run(console, &format!("ip link set dev eth0 mtu {mtu}")).await?;
        }
        time(&run(&mut self.consoles[0], command).await?)
    }
}

/// All machines, which stay up for all rounds.
pub struct Machines<'a> {
    browser: &'a Browser,
    port: u16,
    /// Ours, and in another browser those whose frames travel in messages.
    own: [Guests<'a>; 2],
    /// The window of v86's guest that sends to another one, and of the one that downloads.
    windows: [Tab; 2],
}

impl<'a> Machines<'a> {
    /// Boots them and waits until those of a network reach each other. The second browser's pages are not cross-origin isolated.
    pub async fn start(browser: &'a Browser, other: &'a Browser, page: &PlainPage) -> Result<Self> {
        let own = [Guests::start(browser, page.port()).await?, Guests::start(other, page.port()).await?];
        for (Guests { browser, page, .. }, isolated) in own.iter().zip([true, false]) {
            browser.switch_to(page).await?;
            let is = browser.eval("return crossOriginIsolated", vec![]).await?;
            ensure!(is == isolated, "pages are cross-origin isolated: {is}; expected: {isolated}");
        }
        let [from, to] = PLAIN_ADDRESSES;
        plain_window(browser, page, "inbrowser").await?;
        plain_line(browser, &static_address(to)).await?;
        plain_line(browser, LISTEN).await?;
        let sender = plain_window(browser, page, "inbrowser").await?;
        plain_line(browser, &static_address(from)).await?;
        plain_line(browser, &prepare()).await?;
        plain_line(browser, &until(&format!("ping -c 1 -W 5 {to}"))).await?;
        let downloader = plain_window(browser, page, "fetch").await?;
        plain_line(browser, &until("ip route | grep default")).await?;
        plain_line(browser, MEMORY).await?;
        Ok(Self { browser, port: page.port(), own, windows: [sender, downloader] })
    }

    async fn measure(&mut self, side: Side) -> Result<Duration> {
        let [ring, message] = &mut self.own;
        let [sender, downloader] = &self.windows;
        let (guests, mtu) = match side {
            Side::InBrowser | Side::Fetch => {
                let (window, command) = if side == Side::InBrowser {
                    (sender, send(PLAIN_ADDRESSES[1], "/tmp/m/s", SENT >> 10))
                } else {
                    (downloader, download(PROXIES[0], self.port))
                };
                self.browser.switch_to(window).await?;
                return time(&plain_line(self.browser, &command).await?);
            }
            Side::Lan | Side::Gateway => (ring, MTUS[0]),
            Side::SmallLan => (ring, MTUS[1]),
            Side::MessageLan | Side::MessageGateway => (message, MTUS[0]),
        };
        let command = if side.against() == Side::InBrowser {
            send(&guests.to, "/tmp/m/s", SENT >> 10)
        } else {
            download(PROXIES[1], self.port)
        };
        guests.measure(mtu, &command).await
    }

    /// Each side once.
    pub async fn round(&mut self, number: u32) -> Result<Round> {
        let mut round = Round::default();
        for (side, took) in Side::ALL.into_iter().zip(&mut round) {
            *took = self.measure(side).await?;
            eprintln!("round {number}: {:<24} {side:<24} {:>6} ms", side.work(), took.as_millis());
        }
        Ok(round)
    }
}

/// The whole run.
#[derive(Debug)]
pub struct Report {
    /// Where and on what.
    pub circumstances: Circumstances,
    /// All but the first ones, in which everything warms up.
    pub rounds: Vec<Round>,
    /// The ways frames can travel by, and nothing else.
    pub ways: Ways,
}

impl Report {
    fn summary(&self, side: Side) -> Option<Summary> {
        let index = Side::ALL.iter().position(|other| *other == side)?;
        Summary::of(&self.rounds.iter().map(|round| round[index]).collect::<Vec<_>>())
    }

    /// How fast a side is where v86's is 1.
    fn speed(&self, side: Side) -> Option<f64> {
        ratio(self.summary(side.against())?.median, self.summary(side)?.median)
    }
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        MARKS
    }

    fn verdict(&self) -> Verdict {
        let fast =
            |side: &Side| side.target().is_none_or(|target| self.speed(*side).is_some_and(|speed| speed >= target));
        self.circumstances.verdict(Side::ALL.iter().all(fast))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## The network\n")?;
        writeln!(
            f,
            "The same guest, with the same network card (virtio), on v86’s own networks in plain pages and on ours in the extension. v86’s guests are \
             in a window each, ours in a worker each; v86’s packets have 1500 bytes, ours 65000, and once as many as v86’s for comparison. Downloads \
             are from a server on the same computer, by each side’s own HTTP proxy, into a file in the guest’s memory. Our frames travel through shared memory, and in another browser, where the \
             pages are not cross-origin isolated, by messages. {} rounds after {WARM_UP} to warm up, taking turns; all seven machines are \
             up all the time, and one side at a time is at work. Times are the sending or downloading guest’s own.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        writeln!(f, "| what | side | median | min | max | MiB/s | speed | target |")?;
        writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for side in Side::ALL {
            let Some(Summary { median, min, max, .. }) = self.summary(side) else { continue };
            let speed = self.speed(side).map_or_else(String::new, |speed| format!("{speed:.2}"));
            let target = side.target().map_or_else(String::new, |target| format!("≥ {target}"));
            let (work, mib, rate) = (side.work(), side.mib(), side.mib() / median.as_secs_f64());
            let [median, min, max] = [median, min, max].map(|time| time.as_millis());
            writeln!(
                f,
                "| {work}, {mib} MiB | {side} | {median} ms | {min} ms | {max} ms | {rate:.1} | {speed} | {target} |"
            )?;
        }
        let gain = |by_messages, by_rings| {
            let [by_messages, by_rings] = [by_messages, by_rings].map(|side| self.summary(side));
            Some(format!("{:.2}", ratio(by_messages?.median, by_rings?.median)?))
        };
        if let (Some(lan), Some(gateway)) =
            (gain(Side::MessageLan, Side::Lan), gain(Side::MessageGateway, Side::Gateway))
        {
            writeln!(
                f,
                "\nThrough shared memory it is {lan} times as fast between guests as by messages, and {gateway} times for a download."
            )?;
        }
        write!(f, "\nTargets: **{}**.\n\n{}", self.verdict(), self.ways)
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

    fn report(round: [u64; 7]) -> Report {
        Report {
            circumstances: Circumstances { browser: "A".into(), processors: 2, load: [0.0, 0.0], guest: "B".into() },
            rounds: vec![round.map(Duration::from_millis)],
            ways: Ways::default(),
        }
    }

    #[test]
    fn both_targets_have_to_be_met_and_the_same_packets_are_only_shown() {
        assert_eq!(report([3000, 2000, 9000, 9000, 2000, 1000, 9000]).verdict(), Verdict::Met);
        assert_eq!(report([3000, 2001, 1, 1, 2000, 1000, 1]).verdict(), Verdict::Missed, "the LAN is too slow");
        assert_eq!(report([3000, 2000, 1, 1, 2000, 1001, 1]).verdict(), Verdict::Missed, "the gateway is too slow");
    }

    #[test]
    fn each_side_is_told_with_its_rate_and_its_speed_against_v86s_of_the_same_work() {
        let text = report([4000, 1000, 1500, 2000, 8000, 500, 600]).to_string();
        for wanted in [
            "v86’s `inbrowser` | 4000 ms | 4000 ms | 4000 ms | 4.0 | 1.00 |  |",
            "our LAN | 1000 ms | 1000 ms | 1000 ms | 16.0 | 4.00 | ≥ 1.5 |",
            "our LAN, by messages | 1500 ms | 1500 ms | 1500 ms | 10.7 | 2.67 |  |",
            "our LAN, MTU 1500 | 2000 ms | 2000 ms | 2000 ms | 8.0 | 2.00 |  |",
            "our gateway | 500 ms | 500 ms | 500 ms | 32.0 | 16.00 | ≥ 2 |",
            "it is 1.50 times as fast between guests as by messages, and 1.20 times for a download",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }
}
