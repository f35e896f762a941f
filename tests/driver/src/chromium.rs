//! How chromedriver and Chromium are started.

use crate::LaunchOptions;
use crate::extension::Extension;
use crate::launch::Folders;
use serde_json::{Value, json};
use setup::ChromiumPaths;
use std::path::Path;
use std::process::Command;

/// What chromedriver prints before the port that it listens on.
pub(crate) const PORT_FOLLOWS: &str = "started successfully on port ";

/// Hosts that Chromium asks for updates, accounts and suggestions whatever its flags say.
const CALLED_HOME: &str = "MAP *.google.com ~NOTFOUND, MAP *.googleapis.com ~NOTFOUND, \
                           MAP *.gvt1.com ~NOTFOUND, MAP *.duckduckgo.com ~NOTFOUND";

/// chromedriver on this port, or for 0 on one that the system chooses, with the browser's console in its log.
pub(crate) fn driver(paths: &ChromiumPaths, folders: &Folders, port: u16) -> Command {
    let mut command = Command::new(&paths.driver);
    command.args([&format!("--port={port}"), "--enable-chrome-logs"]);
    // Else crash reports and their database go to the user's own profile.
    command.env("BREAKPAD_DUMP_LOCATION", folders.temporary());
    command
}

/// The capabilities of a new session.
pub(crate) fn capabilities(browser: &Path, options: &LaunchOptions, extension: &Extension, folders: &Folders) -> Value {
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": {
            "binary": browser,
            "args": arguments(options, extension, folders),
            // chromedriver's own default, which would leave our extension out as well.
            "excludeSwitches": ["disable-extensions"],
            "enableExtensionTargets": options.extension_tabs,
            "prefs": {
                "download.default_directory": folders.downloads(),
                "download.prompt_for_download": false,
            },
        },
    })
}

fn arguments(options: &LaunchOptions, extension: &Extension, folders: &Folders) -> Vec<String> {
    let folder = extension.folder.display();
    let mut arguments = vec![
        format!("user-data-dir={}", folders.profile().display()),
        format!("load-extension={folder}"),
        format!("disable-extensions-except={folder}"),
        format!("window-size={},{}", options.window.0, options.window.1),
        format!("host-resolver-rules={CALLED_HOME}"),
    ];
    // The port of the debugging interface is chosen by the browser, and told in the session's capabilities.
    arguments.extend(
        [
            "remote-debugging-port=0",
            "force-device-scale-factor=1",
            "no-first-run",
            "hide-crash-restore-bubble",
            "disable-gpu",
            "disable-quic",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
        ]
        .map(String::from),
    );
    if options.headless {
        arguments.push("headless=new".into());
    }
    if options.insecure {
        arguments.push("ignore-certificate-errors".into());
    }
    if options.dark {
        arguments.push("force-dark-mode".into());
    }
    if setup::is_root() {
        // Chromium refuses to run its sandbox as root.
        arguments.push("no-sandbox".into());
    }
    arguments.extend(options.extra_args.iter().cloned());
    arguments
}
