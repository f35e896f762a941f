//! What a new name must be.

use protocol::{check_name, sentence};

/// Why `name` can't be the new name of the machine that is called `old`, as a sentence; none when it can.
pub(crate) fn objection<'a>(name: &str, old: &str, mut taken: impl Iterator<Item = &'a str>) -> Option<String> {
    if let Err(error) = check_name(name) {
        return Some(sentence(error));
    }
    (name != old && taken.any(|other| other == name)).then(|| format!("Another machine is called {name}."))
}

/// What was typed, as near to a name as it can be made without guessing: lower case, and hyphens for spaces.
pub(crate) fn tidy(typed: &str) -> String {
    typed.to_lowercase().replace(char::is_whitespace, "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: [&str; 2] = ["alpine-1", "web"];

    #[test]
    fn a_name_that_another_machine_has_is_refused() {
        assert!(objection("web", "alpine-1", TAKEN.into_iter()).unwrap().contains("web"));
        assert_eq!(objection("alpine-1", "alpine-1", TAKEN.into_iter()), None, "its own name may stay");
        assert_eq!(objection("db", "alpine-1", TAKEN.into_iter()), None);
    }

    #[test]
    fn what_is_typed_becomes_a_name_where_that_is_plain() {
        assert_eq!(tidy("My Web"), "my-web");
        assert_eq!(tidy("a.b"), "a.b", "what a dot should become is not plain");
    }

    #[test]
    fn an_objection_is_a_sentence() {
        for name in ["", "Web", "a b"] {
            let text = objection(name, "web", TAKEN.into_iter()).unwrap();
            assert!(text.starts_with('A') && text.ends_with('.'), "{text}");
        }
    }
}
