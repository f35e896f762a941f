//! `cargo xtask bench`: how long a machine takes from Launch to its prompt, and how fast its disk and its network are, side by
//! side with a plain page.
//!
//! Both run in the same browser and take turns, so that what else the machine does falls on both. All times are taken by
//! the pages themselves (`benches/`), from the same clock.

mod disk;
mod lan;
mod layers;
mod lid;
mod peers;
mod popup;
mod report;
mod server;
mod share;
mod sides;
mod statistics;
mod ways;

use crate::build::{self, Extras};
use crate::run::{Name, dist};
use anyhow::{Context, Result};
use clap::Args;
use driver::{Browser, Kind, LaunchOptions};
use e2e::Workbench;
use guest_build::image::GuestImage;
use report::{Circumstances, Report, Round, Section, Verdict};
use serde_json::{Value, json};
use server::PlainPage;
use sides::Side;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where the results are written.
const RESULTS: &str = "docs/benchmarks.md";

#[derive(Debug, Args)]
pub struct Options {
    /// How many rounds are measured, after one to warm up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measures disks instead of launches.
    #[arg(long)]
    disks: bool,
    /// Measures the files that machines share with the host instead of launches.
    #[arg(long, conflicts_with = "disks")]
    share: bool,
    /// Measures suspending and going on instead of launches.
    #[arg(long, conflicts_with_all = ["disks", "share"])]
    lid: bool,
    /// Measures how soon the popup shows the machines instead of launches.
    #[arg(long, conflicts_with_all = ["disks", "share", "lid"])]
    popup: bool,
    /// Measures the network instead of launches.
    #[arg(long, conflicts_with_all = ["disks", "share", "lid", "popup"])]
    lan: bool,
    /// Measures the way between two browsers instead of launches. Needs root.
    #[arg(long, conflicts_with_all = ["disks", "share", "lid", "popup", "lan"])]
    peers: bool,
    /// In which browser.
    #[arg(long, value_enum, default_value = "chromium")]
    browser: Name,
    /// Which browser is on the other host, if it is another one.
    #[arg(long, value_enum, requires = "peers")]
    other: Option<Name>,
    /// Writes the results into docs/benchmarks.md.
    #[arg(long)]
    write: bool,
    /// Takes what is in dist/ as it is.
    #[arg(long)]
    no_build: bool,
}

/// Measures, prints the report, and fails unless the target is met on a machine that was idle.
pub fn bench(root: &Path, options: &Options) -> Result<ExitCode> {
    if !options.no_build {
        build::extension(root, Extras::default())?;
    }
    let image = build::guest::image(root)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measure = async {
        if options.lid {
            Ok(Outcome::of(measure_lid(root, options, &image).await?))
        } else if options.popup {
            Ok(Outcome::of(measure_popup(root, options, &image).await?))
        } else if options.lan {
            Ok(Outcome::of(measure_lan(root, options, &image).await?))
        } else if options.peers {
            Ok(Outcome::of(measure_peers(root, options, &image).await?))
        } else if options.share {
            Ok(Outcome::of(measure_share(root, options, &image).await?))
        } else if options.disks {
            Ok(Outcome::of(measure_disks(root, options, &image).await?))
        } else {
            Ok(Outcome::of(measure(root, options, &image).await?))
        }
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = measure => outcome.map(Some),
            // The browser is dropped, and with it its processes end.
            _ = tokio::signal::ctrl_c() => anyhow::Ok(None),
        }
    })?;
    let Some(Outcome { text, verdict, put }) = outcome else { return Ok(ExitCode::from(130)) };
    println!("{text}");
    if options.write {
        write(&root.join(RESULTS), put)?;
    }
    Ok(if verdict == Verdict::Met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Puts a report into a text.
type Put = Box<dyn Fn(&str) -> Result<String>>;

/// A report of whatever was measured.
struct Outcome {
    text: String,
    verdict: Verdict,
    /// Puts it into the text of the file with the results.
    put: Put,
}

impl Outcome {
    fn of(section: impl Section + 'static) -> Self {
        Self { text: section.to_string(), verdict: section.verdict(), put: Box::new(move |old| section.put_into(old)) }
    }
}

/// The sides, ready to be measured.
struct Field {
    browser: Browser,
    page: PlainPage,
    circumstances: Circumstances,
}

impl Field {
    async fn prepare(root: &Path, options: &Options, image: &GuestImage) -> Result<Self> {
        let dist = dist(root, Kind::from(options.browser));
        Self::prepare_with(root, options, image, &dist, None).await
    }

    async fn prepare_with(
        root: &Path,
        options: &Options,
        image: &GuestImage,
        dist: &Path,
        profile: Option<&Path>,
    ) -> Result<Self> {
        let before = when_idle().await?;
        let browser = Browser::launch(LaunchOptions {
            profile: profile.map(Path::to_owned),
            ..LaunchOptions::new(Kind::from(options.browser), dist)
        })
        .await?;
        let memory = Workbench::open(&browser).await?.world().await?.settings.memory;
        let user_agent = browser.eval("return navigator.userAgent", vec![]).await?;
        let machine = json!({
            "memory": memory.bytes(),
            "cmdline": format!("{} workbench.hostname=plain", image.cmdline),
            // v86's own, in memory.
            "share": options.share,
        });
        let page = PlainPage::serve(root, dist, &image.path, &machine)?;
        let circumstances = Circumstances {
            browser: user_agent.as_str().unwrap_or_default().to_owned(),
            processors: std::thread::available_parallelism()?.get(),
            load: [before, before],
            guest: format!("{}, {} MiB of memory", image.title, memory.mib()),
        };
        Ok(Self { browser, page, circumstances })
    }

    /// Ends the browser.
    async fn end(self) -> Result<Circumstances> {
        self.browser.close().await?;
        let [before, _] = self.circumstances.load;
        Ok(Circumstances { load: [before, load()?], ..self.circumstances })
    }
}

/// A copy of the extension for what is shipped with none.
fn copied(root: &Path, options: &Options) -> Result<TempDir> {
    let copy = tempfile::tempdir()?;
    build::copy_tree(&dist(root, Kind::from(options.browser)), copy.path(), &|_| true)?;
    Ok(copy)
}

async fn measure(root: &Path, options: &Options, image: &GuestImage) -> Result<Report> {
    let copy = copied(root, options)?;
    sides::add_cold(copy.path())?;
    let field = Field::prepare_with(root, options, image, copy.path(), None).await?;
    let warm_up = round(&field.browser, &field.page, 0).await?;
    let mut rounds = vec![];
    for number in 1..=options.rounds {
        rounds.push(round(&field.browser, &field.page, number).await?);
    }
    Ok(Report { circumstances: field.end().await?, warm_up, rounds })
}

async fn measure_disks(root: &Path, options: &Options, image: &GuestImage) -> Result<disk::Report> {
    let field = Field::prepare(root, options, image).await?;
    let mut rounds = vec![];
    for number in 0..=options.rounds {
        rounds.push(disk::round(&field.browser, &field.page.url(), number).await?);
    }
    rounds.remove(0);
    let layers = layers::measure(&field.browser, options.rounds).await?;
    Ok(disk::Report { circumstances: field.end().await?, rounds, layers })
}

async fn measure_share(root: &Path, options: &Options, image: &GuestImage) -> Result<share::Report> {
    let field = Field::prepare(root, options, image).await?;
    let mut rounds = vec![];
    for number in 0..=options.rounds {
        rounds.push(share::round(&field.browser, &field.page.url(), number).await?);
    }
    rounds.remove(0);
    Ok(share::Report { circumstances: field.end().await?, rounds })
}

/// A copy of the extension that is allowed to reach this computer: nobody is there to answer the browser's question for leave.
fn allowed(
    root: &Path,
    options: &Options,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> Result<TempDir> {
    let copy = copied(root, options)?;
    let path = copy.path().join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    let hosts = manifest["host_permissions"].as_array_mut().context("the manifest names no hosts")?;
    hosts.push(json!("*://127.0.0.1/*"));
    change(manifest.as_object_mut().context("the manifest is no object")?);
    fs::write(path, manifest.to_string())?;
    Ok(copy)
}

async fn measure_lan(root: &Path, options: &Options, image: &GuestImage) -> Result<lan::Report> {
    let copy = allowed(root, options, |_| {})?;
    // Without these, workers share no memory, and frames travel in messages.
    let apart = allowed(root, options, |manifest| {
        manifest.retain(|name, _| !name.starts_with("cross_origin_"));
    })?;
    let field = Field::prepare_with(root, options, image, copy.path(), None).await?;
    let other = Browser::launch(LaunchOptions::new(Kind::from(options.browser), apart.path())).await?;
    let mut machines = lan::Machines::start(&field.browser, &other, &field.page).await?;
    let mut rounds = vec![];
    for number in 0..lan::WARM_UP + options.rounds {
        rounds.push(machines.round(number).await?);
    }
    rounds.drain(..lan::WARM_UP as usize);
    drop(machines);
    other.close().await?;
    let ways = ways::Ways::measure(&field.browser, &field.page, options.rounds).await?;
    Ok(lan::Report { circumstances: field.end().await?, rounds, ways })
}

async fn measure_peers(root: &Path, options: &Options, image: &GuestImage) -> Result<peers::Report> {
    let (one, before) = (options.browser, when_idle().await?);
    let kinds = [one, options.other.unwrap_or(one)].map(Kind::from);
    let (browser, rounds) =
        peers::measure(kinds.map(|kind| LaunchOptions::new(kind, dist(root, kind))), options.rounds).await?;
    let processors = std::thread::available_parallelism()?.get();
    let circumstances = Circumstances { browser, processors, load: [before, load()?], guest: image.title.clone() };
    Ok(peers::Report { circumstances, kinds, rounds })
}

async fn measure_lid(root: &Path, options: &Options, image: &GuestImage) -> Result<lid::Report> {
    let field = Field::prepare(root, options, image).await?;
    let mut rounds = vec![];
    for number in 0..=options.rounds {
        rounds.push(lid::round(&field.browser, number).await?);
    }
    rounds.remove(0);
    Ok(lid::Report { circumstances: field.end().await?, rounds })
}

async fn measure_popup(root: &Path, options: &Options, image: &GuestImage) -> Result<popup::Report> {
    let kind = Kind::from(options.browser);
    // The empty page is in a copy of the extension: what is shipped has none.
    let copy = copied(root, options)?;
    fs::write(copy.path().join(popup::EMPTY.0), popup::EMPTY.1)?;
    let profile = tempfile::tempdir()?;
    let maker = Browser::launch(LaunchOptions::new(kind, copy.path()).with_profile(profile.path())).await?;
    popup::prepare(&maker).await?;
    // With it the consoles end that came with the machines, and would keep the service worker awake.
    maker.close().await?;
    let field = Field::prepare_with(root, options, image, copy.path(), Some(profile.path())).await?;
    let mut rounds = vec![];
    for number in 0..=options.rounds {
        rounds.push(popup::round(&field.browser, number).await?);
    }
    rounds.remove(0);
    Ok(popup::Report { circumstances: field.end().await?, rounds })
}

/// One boot of each side, one after the other.
async fn round(browser: &Browser, page: &PlainPage, number: u32) -> Result<Round> {
    let mut boots = vec![];
    for side in Side::ALL {
        let boot = side.boot(browser, &page.url()).await?;
        let total = boot.total().with_context(|| format!("{side}: no time was measured"))?;
        eprintln!("round {number}: {side:<28} {:>6} ms", total.as_millis());
        boots.push(boot);
    }
    boots.try_into().map_err(|_| anyhow::anyhow!("a side was left out"))
}

/// How long is waited for what the machine did before, such as the build, and how often is looked.
const SETTLING: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_secs(2);

/// The load average once the machine is idle, or after a while in any case.
async fn when_idle() -> Result<f64> {
    let processors = std::thread::available_parallelism()?.get();
    let started = Instant::now();
    loop {
        let load = load()?;
        if load <= report::idle_load(processors) || started.elapsed() > SETTLING {
            return Ok(load);
        }
        if started.elapsed() < LOOK {
            eprintln!(
                "waiting until the machine is idle (load average {load}), for {} minutes at most",
                SETTLING.as_secs() / 60
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The load average of the last minute.
fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("the load average can't be read")?;
    text.split(' ').next().unwrap_or_default().parse().context("the load average is no number")
}

fn write(path: &Path, put: impl Fn(&str) -> Result<String>) -> Result<()> {
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, put(&old)?).with_context(|| format!("{} can't be written", path.display()))
}
