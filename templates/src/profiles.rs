//! Which profiles a template's machines are given.

use bundles::use_catalog;
use profile::Name;
use std::collections::BTreeMap;
use ui::{CheckField, Notice};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct ProfilesProps {
    /// Those that are chosen, in their order.
    pub(crate) chosen: Vec<Name>,
    /// One was chosen, or not any more.
    pub(crate) onchange: Callback<(Name, bool)>,
}

/// All profiles that there are, and what else is chosen.
#[component]
pub(crate) fn Profiles(props: &ProfilesProps) -> Html {
    let catalog = use_catalog();
    let known: BTreeMap<Name, String> =
        catalog.profiles().into_iter().map(|profile| (profile.name, profile.description)).collect();
    let read = catalog.entries.is_some();
    let names: Vec<Name> = known.keys().cloned().chain(strangers(&props.chosen, &known)).collect();
    html! {
        <fieldset class="picked" aria-describedby="profiles-about">
            <legend>{ "Profiles" }</legend>
            if let Some(problem) = catalog.problem.clone() { <Notice {problem} /> }
            <div class="picked-list">
                { for names.into_iter().map(|name| {
                    let hint = match known.get(&name) {
                        Some(description) => description.clone(),
                        None if read => "It is not in this browser.".to_owned(),
                        None => String::new(),
                    };
                    let place = props.chosen.iter().position(|chosen| *chosen == name);
                    let onchange = {
                        let name = name.clone();
                        props.onchange.reform(move |on| (name.clone(), on))
                    };
                    html! {
                        <CheckField key={name.as_str()} label={name.as_str().to_owned()} {hint} checked={place.is_some()} {onchange} />
                    }
                }) }
            </div>
            <p id="profiles-about" class="field-about">{ order(&props.chosen) }</p>
        </fieldset>
    }
}

/// Those that are chosen, but that nobody here has.
fn strangers(chosen: &[Name], known: &BTreeMap<Name, String>) -> Vec<Name> {
    chosen.iter().filter(|name| !known.contains_key(*name)).cloned().collect()
}

/// What is done with them, and in which order.
fn order(chosen: &[Name]) -> String {
    match chosen {
        [] => "None. What is ticked is put in at a machine’s first start.".to_owned(),
        [one] => format!("At a machine’s first start {one} is put in."),
        _ => {
            let names: Vec<_> = chosen.iter().map(Name::as_str).collect();
            format!("At a machine’s first start, in this order: {}.", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::try_from(*name).unwrap()).collect()
    }

    #[test]
    fn the_order_is_said_and_strangers_are_kept() {
        assert!(order(&[]).starts_with("None."));
        assert_eq!(order(&names(&["git"])), "At a machine’s first start git is put in.");
        assert_eq!(order(&names(&["nginx", "git"])), "At a machine’s first start, in this order: nginx, git.");
        let known = names(&["git"]).into_iter().map(|name| (name, String::new())).collect();
        assert_eq!(strangers(&names(&["mine", "git"]), &known), names(&["mine"]));
    }
}
