//! Checks that a configuration has what the fragment asks for: `olddefconfig` drops without a word what has unmet dependencies.

use std::collections::HashMap;

/// The lines of `fragment` that `config` does not satisfy. An option that is off is as good as one that does not exist.
pub fn refused(fragment: &str, config: &str) -> Vec<String> {
    let got: HashMap<_, _> = config.lines().filter_map(option).collect();
    let asked = fragment.lines().filter_map(|line| Some((line, option(line)?)));
    let unmet = asked.filter(|(_, (name, value))| got.get(name).copied().unwrap_or("n") != *value);
    unmet.map(|(line, _)| line.to_owned()).collect()
}

/// An option's name and value; `# CONFIG_X is not set` is the value `n`.
fn option(line: &str) -> Option<(&str, &str)> {
    match line.strip_prefix("# ") {
        Some(comment) => Some((comment.strip_suffix(" is not set")?, "n")),
        None => line.split_once('='),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_or_forced_on_is_told() {
        let fragment =
            "# a comment\nCONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n# CONFIG_D is not set\nCONFIG_E=4\n";
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=y\nCONFIG_E=2\n";
        assert_eq!(refused(fragment, config), ["CONFIG_B=y", "# CONFIG_C is not set", "CONFIG_E=4"]);
    }

    #[test]
    fn a_configuration_satisfies_itself() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"-v86\"\n";
        assert_eq!(refused(config, config), Vec::<String>::new());
    }
}
