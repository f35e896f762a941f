//! `profile.toml`: what a profile says of itself.

use crate::{Name, Version};
use serde::Deserialize;
use std::collections::BTreeSet;
use thiserror::Error;

/// The longest `profile.toml`, in bytes.
const TEXT_MAX: usize = 64 << 10;
/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 200;
/// What a port is for, in characters at most.
const WHAT_MAX: usize = 60;
/// Most packages, dependencies, conflicts, services and ports, each.
const LIST_MAX: usize = 64;
/// The longest name of a package, with its version's condition, in characters.
const PACKAGE_MAX: usize = 100;
/// The most room that a profile may ask for, in MiB: as large as a disk can be.
const SIZE_MIB_MAX: u32 = 2 << 20;

/// What a profile says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, which is its folder's.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// A sentence for people.
    pub description: String,
    /// What is installed by the guest's package manager.
    pub packages: Packages,
    /// How much room it takes on the guest's disk, in MiB.
    pub size_mib: u32,
    /// What the guest's init is to keep running; `NAME.service` in the bundle is a script that stays in the foreground.
    pub services: Vec<Name>,
    /// What can be reached when it is applied.
    pub ports: Vec<Port>,
    /// The profiles that have to be there before it.
    pub depends: Vec<Name>,
    /// The profiles that can't be there beside it.
    pub conflicts: Vec<Name>,
}

/// Names of packages, with conditions such as `nodejs>=22` as the package manager understands them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// For apk.
    #[serde(default)]
    pub alpine: Vec<String>,
    /// For apt.
    #[serde(default)]
    pub debian: Vec<String>,
}

/// A port that something listens on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its number.
    pub port: u16,
    /// By what it is reached.
    #[serde(default)]
    pub protocol: Protocol,
    /// What is there, for people.
    pub what: String,
}

/// By what a port is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// Why a `profile.toml` can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// It is no TOML, has a key that is not known, lacks one, or has something of the wrong kind in one.
    #[error("profile.toml, line {line}, column {column}: {message}")]
    Toml {
        /// Where, from 1 on.
        line: usize,
        /// Where, from 1 on, in characters.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// What a key has in it is not allowed.
    #[error("profile.toml, {key}: {message}")]
    Value {
        /// The key, such as `packages.alpine[2]`.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// It is too long.
    #[error("profile.toml is longer than {} KiB", TEXT_MAX >> 10)]
    Long,
}

fn value(key: impl Into<String>, message: impl ToString) -> ProfileError {
    ProfileError::Value { key: key.into(), message: message.to_string() }
}

/// The file as it is written; names are checked afterwards, so that a message says which one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    version: String,
    description: String,
    size_mib: u32,
    #[serde(default)]
    packages: Packages,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    ports: Vec<Port>,
    #[serde(default)]
    depends: Vec<String>,
    #[serde(default)]
    conflicts: Vec<String>,
}

impl Profile {
    /// Reads and checks a `profile.toml`.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        if text.len() > TEXT_MAX {
            return Err(ProfileError::Long);
        }
        let written: Written = toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            ProfileError::Toml { line, column, message: error.message().to_owned() }
        })?;
        let profile = Self {
            name: Name::try_from(written.name).map_err(|error| value("name", error))?,
            version: Version::try_from(written.version).map_err(|error| value("version", error))?,
            description: written.description,
            packages: written.packages,
            size_mib: written.size_mib,
            services: names("services", written.services)?,
            ports: written.ports,
            depends: names("depends", written.depends)?,
            conflicts: names("conflicts", written.conflicts)?,
        };
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), ProfileError> {
        sentence("description", &self.description, DESCRIPTION_MAX)?;
        if self.size_mib > SIZE_MIB_MAX {
            return Err(value("size-mib", format!("at most {SIZE_MIB_MAX} MiB")));
        }
        packages("packages.alpine", &self.packages.alpine)?;
        packages("packages.debian", &self.packages.debian)?;
        few("ports", self.ports.len())?;
        let mut seen = BTreeSet::new();
        for (at, Port { port, protocol, what }) in self.ports.iter().enumerate() {
            sentence(&format!("ports[{at}].what"), what, WHAT_MAX)?;
            if *port == 0 {
                return Err(value(format!("ports[{at}].port"), "a port is 1 to 65535"));
            }
            if !seen.insert((*port, *protocol == Protocol::Udp)) {
                return Err(value(format!("ports[{at}].port"), format!("{port} is there twice")));
            }
        }
        for (key, list) in [("depends", &self.depends), ("conflicts", &self.conflicts)] {
            if let Some(at) = list.iter().position(|name| *name == self.name) {
                return Err(value(format!("{key}[{at}]"), "a profile can’t name itself"));
            }
        }
        match self.depends.iter().position(|name| self.conflicts.contains(name)) {
            Some(at) => Err(value(format!("depends[{at}]"), "it is among the conflicts as well")),
            None => Ok(()),
        }
    }

    /// What the guest's runner reads: a line for each thing, its kind first. All in it is plain text without line breaks, and every word but the
    /// last of a line is of letters that mean nothing to a shell.
    pub fn plan(&self) -> String {
        let mut plan = String::from("plan 1\n");
        let mut line = |kind: &str, text: &str| plan.extend([kind, " ", text, "\n"]);
        line("name", self.name.as_str());
        line("version", &self.version.to_string());
        line("size", &self.size_mib.to_string());
        self.packages.alpine.iter().for_each(|package| line("alpine", package));
        self.packages.debian.iter().for_each(|package| line("debian", package));
        self.depends.iter().for_each(|name| line("depends", name.as_str()));
        self.conflicts.iter().for_each(|name| line("conflicts", name.as_str()));
        self.services.iter().for_each(|name| line("service", name.as_str()));
        for Port { port, protocol, what } in &self.ports {
            let protocol = if *protocol == Protocol::Udp { "udp" } else { "tcp" };
            line("port", &format!("{port} {protocol} {what}"));
        }
        plan
    }
}

/// Line and column of a byte, from 1 on.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn few(key: &str, count: usize) -> Result<(), ProfileError> {
    if count > LIST_MAX { Err(value(key, format!("at most {LIST_MAX}"))) } else { Ok(()) }
}

fn names(key: &str, list: Vec<String>) -> Result<Vec<Name>, ProfileError> {
    few(key, list.len())?;
    let mut names: Vec<Name> = Vec::with_capacity(list.len());
    for (at, text) in list.into_iter().enumerate() {
        let key = || format!("{key}[{at}]");
        let name = Name::try_from(text).map_err(|error| value(key(), error))?;
        if names.contains(&name) {
            return Err(value(key(), format!("{name} is there twice")));
        }
        names.push(name);
    }
    Ok(names)
}

fn packages(key: &str, list: &[String]) -> Result<(), ProfileError> {
    few(key, list.len())?;
    for (at, text) in list.iter().enumerate() {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+._-:@<>=~".contains(&byte);
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !first || text.len() > PACKAGE_MAX || !text.bytes().all(known) {
            let message = "the name of a package, with at most a condition such as “>=22”, and no spaces";
            return Err(value(format!("{key}[{at}]"), message));
        }
    }
    Ok(())
}

fn sentence(key: &str, text: &str, max: usize) -> Result<(), ProfileError> {
    if text.trim().is_empty() || text.chars().count() > max {
        return Err(value(key, format!("1 to {max} characters")));
    }
    // What turns the direction of text could make a name look like another.
    let unseen = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(unseen) { Err(value(key, "one line of text without control characters")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = r#"
name = "nginx"
version = "1.0"
description = "A web server."
size-mib = 8
services = ["nginx"]
depends = ["git"]
conflicts = ["web-server"]
ports = [{ port = 80, what = "the page" }]

[packages]
alpine = ["nginx", "nodejs>=22"]
debian = ["nginx-light"]
"#;

    fn error_with(from: &str, to: &str) -> String {
        assert!(NGINX.contains(from), "{from}");
        Profile::parse(&NGINX.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn all_that_it_says_is_in_the_plan() {
        let plan = Profile::parse(NGINX).unwrap().plan();
        let lines = "plan 1\nname nginx\nversion 1.0\nsize 8\nalpine nginx\nalpine nodejs>=22\ndebian nginx-light\ndepends git\n\
            conflicts web-server\nservice nginx\nport 80 tcp the page\n";
        assert_eq!(plan, lines);
    }

    #[test]
    fn an_error_says_where_and_why() {
        assert!(error_with("= \"A web", "= A web").starts_with("profile.toml, line 4, column "));
        assert!(error_with("size-mib", "size").contains("unknown field `size`"));
        assert!(error_with("version = \"1.0\"\n", "").contains("missing field `version`"));
        assert_eq!(
            error_with("nodejs>=22", "a b"),
            "profile.toml, packages.alpine[1]: the name of a package, with at most a condition such as “>=22”, and no spaces"
        );
        assert!(
            error_with("[\"git\"]", "[\"git\", \"git\"]").starts_with("profile.toml, depends[1]: git is there twice")
        );
        assert!(error_with("[\"git\"]", "[\"nginx\"]").contains("name itself"));
        assert!(error_with("[\"git\"]", "[\"web-server\"]").contains("among the conflicts"));
        assert!(error_with("A web server.", "A\\nB").starts_with("profile.toml, description: one line"));
        assert!(error_with("port = 80,", "port = 0,").starts_with("profile.toml, ports[0].port: "));
        assert!(error_with("size-mib = 8", "size-mib = 99999999").starts_with("profile.toml, size-mib: "));
        assert_eq!(Profile::parse(&"#".repeat(TEXT_MAX + 1)), Err(ProfileError::Long));
    }

    #[test]
    fn a_package_can_be_no_option_and_nothing_for_a_shell() {
        for bad in ["-x", "--root=/", "a;b", "$(a)", "a'", "a\\n", ""] {
            let text = NGINX.replace("nodejs>=22", &bad.replace('\\', "\\\\"));
            assert!(Profile::parse(&text).is_err(), "{bad}");
        }
    }
}
