//! What has to be applied before what.

use crate::{Name, Profile};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why profiles can't be brought into an order.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderError {
    /// One is needed and not there.
    #[error("{needed} is not in the catalog{}", .by.as_ref().map(|by| format!("; {by} needs it")).unwrap_or_default())]
    Missing {
        /// The one.
        needed: Name,
        /// Who needs it; none if it was asked for.
        by: Option<Name>,
    },
    /// Each needs the next, and the last one the first.
    #[error("these profiles need each other: {}", cycle(.0))]
    Cycle(Vec<Name>),
    /// Two can't be there at once.
    #[error("{0} and {1} can’t be applied together")]
    Conflict(Name, Name),
}

fn cycle(names: &[Name]) -> String {
    let round = names.iter().chain(names.first());
    round.map(Name::as_str).collect::<Vec<_>>().join(" → ")
}

/// What has to be applied so that `wanted` is there, in this order; `wanted` is the last. What `applied` names is there already and left out.
pub fn order(wanted: &Name, catalog: &[Profile], applied: &[Name]) -> Result<Vec<Name>, OrderError> {
    let by_name: BTreeMap<&Name, &Profile> = catalog.iter().map(|profile| (&profile.name, profile)).collect();
    let find = |needed: &Name, by: Option<&Name>| {
        let missing = || OrderError::Missing { needed: needed.clone(), by: by.cloned() };
        by_name.get(needed).copied().ok_or_else(missing)
    };
    let mut done: Vec<Name> = vec![];
    // Profiles whose dependencies are gone through, each with the place of the next one. No recursion: the chain may be as long as the catalog.
    let mut path: Vec<(&Profile, usize)> = vec![(find(wanted, None)?, 0)];
    while let Some((profile, next)) = path.last_mut() {
        let Some(needed) = profile.depends.get(*next) else {
            done.push(profile.name.clone());
            path.pop();
            continue;
        };
        *next += 1;
        let by = profile.name.clone();
        if done.contains(needed) || applied.contains(needed) {
            continue;
        }
        if let Some(start) = path.iter().position(|(profile, _)| profile.name == *needed) {
            return Err(OrderError::Cycle(path[start..].iter().map(|(profile, _)| profile.name.clone()).collect()));
        }
        path.push((find(needed, Some(&by))?, 0));
    }
    let there: Vec<&Profile> = done.iter().chain(applied).filter_map(|name| by_name.get(name).copied()).collect();
    for (at, one) in there.iter().enumerate() {
        for other in &there[at + 1..] {
            if one.name != other.name && (one.conflicts.contains(&other.name) || other.conflicts.contains(&one.name)) {
                return Err(OrderError::Conflict(one.name.clone(), other.name.clone()));
            }
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str, depends: &[&str], conflicts: &[&str]) -> Profile {
        let text = format!(
            "name = {name:?}\nversion = '1'\ndescription = 'x'\nsize-mib = 0\ndepends = {depends:?}\nconflicts = {conflicts:?}"
        );
        Profile::parse(&text).unwrap()
    }

    fn ordered(wanted: &str, catalog: &[Profile], applied: &[&str]) -> Result<String, String> {
        let name = |text: &str| Name::try_from(text).unwrap();
        let applied: Vec<Name> = applied.iter().map(|text| name(text)).collect();
        let names = order(&name(wanted), catalog, &applied).map_err(|error| error.to_string())?;
        Ok(names.iter().map(Name::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let catalog = [
            profile("top", &["left", "right"], &[]),
            profile("left", &["base"], &[]),
            profile("right", &["base"], &[]),
            profile("base", &[], &[]),
        ];
        assert_eq!(ordered("top", &catalog, &[]).unwrap(), "base left right top");
        assert_eq!(ordered("top", &catalog, &["left", "base"]).unwrap(), "right top");
    }

    #[test]
    fn cycles_gaps_and_conflicts_are_named() {
        let catalog = [
            profile("in", &["one"], &[]),
            profile("one", &["two"], &[]),
            profile("two", &["three"], &[]),
            profile("three", &["one"], &[]),
            profile("lacks", &["gone"], &[]),
            profile("alone", &[], &["calm"]),
            profile("calm", &[], &[]),
        ];
        assert_eq!(
            ordered("in", &catalog, &[]).unwrap_err(),
            "these profiles need each other: one → two → three → one"
        );
        assert_eq!(ordered("lacks", &catalog, &[]).unwrap_err(), "gone is not in the catalog; lacks needs it");
        assert_eq!(ordered("nobody", &catalog, &[]).unwrap_err(), "nobody is not in the catalog");
        assert_eq!(ordered("calm", &catalog, &["alone"]).unwrap_err(), "calm and alone can’t be applied together");
    }
}
