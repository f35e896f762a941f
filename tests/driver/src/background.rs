//! The extension's background script: a service worker in Chromium, an event page in Firefox.

use crate::error::Doing;
use crate::{Browser, Result};
use serde_json::{Value, json};
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{RequestData, SessionId};

/// Something that runs in the browser, as its debugger lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `page`, `service_worker`, `background_page` (Chromium's name for offscreen documents as well), `worker`, …
    pub kind: String,
    /// Its address.
    pub url: String,
    /// The debugger's name for it.
    pub id: String,
}

/// Which of Firefox's two worlds scripts run in.
#[derive(Debug)]
enum Context {
    Chrome,
    Content,
}

impl FormatRequestData for Context {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let name = match self {
            Self::Chrome => "chrome",
            Self::Content => "content",
        };
        RequestData::new(http::Method::POST, format!("session/{session}/moz/context"))
            .add_body(json!({ "context": name }))
    }
}

impl Browser {
    /// What runs in the browser. Firefox lists its tabs, and the event page as `service_worker` while it runs.
    pub async fn targets(&self) -> Result<Vec<Target>> {
        match self.devtools() {
            Some(devtools) => devtools.targets().await,
            None => self.firefox_targets().await,
        }
    }

    /// Has Chromium collect the garbage of the current page's thread, which all pages of one process share, and give back what it keeps for
    /// later, as if memory were short. Else it does so when it likes, which may be minutes later. What the driver itself left in the page's
    /// console, each answer of a script, goes too.
    pub async fn collect_garbage(&self) -> Result<()> {
        let devtools = self.driver().cdp();
        let what = || "collect the garbage".into();
        devtools.send_raw("Runtime.discardConsoleEntries", json!({})).await.doing(what)?;
        devtools.send_raw("HeapProfiler.collectGarbage", json!({})).await.doing(what)?;
        let short = json!({ "level": "critical" });
        devtools.send_raw("Memory.simulatePressureNotification", short).await.doing(what)?;
        Ok(())
    }

    /// Whether the extension's background script runs now.
    pub async fn service_worker_running(&self) -> Result<bool> {
        Ok(self.service_worker().await?.is_some())
    }

    async fn service_worker(&self) -> Result<Option<Target>> {
        let base = &self.extension().base_url;
        let targets = self.targets().await?;
        Ok(targets.into_iter().find(|target| target.kind == "service_worker" && target.url.starts_with(base)))
    }

    /// Ends the extension's background script as the browser does with an idle one.
    ///
    /// Tells whether it ran. It may be ending still, or run again already because an open page has called it. In Firefox
    /// workers of the event page end with it.
    pub async fn kill_service_worker(&self) -> Result<bool> {
        let Some(worker) = self.service_worker().await? else { return Ok(false) };
        match self.devtools() {
            Some(devtools) => devtools.close(&worker).await?,
            None => self.terminate_event_page().await?,
        }
        Ok(true)
    }

    async fn terminate_event_page(&self) -> Result<()> {
        let script = "return WebExtensionPolicy.getByID(arguments[0]).extension
            .terminateBackground({ ignoreDevToolsAttached: true })
            .then(() => null)";
        self.privileged(script, vec![json!(self.extension().id)]).await.map(drop)
    }

    async fn firefox_targets(&self) -> Result<Vec<Target>> {
        let script = "const extension = WebExtensionPolicy.getByID(arguments[0])?.extension;
            const targets = [...Services.wm.getEnumerator('navigator:browser')].flatMap((window) =>
              window.gBrowser.browsers.map((tab) => ['page', tab.currentURI.spec, String(tab.browserId)]));
            if (extension?.backgroundState === 'running')
              targets.push(['service_worker', extension.baseURI.spec + '_generated_background_page.html', extension.id]);
            return targets;";
        let list = self.privileged(script, vec![json!(self.extension().id)]).await?;
        let text = |target: &Value, field: usize| target[field].as_str().unwrap_or_default().to_owned();
        let target = |value: &Value| Target { kind: text(value, 0), url: text(value, 1), id: text(value, 2) };
        Ok(list.as_array().into_iter().flatten().map(target).collect())
    }

    /// Runs a script with the rights of Firefox itself.
    async fn privileged(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.enter(Context::Chrome).await?;
        let answer = self.eval(script, arguments).await;
        self.enter(Context::Content).await?;
        answer
    }

    async fn enter(&self, context: Context) -> Result<()> {
        self.driver().cmd(context).await.map(drop).doing(|| "change the context of scripts".into())
    }
}
