//! From options to a running session.

use crate::browser::Browser;
use crate::devtools::DevTools;
use crate::error::{Doing, answer};
use crate::extension::Extension;
use crate::processes::Processes;
use crate::{Error, Kind, LaunchOptions, Result, chromium, firefox, network, wait};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thirtyfour::extensions::addons::firefox::FirefoxTools;
use thirtyfour::{Capabilities, WebDriver};

/// How long a driver may take until it listens. It takes 10 ms on an idle machine.
const DRIVER_START: Duration = Duration::from_secs(30);

/// How long any single command may take: starting a browser on a machine that also compiles takes the longest.
const COMMAND: Duration = Duration::from_secs(120);

/// How long a script or the loading of a page may take; less, so that the driver answers with what was too slow.
const SCRIPT: Duration = Duration::from_secs(100);

/// Where a browser keeps what: a scratch folder that is removed with it, and maybe a profile that is kept.
#[derive(Debug)]
pub(crate) struct Folders {
    scratch: TempDir,
    profile: PathBuf,
}

impl Folders {
    fn make(kept_profile: Option<&Path>) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("vm-workbench-browser-").tempdir();
        let scratch = scratch.map_err(|error| unwritable("a temporary folder".as_ref(), error))?;
        let profile = kept_profile.map_or_else(|| scratch.path().join("profile"), Path::to_owned);
        let make = |path: &Path| fs::create_dir_all(path).map_err(|error| unwritable(path, error));
        make(&profile)?;
        // The browser must understand it wherever it is.
        let profile = profile.canonicalize().map_err(|error| unwritable(&profile, error))?;
        let folders = Self { scratch, profile };
        make(&folders.downloads())?;
        make(&folders.temporary())?;
        Ok(folders)
    }

    pub(crate) fn profile(&self) -> &Path {
        &self.profile
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.scratch.path().join("downloads")
    }

    /// For what programs would put into `/tmp` and leave there when they are killed.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.scratch.path().join("tmp")
    }

    fn log(&self) -> PathBuf {
        self.scratch.path().join("driver.log")
    }
}

fn unwritable(path: &Path, source: std::io::Error) -> Error {
    Error::File { path: path.to_owned(), action: "written", source }
}

impl Browser {
    /// Starts a browser with the extension and waits until its pages can be opened.
    ///
    /// # Errors
    /// If a program is missing and can't be installed, if the folder is no extension, or if the browser doesn't start;
    /// the latter with the end of the driver's log.
    pub async fn launch(options: LaunchOptions) -> Result<Self> {
        let kind = options.kind;
        let extension = Extension::read(&options.extension, kind)?;
        let folders = Folders::make(options.profile.as_deref())?;
        let port = match &options.namespace {
            None => 0,
            Some(namespace) => network::forward(namespace).map_err(|error| Error::Network {
                what: format!("a way into the network namespace {namespace}"),
                said: error.to_string(),
            })?,
        };
        let (mut driver, capabilities, port_follows) = match kind {
            Kind::Chromium => {
                let paths = setup::chromium()?;
                let wanted = chromium::capabilities(&paths.browser, &options, &extension, &folders);
                (chromium::driver(&paths, &folders, port), wanted, chromium::PORT_FOLLOWS)
            }
            Kind::Firefox => {
                let paths = setup::firefox()?;
                let wanted = firefox::capabilities(&paths.browser, &options, &extension, &folders);
                (firefox::driver(&paths, port), wanted, firefox::PORT_FOLLOWS)
            }
        };
        driver.env("TMPDIR", folders.temporary());
        if let Some(namespace) = &options.namespace {
            driver = network::inside(namespace, &driver);
        }
        let (processes, port) = start(&driver, folders.log(), port_follows, kind).await?;
        let client = client()?;
        let session = session(port, capabilities, client.clone()).await;
        let session = session.map_err(|reason| Error::Start { kind, reason, log: wait::tail(&processes.log()) })?;
        let devtools = debugger_address(session.capabilities()).map(|address| DevTools::new(address, client));
        let browser = Self::new(&options, (session, devtools), processes, extension, folders);
        if kind == Kind::Firefox {
            browser.install_addon().await?;
        }
        browser.resize(options.window.0, options.window.1).await?;
        Ok(browser)
    }

    async fn install_addon(&self) -> Result<()> {
        let tools = FirefoxTools::new(self.driver().handle().clone());
        let folder = self.extension().folder.display().to_string();
        tools.install_addon(&folder, Some(true)).await.doing(|| format!("install the add-on {folder}"))
    }
}

/// What ChromeDriver says when the free port that it was given for IPv6 is taken for IPv4.
const PORT_TAKEN: &str = "Address already in use";
/// So often it may choose anew.
const PORTS: u32 = 5;

/// Starts the driver, again where it has found a port that is not free.
async fn start(driver: &Command, log: PathBuf, port_follows: &str, kind: Kind) -> Result<(Processes, u16)> {
    for _ in 1..PORTS {
        match start_once(driver, log.clone(), port_follows, kind).await {
            Err(Error::Start { log, .. }) if log.contains(PORT_TAKEN) => {}
            started => return started,
        }
    }
    start_once(driver, log, port_follows, kind).await
}

/// Starts the driver and waits for the port that it tells.
async fn start_once(driver: &Command, log: PathBuf, port_follows: &str, kind: Kind) -> Result<(Processes, u16)> {
    let mut processes = Processes::start(driver, log.clone()).map_err(|error| unwritable(&log, error))?;
    let started = Instant::now();
    let reason = loop {
        // Asked before the log is read, so that the last words of a driver that ended are seen.
        let running = processes.is_running();
        if let Some(port) = port_in(&processes.log(), port_follows) {
            return Ok((processes, port));
        }
        if !running {
            break "its driver ended at once".to_owned();
        }
        if started.elapsed() > DRIVER_START {
            break format!("its driver said no port within {} s", DRIVER_START.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    Err(Error::Start { kind, reason, log: wait::tail(&processes.log()) })
}

fn port_in(log: &str, port_follows: &str) -> Option<u16> {
    let (_, rest) = log.split_once(port_follows)?;
    // The character behind the number tells that all of it is there.
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest[..end].parse().ok()
}

fn client() -> Result<reqwest::Client> {
    // Everything is on this machine, whatever proxy the environment names.
    let client = reqwest::Client::builder().no_proxy().timeout(COMMAND).build();
    client.map_err(|source| Error::DevTools { doing: "get a client", source })
}

async fn session(port: u16, wanted: Value, client: reqwest::Client) -> std::result::Result<WebDriver, String> {
    let Value::Object(mut wanted) = wanted else { return Err("its capabilities are no object".into()) };
    wanted.insert("timeouts".into(), json!({ "script": SCRIPT.as_millis(), "pageLoad": SCRIPT.as_millis() }));
    let address = format!("http://127.0.0.1:{port}");
    let session = WebDriver::builder(address, Capabilities::from(wanted)).request_timeout(COMMAND).client(client);
    session.connect().await.map_err(|error| answer(&error))
}

fn debugger_address(capabilities: &Capabilities) -> Option<String> {
    capabilities.get("goog:chromeOptions")?["debuggerAddress"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_counts_only_when_all_of_it_was_printed() {
        let follows = chromium::PORT_FOLLOWS;
        assert_eq!(port_in("ChromeDriver 156 on port 0\n", follows), None);
        assert_eq!(port_in("ChromeDriver was started successfully on port 345", follows), None);
        assert_eq!(port_in("ChromeDriver was started successfully on port 34521.\n", follows), Some(34521));
        assert_eq!(port_in("geckodriver\tINFO\tListening on 127.0.0.1:4444\n", firefox::PORT_FOLLOWS), Some(4444));
    }
}
