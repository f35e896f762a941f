//! How geckodriver and Firefox are started.

use crate::LaunchOptions;
use crate::extension::Extension;
use crate::launch::Folders;
use serde_json::{Value, json};
use setup::FirefoxPaths;
use std::path::Path;
use std::process::Command;

/// What geckodriver prints before the port that it listens on.
pub(crate) const PORT_FOLLOWS: &str = "Listening on 127.0.0.1:";

/// The host of the extension's pages. Firefox would draw one for each profile; this one is told to it beforehand.
pub(crate) const UUID: &str = "5d0c4b1e-6f0a-4c39-8b62-3a8f1c9e7d24";

/// geckodriver on this port, or for 0 on one that the system chooses.
pub(crate) fn driver(paths: &FirefoxPaths, port: u16) -> Command {
    let mut command = Command::new(&paths.driver);
    // Without system access Firefox opens no page of an extension for a driver.
    command.args(["--port", &port.to_string(), "--websocket-port", "0", "--allow-system-access"]);
    // Only with this does Firefox heed the preference by which geckodriver keeps it from asking for remote settings.
    command.env("MOZ_REMOTE_SETTINGS_DEVTOOLS", "1");
    command
}

/// The capabilities of a new session.
pub(crate) fn capabilities(browser: &Path, options: &LaunchOptions, extension: &Extension, folders: &Folders) -> Value {
    let mut arguments = vec!["-profile".to_owned(), folders.profile().display().to_string()];
    if options.headless {
        arguments.push("-headless".into());
    }
    arguments.extend(options.extra_args.iter().cloned());
    json!({
        "browserName": "firefox",
        "acceptInsecureCerts": options.insecure,
        "moz:firefoxOptions": {
            "binary": browser,
            "args": arguments,
            "prefs": preferences(options.dark, extension, &folders.downloads()),
        },
    })
}

fn preferences(dark: bool, extension: &Extension, downloads: &Path) -> Value {
    json!({
        "extensions.webextensions.uuids": json!({ &extension.id: UUID }).to_string(),
        // A temporary add-on is removed when Firefox quits. These keep its storage for the next launch.
        "extensions.webextensions.keepStorageOnUninstall": true,
        "extensions.webextensions.keepUuidOnUninstall": true,
        // Consoles go to the driver's log, but for Firefox's own.
        "devtools.console.stdout.content": true,
        "devtools.console.stdout.chrome": false,
        "ui.systemUsesDarkTheme": i32::from(dark),
        // 0 is dark and 1 is light.
        "layout.css.prefers-color-scheme.content-override": i32::from(!dark),
        "layout.css.devPixelsPerPx": "1.0",
        // 2: into the folder that is named next.
        "browser.download.folderList": 2,
        "browser.download.dir": downloads,
        "browser.download.useDownloadDir": true,
        "browser.download.always_ask_before_handling_new_types": false,
        "browser.download.alwaysOpenPanel": false,
        "browser.download.manager.addToRecentDocs": false,
        // What would speak to the network by itself, beyond what geckodriver turns off.
        "app.normandy.enabled": false,
        "app.shield.optoutstudies.enabled": false,
        "browser.newtabpage.enabled": false,
        "browser.safebrowsing.downloads.remote.enabled": false,
        "dom.push.connection.enabled": false,
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
    })
}
