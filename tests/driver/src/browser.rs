use crate::devtools::DevTools;
use crate::error::Doing;
use crate::extension::Extension;
use crate::launch::Folders;
use crate::processes::Processes;
use crate::{Kind, LaunchOptions, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thirtyfour::WebDriver;

/// A running browser with the extension in it.
///
/// Dropping it kills it; [`Browser::close`] is for what must be stored first.
#[derive(Debug)]
pub struct Browser {
    kind: Kind,
    patience: Duration,
    driver: WebDriver,
    devtools: Option<DevTools>,
    // Ended before the folders below are removed.
    processes: Processes,
    extension: Extension,
    folders: Folders,
}

impl Browser {
    pub(crate) fn new(
        options: &LaunchOptions,
        (driver, devtools): (WebDriver, Option<DevTools>),
        processes: Processes,
        extension: Extension,
        folders: Folders,
    ) -> Self {
        Self { kind: options.kind, patience: options.patience, driver, devtools, processes, extension, folders }
    }

    /// Which browser it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The WebDriver session, for what has no shorter way here.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    pub(crate) fn extension(&self) -> &Extension {
        &self.extension
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn devtools(&self) -> Option<&DevTools> {
        self.devtools.as_ref()
    }

    /// Everything that driver and browser printed; pages' and workers' consoles are in it.
    pub fn log(&self) -> String {
        self.processes.log()
    }

    /// The folder of the profile.
    pub fn profile(&self) -> &Path {
        self.folders.profile()
    }

    /// Where downloads go without a question; removed with the browser.
    pub fn downloads(&self) -> PathBuf {
        self.folders.downloads()
    }

    /// The processes of driver and browser, without crash reporters.
    pub fn processes(&self) -> Vec<u32> {
        self.processes.ids()
    }

    /// Quits as a user would, so that everything is stored, and waits until all processes are gone.
    ///
    /// # Errors
    /// If the browser doesn't quit by itself. It is killed then.
    pub async fn close(self) -> Result<()> {
        // Both drivers answer once the browser has ended.
        self.driver.clone().quit().await.doing(|| "quit".into())
    }

    /// Ends all processes of this browser at once, as a crash of the whole browser would.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Else the session, when dropped, would ask a driver that is gone to quit. It fails if it has quit already.
        let _ = self.driver.clone().leak();
        self.processes.end();
    }
}
