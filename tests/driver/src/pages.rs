//! Pages and tabs.

use crate::error::Doing;
use crate::{Browser, Error, Result};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use thirtyfour::WindowHandle;

/// A tab that can be returned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab(WindowHandle);

/// How long a busy browser may take to make its window smaller or larger.
const RESIZE: Duration = Duration::from_secs(30);

impl Browser {
    /// The full address of a file in the extension: `url("popup/index.html")`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{}", self.extension().base_url, path.trim_start_matches('/'))
    }

    /// Opens a page of the extension, or any full address, in the current tab, and waits until it is loaded.
    pub async fn open(&self, page: &str) -> Result<()> {
        let url = self.address(page);
        self.to_front().await?;
        self.driver().goto(url.as_str()).await.doing(|| format!("open {url}"))
    }

    fn address(&self, page: &str) -> String {
        let full = page
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        if full { page.to_owned() } else { self.url(page) }
    }

    /// Opens a page of the extension, or any full address, in a new tab, which becomes the current one.
    pub async fn new_tab(&self, page: &str) -> Result<Tab> {
        let tab = Tab(self.driver().new_tab().await.doing(|| "open a tab".into())?);
        self.switch_to(&tab).await?;
        self.open(page).await?;
        Ok(tab)
    }

    /// As [`Browser::new_tab`], in a window of its own, so that the tab before stays visible.
    pub async fn new_window(&self, page: &str) -> Result<Tab> {
        let tab = Tab(self.driver().new_window().await.doing(|| "open a window".into())?);
        self.switch_to(&tab).await?;
        self.open(page).await?;
        Ok(tab)
    }

    /// The current tab.
    pub async fn tab(&self) -> Result<Tab> {
        self.driver().window().await.map(Tab).doing(|| "name the current tab".into())
    }

    /// All tabs, in no particular order.
    pub async fn tabs(&self) -> Result<Vec<Tab>> {
        let mut tabs = self.driver().windows().await.doing(|| "list its tabs".into())?;
        if self.devtools().is_some() {
            // chromedriver counts offscreen documents as well.
            let targets = self.targets().await?;
            tabs.retain(|tab| targets.iter().any(|target| target.kind == "page" && tab.to_string() == target.id));
        }
        Ok(tabs.into_iter().map(Tab).collect())
    }

    /// Makes a tab the current one.
    pub async fn switch_to(&self, tab: &Tab) -> Result<()> {
        self.driver().switch_to_window(tab.0.clone()).await.doing(|| "switch to a tab".into())
    }

    /// Shows the current tab, if another that the extension has opened hides it.
    ///
    /// Browsers let the timers of a hidden page wait for a second, and its frames for longer and longer.
    pub(crate) async fn to_front(&self) -> Result<()> {
        let tab = self.tab().await?;
        self.switch_to(&tab).await
    }

    /// Closes the current tab. Another must be switched to before anything else is done.
    pub async fn close_tab(&self) -> Result<()> {
        self.driver().close_window().await.doing(|| "close a tab".into())
    }

    /// Closes every tab that shows a page of the extension. An empty tab is the current one then.
    pub async fn close_all_extension_pages(&self) -> Result<()> {
        let tabs = self.tabs().await?;
        let empty = self.new_tab("about:blank").await?;
        for tab in tabs {
            self.switch_to(&tab).await?;
            let url = self.driver().current_url().await.doing(|| "tell a page's address".into())?;
            if url.as_str().starts_with(&self.extension().base_url) {
                self.close_tab().await?;
            }
        }
        self.switch_to(&empty).await
    }

    /// Loads the current page again.
    pub async fn reload(&self) -> Result<()> {
        self.driver().refresh().await.doing(|| "load the page again".into())
    }

    /// Runs the body of a JavaScript function in the current page: `eval("return arguments[0] + 1", vec![json!(1)])`.
    ///
    /// # Errors
    /// If it throws; the text has the exception's.
    pub async fn eval(&self, body: &str, arguments: Vec<Value>) -> Result<Value> {
        let answer = self.driver().execute(body, arguments).await.doing(|| format!("run {}", first_line(body)))?;
        Ok(answer.json().clone())
    }

    /// As [`Browser::eval`], with a body that may `await`.
    pub async fn eval_async(&self, body: &str, arguments: Vec<Value>) -> Result<Value> {
        // A WebDriver waits for a promise that a script returns (WebDriver, section 13.2.1).
        let script = format!("return (async function() {{ {body}\n }}).apply(null, arguments)");
        let answer = self.driver().execute(script, arguments).await.doing(|| format!("run {}", first_line(body)))?;
        Ok(answer.json().clone())
    }

    /// Writes what the current page shows into a PNG file.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        let png = self.driver().screenshot_as_png().await.doing(|| "take a screenshot".into())?;
        std::fs::write(path, png).map_err(|source| Error::File { path: path.to_owned(), action: "written", source })
    }

    /// Makes the current page this many CSS pixels wide and high.
    ///
    /// # Errors
    /// If the browser doesn't make its window so small (a width of 500 is the least in both) or so large.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let wanted = [i64::from(width), i64::from(height)];
        let what = format!("a page of {width} × {height} pixels");
        self.wait_until(&what, RESIZE, async || {
            // The page hears of its window's new size some time later, of both in one moment.
            let sizes = self.eval("return [innerWidth, innerHeight, outerWidth, outerHeight]", vec![]).await?;
            let [inner, outer] = [0, 2].map(|at| [at, at + 1].map(|at| sizes[at].as_i64().unwrap_or_default()));
            if inner == wanted {
                return Ok(true);
            }
            let size = [0, 1].map(|side| u32::try_from(wanted[side] + outer[side] - inner[side]).unwrap_or(1));
            let resized = self.driver().set_window_rect(0, 0, size[0], size[1]).await;
            resized.doing(|| format!("resize its window to {} × {}", size[0], size[1]))?;
            Ok(false)
        })
        .await
    }
}

fn first_line(script: &str) -> String {
    let mut lines = script.trim().lines();
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
}
