use crate::cache::{Remembered, cache_dir, fingerprint};
use crate::search::chosen;
use crate::tools::compiled;
use crate::{Error, Result, apt, find, version};
use std::path::PathBuf;

/// Chrome's own builds refuse `--load-extension` since version 137, so they come last.
const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FIREFOX_NAMES: [&str; 2] = ["firefox-esr", "firefox"];

/// The release that the tests were written with, and the first minor version that knows `--allow-system-access`,
/// without which Firefox refuses to open an extension's pages.
const GECKODRIVER: &str = "0.37.1";
const GECKODRIVER_OLDEST: (u32, u32) = (0, 36);

/// Chromium and its driver, of the same major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChromiumPaths {
    /// The browser.
    pub browser: PathBuf,
    /// `chromedriver`.
    pub driver: PathBuf,
}

/// Firefox and its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirefoxPaths {
    /// The browser.
    pub browser: PathBuf,
    /// `geckodriver`.
    pub driver: PathBuf,
}

/// Finds Chromium (`CHROME`, else on `PATH`) and chromedriver (`CHROMEDRIVER`, else on `PATH`), or installs them.
///
/// # Errors
/// If they are missing and can't be installed, or don't fit together.
pub fn chromium() -> Result<ChromiumPaths> {
    let search = || Ok((chosen("CHROME", &CHROMIUM_NAMES)?, chosen("CHROMEDRIVER", &["chromedriver"])?));
    if let (Some(browser), Some(driver)) = search()? {
        return matching(ChromiumPaths { browser, driver });
    }
    // Without a font, a screenshot shows boxes.
    apt::install(&["chromium", "chromium-driver", "fonts-liberation"])?;
    match search()? {
        (Some(browser), Some(driver)) => matching(ChromiumPaths { browser, driver }),
        _ => Err(Error::missing(
            "Chromium or chromedriver",
            "Install both, or name their paths in the environment variables CHROME and CHROMEDRIVER.",
        )),
    }
}

/// Asks both for their version, which takes Chromium 0.15 s, so the answer is remembered.
fn matching(paths: ChromiumPaths) -> Result<ChromiumPaths> {
    let state = fingerprint(&[&paths.browser, &paths.driver]);
    let checked = Remembered::new(cache_dir()?.join("checked/chromium"), state);
    if checked.holds() {
        return Ok(paths);
    }
    same_major(version::of(&paths.browser)?, version::of(&paths.driver)?)?;
    checked.keep()?;
    Ok(paths)
}

fn same_major(browser: Option<(u32, u32)>, driver: Option<(u32, u32)>) -> Result<()> {
    match (browser, driver) {
        (Some((browser, _)), Some((driver, _))) if browser == driver => Ok(()),
        (browser, driver) => {
            let major = |version: Option<(u32, u32)>| version.map_or("of unknown version".into(), |v| v.0.to_string());
            Err(Error::unsuitable(
                format!("chromedriver {} can't drive Chromium {}", major(driver), major(browser)),
                "Install the same version of both, or name their paths in CHROME and CHROMEDRIVER.",
            ))
        }
    }
}

/// Finds Firefox (`FIREFOX`, else on `PATH`) and geckodriver (`GECKODRIVER`, else on `PATH`), or installs them.
///
/// geckodriver is in no Debian release, so it is compiled, into [`cache_dir`].
///
/// # Errors
/// If they are missing and can't be installed, or geckodriver is too old.
pub fn firefox() -> Result<FirefoxPaths> {
    let browser = match chosen("FIREFOX", &FIREFOX_NAMES)? {
        Some(browser) => browser,
        None => {
            apt::install(&["firefox-esr", "fonts-liberation"])?;
            find(&FIREFOX_NAMES).ok_or_else(|| {
                Error::missing("Firefox", "Install it, or name its path in the environment variable FIREFOX.")
            })?
        }
    };
    let driver = match chosen("GECKODRIVER", &["geckodriver"])? {
        Some(driver) => recent(driver)?,
        None => built_geckodriver()?,
    };
    Ok(FirefoxPaths { browser, driver })
}

fn recent(driver: PathBuf) -> Result<PathBuf> {
    match version::of(&driver)? {
        Some(version) if version >= GECKODRIVER_OLDEST => Ok(driver),
        _ => Err(Error::unsuitable(
            format!("{} is too old to open an extension's pages", driver.display()),
            format!("Install geckodriver {GECKODRIVER} or newer, or remove this one: then it is built from source."),
        )),
    }
}

fn built_geckodriver() -> Result<PathBuf> {
    let advice = "Install it, or name its path in the environment variable GECKODRIVER.";
    compiled("geckodriver", GECKODRIVER, "geckodriver", advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_and_driver_must_be_of_one_major_version() {
        same_major(Some((156, 0)), Some((156, 3))).unwrap();
        let error = same_major(Some((156, 0)), Some((130, 0))).unwrap_err().to_string();
        assert!(error.starts_with("chromedriver 130 can't drive Chromium 156."), "{error}");
        assert!(same_major(None, None).is_err());
    }
}
