//! `cargo xtask run`: the extension in a browser, with a booting machine.

mod task;
mod terminal;

use crate::build::{self, Extras};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use driver::{Browser, Kind, LaunchOptions};
use e2e::{Console, Workbench};
use protocol::{InstanceId, PageRequest, State, Stream, TemplateId};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How long a machine may take from Launch to its prompt; an idle one takes three seconds.
const BOOT: Duration = Duration::from_secs(180);
/// How long a command in the guest may take.
const COMMAND: Duration = Duration::from_secs(24 * 3600);
/// How long a machine may take to shut down.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// The terminal that people work in.
const SHELL: Stream = Stream::Shell;

/// A browser, as people name it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Name {
    /// Chromium, or Chrome.
    Chromium,
    /// Firefox.
    Firefox,
}

impl From<Name> for Kind {
    fn from(name: Name) -> Self {
        match name {
            Name::Chromium => Self::Chromium,
            Name::Firefox => Self::Firefox,
        }
    }
}

#[derive(Debug, Args)]
pub struct Options {
    /// Which browser.
    #[arg(long, value_enum, default_value = "chromium")]
    browser: Name,
    /// No window: this terminal becomes the machine's console. So it is anyway where there is no display.
    #[arg(long)]
    headless: bool,
    /// Boots, runs the command in the guest, prints its output, and exits with its status.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Makes the machine from this template: its name, or its title. One that vanishes runs `--exec` as a script.
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Where the files go that the script has left in /artifacts, if there are any.
    #[arg(long, value_name = "DIR", requires = "exec")]
    artifacts: Option<PathBuf>,
    /// A folder for the browser's profile, so that machines are there again the next time.
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// Takes what is in dist/ as it is.
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    extras: Extras,
}

/// Where the built extension is.
pub fn dist(root: &Path, kind: Kind) -> PathBuf {
    root.join(match kind {
        Kind::Chromium => "dist/chrome",
        Kind::Firefox => "dist/firefox",
    })
}

/// Runs the command and gives the process's exit status.
pub fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    if !options.no_build {
        build::extension(root, options.extras)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = session(root, options) => done,
            // The browser is dropped, and with it its processes end.
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
        }
    })
}

async fn session(root: &Path, options: &Options) -> Result<ExitCode> {
    let kind = Kind::from(options.browser);
    let no_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| std::env::var_os(name).is_none());
    let headless = options.headless || options.exec.is_some() || no_display;
    let mut launch = LaunchOptions::new(kind, dist(root, kind));
    launch.headless = headless;
    launch.profile.clone_from(&options.profile);
    let browser = Browser::launch(launch).await?;
    let workbench = Workbench::open(&browser).await?;
    let template = match &options.template {
        Some(name) => Some(task::template(&workbench.world().await?, name)?),
        None => None,
    };
    if let (Some(template), Some(command)) = (&template, &options.exec)
        && (template.plan.ephemeral || options.artifacts.is_some())
    {
        let status = task::run(&workbench, &template.id, command, options.artifacts.as_deref()).await?;
        browser.close().await?;
        return Ok(status);
    }
    let id = machine(&workbench, template.map(|template| template.id)).await?;
    if !headless {
        return watch(&browser).await;
    }
    eprintln!("Booting {}…", workbench.instance(&id).await?.name);
    let mut console = workbench.console(&id).await?;
    let status = match &options.exec {
        Some(command) => exec(&workbench, &id, &mut console, command).await?,
        None => terminal::attach(&workbench, &id, &mut console).await?,
    };
    stop(&workbench, &id).await?;
    browser.close().await?;
    Ok(status)
}

/// Starts the first machine of the profile, or launches one where there is none. With a template it is always a new one.
async fn machine(workbench: &Workbench<'_>, template: Option<TemplateId>) -> Result<InstanceId> {
    if template.is_some() {
        let id = workbench.call(&PageRequest::Launch { template }).await?;
        return id.context("no machine was made");
    }
    let first = workbench.world().await?.instances.into_iter().next();
    match first {
        Some(instance) if instance.state.is_live() => Ok(instance.id),
        Some(instance) => {
            workbench.call(&PageRequest::Start(instance.id.clone())).await?;
            workbench.call(&PageRequest::OpenConsole(instance.id.clone())).await?;
            Ok(instance.id)
        }
        None => Ok(workbench.launch().await?),
    }
}

async fn exec(
    workbench: &Workbench<'_>,
    id: &InstanceId,
    console: &mut Console<'_>,
    command: &str,
) -> Result<ExitCode> {
    if let Err(error) = console.wait_for_prompt(BOOT).await {
        let problem = workbench.instance(id).await?.problem;
        return Err(problem.map_or(error, e2e::Error::Problem).into());
    }
    let mut failed = None;
    let status = console
        .exec_with(command, COMMAND, |bytes| {
            let mut out = std::io::stdout().lock();
            if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
                failed.get_or_insert(error);
            }
        })
        .await?;
    failed.map_or(Ok(ExitCode::from(status)), |error| Err(error.into()))
}

/// Shuts the machine down if it still runs, so that its disk is whole.
async fn stop(workbench: &Workbench<'_>, id: &InstanceId) -> Result<()> {
    if workbench.instance(id).await?.state.is_live() {
        workbench.call(&PageRequest::Stop(id.clone())).await?;
        workbench.wait_for_state(id, &[State::Stopped, State::Crashed], SHUTDOWN).await?;
    }
    Ok(())
}

/// Waits until the user has closed the browser.
async fn watch(browser: &Browser) -> Result<ExitCode> {
    println!("The console is in the browser's newest tab. Close the browser, or press Ctrl-C here, to end.");
    let mut look = tokio::time::interval(Duration::from_secs(1));
    while browser.tabs().await.is_ok_and(|tabs| !tabs.is_empty()) {
        look.tick().await;
    }
    Ok(ExitCode::SUCCESS)
}
