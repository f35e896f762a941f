//! Waiting for conditions, and telling what happened meanwhile when they don't come true.

use crate::{Browser, Error, Result};
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many lines of the log, and how many characters of the page, a failure shows.
const LOG_LINES: usize = 25;
const PAGE_CHARS: usize = 800;

/// What both browsers print in every test: mostly complaints about a desktop that isn't there.
const NOISE: [&str; 8] = [
    "dbus/",
    "unexpected operator",
    "vaapi_wrapper",
    "Floss manager",
    "GLib-GObject-CRITICAL",
    "g_type_add_interface_static",
    "Read port:",
    "RSLoader",
];

/// How consoles' lines look in the driver's log, in Chromium and in Firefox.
const CONSOLE: [&str; 5] = [":CONSOLE:", "console.error:", "console.warn:", "console.log:", "JavaScript error:"];

impl Browser {
    /// Looks at the condition every 100 ms until it is true. An error counts as not yet true.
    ///
    /// `what` completes the sentence "waited in vain for …".
    ///
    /// # Errors
    /// When the time is over: with the condition's last error, the page's text and the browser's last words.
    pub async fn wait_until(
        &self,
        what: &str,
        timeout: Duration,
        mut condition: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        self.wait_for(what, timeout, async || Ok(condition().await?.then_some(()))).await
    }

    /// As [`Browser::wait_until`], and gives what the condition found.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut condition: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            let problem = match condition().await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            if started.elapsed() >= timeout {
                let circumstances = self.circumstances(problem).await;
                return Err(Error::TimedOut { what: what.to_owned(), seconds: timeout.as_secs(), circumstances });
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// What pages and workers wrote to their consoles, one line each.
    pub fn console(&self) -> Vec<String> {
        let log = self.log();
        telling(&log).filter(|line| CONSOLE.iter().any(|mark| line.contains(mark))).map(str::to_owned).collect()
    }

    async fn circumstances(&self, problem: Option<Error>) -> String {
        let page = self.eval("return location.href + '\\n' + document.body?.innerText", vec![]).await;
        let page = match page {
            Ok(page) => page.as_str().unwrap_or_default().chars().take(PAGE_CHARS).collect(),
            Err(error) => error.to_string(),
        };
        let problem = problem.map(|error| format!("The last look at it: {error}\n")).unwrap_or_default();
        let (console, log) = (last(&self.console()), tail(&self.log()));
        format!("{problem}The page is {page}\nConsoles:\n{console}\nThe driver's last words:\n{log}")
    }
}

/// The end of a driver's log, without what is in every log.
pub(crate) fn tail(log: &str) -> String {
    last(&telling(log).map(str::to_owned).collect::<Vec<_>>())
}

fn telling(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter(|line| !line.trim().is_empty() && !NOISE.iter().any(|noise| line.contains(noise)))
}

fn last(lines: &[String]) -> String {
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
