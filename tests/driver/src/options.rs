use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A browser that the extension is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Chromium, driven by chromedriver.
    Chromium,
    /// Firefox, driven by geckodriver.
    Firefox,
}

impl Kind {
    /// Both, for tests that run in each.
    pub const ALL: [Self; 2] = [Self::Chromium, Self::Firefox];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
        })
    }
}

/// How a browser is started.
#[derive(Debug, Clone)]
pub struct LaunchOptions {
    /// Which browser.
    pub kind: Kind,
    /// The folder of the unpacked extension, made for this kind of browser.
    pub extension: PathBuf,
    /// A folder for the profile, made if missing and kept. `None`: a fresh one, removed with the browser.
    pub profile: Option<PathBuf>,
    /// Without a window. With one, `DISPLAY` must name an X server.
    pub headless: bool,
    /// Width and height of the page (not of the window around it) in CSS pixels; one is one pixel of a screenshot.
    /// Neither browser makes a window narrower than 500.
    pub window: (u32, u32),
    /// Whether pages are told that the user prefers dark colours; else they are told light.
    pub dark: bool,
    /// How long an element that is looked for by its role may take to appear.
    pub patience: Duration,
    /// Whether tabs that the extension itself opens are among the tabs. In Chromium a debugger is attached to its service
    /// worker then, which keeps that from being ended.
    pub extension_tabs: bool,
    /// The network namespace in which driver and browser run ([`crate::Network::host`]). `None`: this process's own.
    pub namespace: Option<String>,
    /// Whether certificates that nobody trusts are taken, for servers of a test's own.
    pub insecure: bool,
    /// Further arguments for the browser.
    pub extra_args: Vec<String>,
}

impl LaunchOptions {
    /// A headless browser with a fresh profile, a page of 1280 × 800, light colours, and 10 s of patience.
    pub fn new(kind: Kind, extension: impl Into<PathBuf>) -> Self {
        Self {
            kind,
            extension: extension.into(),
            profile: None,
            headless: true,
            window: (1280, 800),
            dark: false,
            patience: Duration::from_secs(10),
            extension_tabs: false,
            namespace: None,
            insecure: false,
            extra_args: Vec::new(),
        }
    }

    /// The same with a profile that is kept, so that a later launch finds what this one stored.
    #[must_use]
    pub fn with_profile(mut self, profile: impl Into<PathBuf>) -> Self {
        self.profile = Some(profile.into());
        self
    }
}
