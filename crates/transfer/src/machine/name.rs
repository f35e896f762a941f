//! Which names members may have.

use super::MAX_NAME;

/// Whether a name is `layers/ID.qcow2` or `states/ID`.
pub(super) fn is_allowed(name: &str) -> bool {
    let id = match name.strip_prefix("layers/") {
        Some(layer) => layer.strip_suffix(".qcow2"),
        None => name.strip_prefix("states/"),
    };
    name.len() <= MAX_NAME && id.is_some_and(is_id)
}

/// One part or several with slashes between them, each of letters a-z, digits, - and ., none of only dots.
fn is_id(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    id.split('/').all(|part| part.bytes().all(letter) && part.bytes().any(|byte| byte != b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_layers_and_states_have_names() {
        for name in ["layers/a.qcow2", "states/0", "layers/3f-2.1.qcow2", "states/a/b", "states/a..b"] {
            assert!(is_allowed(name), "{name}");
        }
        for name in [
            "",
            "layers/",
            "layers/a",
            "layers/.qcow2",
            "layers/../a.qcow2",
            "layers/...qcow2",
            "states/",
            "states//a",
            "states/.",
            "states/a/",
            "states/A",
            "states/a b",
            "states/\u{e4}",
            "/states/a",
            "machine.json",
            "SHA256SUMS",
            "other/a",
        ] {
            assert!(!is_allowed(name), "{name}");
        }
        let long = format!("states/{}", "a".repeat(MAX_NAME - 7));
        assert!(is_allowed(&long) && !is_allowed(&(long + "a")));
    }
}
