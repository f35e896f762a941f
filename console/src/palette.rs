//! The terminals' colours. Sixteen of them are the guest's to use; in both themes each is legible on the background.

use crate::js::object;
use wasm_bindgen::JsValue;

const LIGHT: [(&str, &str); 22] = [
    ("background", "#ffffff"),
    ("foreground", "#1f242d"),
    ("cursor", "#3d55d0"),
    ("cursorAccent", "#ffffff"),
    ("selectionBackground", "#c9d4fb"),
    ("selectionInactiveBackground", "#e1e6f3"),
    ("black", "#1f242d"),
    ("red", "#b42330"),
    ("green", "#187741"),
    ("yellow", "#8a5a00"),
    ("blue", "#2c51c9"),
    ("magenta", "#8d3aa8"),
    ("cyan", "#0b7285"),
    ("white", "#687180"),
    ("brightBlack", "#5b6472"),
    ("brightRed", "#c93440"),
    ("brightGreen", "#217f4b"),
    ("brightYellow", "#946200"),
    ("brightBlue", "#3d63dd"),
    ("brightMagenta", "#a04bbb"),
    ("brightCyan", "#147d91"),
    ("brightWhite", "#4a5261"),
];

const DARK: [(&str, &str); 22] = [
    ("background", "#101216"),
    ("foreground", "#dfe3ea"),
    ("cursor", "#98a9ff"),
    ("cursorAccent", "#101216"),
    ("selectionBackground", "#3a4678"),
    ("selectionInactiveBackground", "#2b3145"),
    ("black", "#3b424e"),
    ("red", "#f47b82"),
    ("green", "#56c98d"),
    ("yellow", "#e2b45a"),
    ("blue", "#82a0ff"),
    ("magenta", "#cf94e4"),
    ("cyan", "#5cc4d6"),
    ("white", "#cdd3dd"),
    ("brightBlack", "#8b94a3"),
    ("brightRed", "#ff9ba0"),
    ("brightGreen", "#7adfa9"),
    ("brightYellow", "#f3cb7c"),
    ("brightBlue", "#a5baff"),
    ("brightMagenta", "#e0b3f0"),
    ("brightCyan", "#85d9e8"),
    ("brightWhite", "#f6f8fb"),
];

/// The colours as xterm.js takes them.
pub(crate) fn theme(dark: bool) -> JsValue {
    let colours = if dark { DARK } else { LIGHT };
    object(&colours.map(|(name, colour)| (name, colour.into())))
}

/// How found text is marked.
pub(crate) fn marks(dark: bool) -> JsValue {
    let [all, this] = if dark { ["#5a4a1c", "#b98a1e"] } else { ["#fbe7a8", "#f4b93a"] };
    object(&[
        ("matchBackground", all.into()),
        ("matchOverviewRuler", all.into()),
        ("activeMatchBackground", this.into()),
        ("activeMatchColorOverviewRuler", this.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_colour_of_text_is_legible_on_the_background() {
        for colours in [LIGHT, DARK] {
            let background = colours[0].1;
            for (name, colour) in &colours[6..] {
                // Black on a dark ground is what programs choose to draw in, not to write in.
                let enough = if (*name, background) == ("black", DARK[0].1) { 1.5 } else { 4.5 };
                assert!(contrast(colour, background) >= enough, "{name} {}", contrast(colour, background));
            }
        }
    }
}
