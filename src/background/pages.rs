//! The pages that are open, and what they are told.

use crate::bridge::log;
use crate::webext::{Port, get_url};
use protocol::{InstanceId, PORT_NAME, PageEvent};
use std::collections::BTreeMap;
use wasm_bindgen::JsValue;

/// The popup's place in the package.
const POPUP: &str = "popup/index.html";

struct Page {
    port: Port,
    console: Option<InstanceId>,
}

/// A browser tab, and the window it is in.
#[derive(Debug, Clone, Copy)]
pub struct TabPlace {
    /// The tab's number.
    pub tab: i32,
    /// The window's number.
    pub window: Option<i32>,
}

/// All connected pages.
#[derive(Default)]
pub struct Pages {
    pages: BTreeMap<u32, Page>,
}

impl Pages {
    /// Whether this is the port of a page.
    pub fn has(&self, id: u32) -> bool {
        self.pages.contains_key(&id)
    }

    /// A page has connected; `greeting` is the first that it is told. Other ports, such as the one that keeps Firefox's
    /// event page alive, are left alone.
    pub fn add(&mut self, id: u32, port: Port, greeting: &PageEvent) {
        if port.name() == PORT_NAME {
            self.pages.insert(id, Page { port, console: None });
            self.tell(id, greeting);
        }
    }

    /// A page has gone.
    pub fn remove(&mut self, id: u32) {
        self.pages.remove(&id);
    }

    /// The page is the console of this machine.
    pub fn shows_console(&mut self, page: u32, id: InstanceId) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.console = Some(id);
        }
    }

    /// Whether a page is open from which people launch machines: the popup.
    pub fn may_launch(&self) -> bool {
        let popup = get_url(POPUP);
        let url = |page: &Page| page.port.sender().and_then(|sender| sender.url());
        self.pages.values().any(|page| url(page).is_some_and(|url| url.starts_with(&popup)))
    }

    /// Where the machine's console is shown, if anywhere.
    pub fn console_tab(&self, id: &InstanceId) -> Option<TabPlace> {
        let page = self.pages.values().find(|page| page.console.as_ref() == Some(id))?;
        let tab = page.port.sender()?.tab()?;
        Some(TabPlace { tab: tab.id()?, window: tab.window_id() })
    }

    /// Tells one page.
    pub fn tell(&mut self, id: u32, event: &PageEvent) {
        let Some(text) = as_text(event) else { return };
        let gone = self.pages.get(&id).is_some_and(|page| page.port.post_message(&text).is_err());
        if gone {
            self.pages.remove(&id);
        }
    }

    /// Tells every page.
    pub fn tell_all(&mut self, event: &PageEvent) {
        let Some(text) = as_text(event) else { return };
        self.pages.retain(|_, page| page.port.post_message(&text).is_ok());
    }
}

fn as_text(event: &PageEvent) -> Option<JsValue> {
    match serde_json::to_string(event) {
        Ok(text) => Some(JsValue::from_str(&text)),
        Err(error) => {
            log(&format!("an event could not be written: {error}"));
            None
        }
    }
}
