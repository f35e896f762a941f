//! The addresses in a style sheet (CSS Syntax, sections 4.3.4 and 4.3.6; `@import`, CSS Cascade, section 2), and others in their place.
//!
//! What is overlooked here is not fetched by the browser either: the frame's policy lets nothing through.

use std::ops::Range;

/// An address in a style sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Where its token is.
    at: Range<usize>,
    /// The address.
    pub(crate) address: String,
    /// It is another style sheet.
    pub(crate) import: bool,
}

fn skip_string(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote && bytes[end] != b'\n' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

fn unescaped(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).replace('\\', "")
}

fn starts(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    bytes.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
}

/// All addresses, in their order.
pub(crate) fn references(css: &str) -> Vec<Reference> {
    let bytes = css.as_bytes();
    let (mut found, mut at, mut import) = (vec![], 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'/' if starts(bytes, at, b"/*") => {
                at = css[at + 2..].find("*/").map_or(bytes.len(), |end| at + 2 + end + 2);
            }
            b'"' | b'\'' => {
                let end = skip_string(bytes, at);
                if import {
                    found.extend(css.get(at..end).map(|text| Reference {
                        at: at..end,
                        address: unescaped(text),
                        import: true,
                    }));
                    import = false;
                }
                at = end;
            }
            b'@' if starts(bytes, at, b"@import") => {
                import = true;
                at += 7;
            }
            b'u' | b'U' if starts(bytes, at, b"url(") => {
                let mut end = at + 4;
                while bytes.get(end).is_some_and(u8::is_ascii_whitespace) {
                    end += 1;
                }
                if bytes.get(end).is_some_and(|byte| matches!(byte, b'"' | b'\'')) {
                    end = skip_string(bytes, end);
                }
                while end < bytes.len() && bytes[end] != b')' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                let end = (end + 1).min(bytes.len());
                if let Some(text) = css.get(at + 4..end.max(at + 5) - 1) {
                    found.push(Reference { at: at..end, address: unescaped(text), import });
                }
                import = false;
                at = end;
            }
            b';' => {
                import = false;
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// The style sheet with other addresses in the place of its own; those without one lead nowhere.
pub(crate) fn replaced(css: &str, references: &[Reference], addresses: &[Option<String>]) -> String {
    let (mut out, mut from) = (String::with_capacity(css.len()), 0);
    for (reference, address) in references.iter().zip(addresses) {
        out.push_str(css.get(from..reference.at.start).unwrap_or_default());
        out.push_str("url(\"");
        out.push_str(address.as_deref().unwrap_or("data:,"));
        out.push_str("\")");
        from = reference.at.end;
    }
    out.push_str(css.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(css: &str) -> Vec<(String, bool)> {
        references(css).into_iter().map(|one| (one.address, one.import)).collect()
    }

    #[test]
    fn addresses_are_found_where_they_are_addresses() {
        let css = "@import 'a.css' screen; @import url(b.css);\n/* url(no) */ x { content: 'url(no)'; \
                   background: URL( \"c d.png\" ) } y { src: url(e\\).woff) format('woff') }";
        let found = [("a.css", true), ("b.css", true), ("c d.png", false), ("e).woff", false)];
        assert_eq!(addresses(css), found.map(|(address, import)| (address.to_owned(), import)));
    }

    #[test]
    fn they_are_replaced_and_nothing_else_is() {
        let css = "@import 'a.css'; b { background: url(x.png) red }";
        let found = references(css);
        assert_eq!(
            replaced(css, &found, &[Some("data:text/css,1".into()), None]),
            "@import url(\"data:text/css,1\"); b { background: url(\"data:,\") red }"
        );
    }

    #[test]
    fn what_is_cut_off_is_no_trouble() {
        let css = "a { background: url(\"ä\\\"b\") } @import \"ü";
        for (end, _) in css.char_indices() {
            let part = &css[..end];
            let found = references(part);
            replaced(part, &found, &vec![None; found.len()]);
        }
        for odd in ["url(", "url('", "'\\", "url(\\", "@import '", "/*", "url( "] {
            references(odd);
        }
    }
}
