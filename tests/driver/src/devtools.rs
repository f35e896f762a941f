//! Chromium's debugging interface over HTTP: the list of targets, and closing one.

use crate::{Error, Result, Target};
use serde_json::Value;

/// Where a Chromium listens, such as `localhost:37003`, and a client to speak to it.
#[derive(Debug)]
pub(crate) struct DevTools {
    address: String,
    client: reqwest::Client,
}

impl DevTools {
    pub(crate) fn new(address: String, client: reqwest::Client) -> Self {
        Self { address, client }
    }

    pub(crate) async fn targets(&self) -> Result<Vec<Target>> {
        let list = async { self.get("list").await?.json::<Vec<Value>>().await };
        let list = list.await.map_err(|source| Error::DevTools { doing: "list its targets", source })?;
        let text = |target: &Value, field: &str| target[field].as_str().unwrap_or_default().to_owned();
        let target = |value| Target { kind: text(&value, "type"), url: text(&value, "url"), id: text(&value, "id") };
        Ok(list.into_iter().map(target).collect())
    }

    pub(crate) async fn close(&self, target: &Target) -> Result<()> {
        let answer = self.get(&format!("close/{}", target.id)).await.and_then(|answer| answer.error_for_status());
        answer.map(drop).map_err(|source| Error::DevTools { doing: "close a target", source })
    }

    async fn get(&self, what: &str) -> reqwest::Result<reqwest::Response> {
        self.client.get(format!("http://{}/json/{what}", self.address)).send().await
    }
}
