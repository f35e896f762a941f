//! The sides of the comparison, and one boot of each.

use anyhow::{Context, Result, bail};
use driver::Browser;
use e2e::Workbench;
use protocol::{InstanceId, PageRequest, Settings, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Runs in a page of the extension.
const EXTENSION: &str = include_str!("../../../benches/extension.js");
/// Waits, in the plain page, for what it has measured; `null` if that takes longer than a browser's script should.
const PLAIN: &str = "
    const measured = () => document.documentElement.dataset.measured;
    if (!measured()) await new Promise((resolve) => {
      document.addEventListener('measured', resolve, { once: true });
      setTimeout(resolve, 10000);
    });
    return JSON.parse(measured() ?? 'null');";
/// What an image's name ends with that lacks its warm state.
const COLD: &str = "-cold";
/// How long the plain page may take.
const PLAIN_PATIENCE: Duration = Duration::from_secs(180);
/// How long a machine may take to be ended by force.
const END: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// A plain page with the same v86, kernel and image in memory.
    Plain,
    /// The extension, its popup's button clicked for a machine of the same image without its warm state: it boots.
    Cold,
    /// The extension, asked to launch by a message from the popup, at once when the background answers it.
    Message,
    /// The extension, its popup's button clicked, half a second after it is there.
    Button,
}

impl Side {
    /// All, in the order in which they take turns.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Cold, Self::Message, Self::Button];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "Plain page",
            Self::Cold => "Extension, booting",
            Self::Message => "Extension, by message",
            Self::Button => "Extension, popup’s button",
        })
    }
}

/// What happens on the way to the prompt, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A page has asked for a port to the background.
    Connected,
    /// The background has answered with the state of everything: it is awake.
    Greeted,
    /// Launch was pressed, or the plain page has all in memory: the clock starts.
    Launched,
    /// The background has made the machine and tells the pages so.
    Recorded,
    /// The host page is open and is told to start the machine.
    Host,
    /// v86 is there with the disk attached.
    Engine,
    /// The processor starts.
    Running,
    /// The kernel's first word on the serial port.
    Serial,
    /// The shell's prompt: the clock stops.
    Prompt,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connected => "a page asks for the background",
            Self::Greeted => "background awake",
            Self::Launched => "Launch pressed",
            Self::Recorded => "machine recorded",
            Self::Host => "host page open",
            Self::Engine => "worker, disk and v86 ready",
            Self::Running => "processor started",
            Self::Serial => "first byte on the serial port",
            Self::Prompt => "prompt",
        })
    }
}

/// One boot: when what happened, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot(pub BTreeMap<Event, u64>);

impl Boot {
    /// From Launch to the prompt.
    pub fn total(&self) -> Option<Duration> {
        self.between(Event::Launched, Event::Prompt)
    }

    /// From one event to another; `None` if one was not seen.
    pub fn between(&self, from: Event, to: Event) -> Option<Duration> {
        let (from, to) = (self.0.get(&from)?, self.0.get(&to)?);
        Some(Duration::from_millis(to.saturating_sub(*from)))
    }
}

/// What the scripts answer.
#[derive(Debug, Deserialize)]
struct Measured {
    at: Option<BTreeMap<Event, u64>>,
    machine: Option<InstanceId>,
    error: Option<String>,
}

/// Puts the images of a copy of the extension there a second time, without their warm states.
pub fn add_cold(extension: &Path) -> Result<()> {
    let list = extension.join("images/templates.json");
    let mut images: Vec<Value> = serde_json::from_slice(&fs::read(&list)?)?;
    for mut cold in images.clone() {
        let id = cold["id"].as_str().context("an image has no name")?;
        cold["id"] = json!(format!("{id}{COLD}"));
        cold["warm"] = Value::Null;
        images.push(cold);
    }
    Ok(fs::write(list, serde_json::to_vec(&images)?)?)
}

impl Side {
    /// Boots a fresh machine to its prompt and removes it. `plain` is the plain page's address.
    pub async fn boot(self, browser: &Browser, plain: &str) -> Result<Boot> {
        let (page, how) = match self {
            Self::Plain => (plain, ""),
            Self::Message => ("popup/index.html", "message"),
            Self::Cold | Self::Button => ("options/index.html", "button"),
        };
        browser.open(page).await?;
        if self == Self::Cold {
            choose(browser, true).await?;
        }
        let answer = match self {
            Self::Plain => plain_told(browser).await?,
            Self::Cold | Self::Message | Self::Button => browser.eval_async(&launch(), vec![json!(how)]).await?,
        };
        let measured: Measured = serde_json::from_value(answer)?;
        if let Some(error) = measured.error {
            bail!("{self}: {error}");
        }
        match measured.machine {
            Some(machine) => remove(browser, &machine).await?,
            // Ends the emulator and gives its memory free.
            None => browser.open("about:blank").await?,
        }
        if self == Self::Cold {
            choose(browser, false).await?;
        }
        Ok(Boot(measured.at.context("the page measured nothing")?))
    }
}

/// What the plain page in the current tab has measured.
pub async fn plain_told(browser: &Browser) -> Result<Value> {
    let told = async || {
        let told = browser.eval_async(PLAIN, vec![]).await?;
        Ok((!told.is_null()).then_some(told))
    };
    Ok(browser.wait_for("what the plain page measures", PLAIN_PATIENCE, told).await?)
}

/// Chooses the template of new machines: the image without its warm state, or the packaged one.
async fn choose(browser: &Browser, cold: bool) -> Result<()> {
    let workbench = Workbench::here(browser);
    let world = workbench.world().await?;
    let wanted = world.templates.iter().find(|template| template.id.as_str().ends_with(COLD) == cold);
    let template = wanted.context("there is no such template")?.id.clone();
    let settings = Settings { template, ..world.settings };
    workbench.call(&PageRequest::SaveSettings(settings)).await?;
    Ok(())
}

fn launch() -> String {
    format!("{EXTENSION}\nreturn await window.bench.launch(arguments[0])")
}

/// Ends the machine, so that only one runs at any time, and closes the console that its launch has opened.
pub async fn remove(browser: &Browser, machine: &InstanceId) -> Result<()> {
    let workbench = Workbench::here(browser);
    workbench.call(&PageRequest::ForceStop(machine.clone())).await?;
    workbench.wait_for_state(machine, &[State::Stopped, State::Crashed], END).await?;
    workbench.call(&PageRequest::Delete(machine.clone())).await?;
    let own = browser.tab().await?;
    for tab in browser.tabs().await? {
        if tab != own {
            browser.switch_to(&tab).await?;
            browser.close_tab().await?;
        }
    }
    Ok(browser.switch_to(&own).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_from_launch_and_not_from_the_connection_before_it() {
        let measured = json!({ "at": { "connected": 1_000, "launched": 1_500, "prompt": 4_000 } });
        let measured: Measured = serde_json::from_value(measured).unwrap();
        let boot = Boot(measured.at.unwrap());
        assert_eq!(boot.total(), Some(Duration::from_millis(2_500)));
        assert_eq!(boot.between(Event::Connected, Event::Launched), Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_was_not_seen_takes_no_time_at_all_rather_than_none() {
        let boot = Boot(BTreeMap::from([(Event::Launched, 5)]));
        assert_eq!(boot.total(), None);
    }
}
