//! What the page remembers between visits.

use web_sys::Storage;

const FONT: &str = "console-font";
const SPOKEN: &str = "console-spoken";

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn set(key: &str, value: &str) {
    if let Some(storage) = storage() {
        // Without storage the choice holds for this visit.
        let _ = storage.set_item(key, value);
    }
}

/// The font's size that was chosen last, if any.
pub(crate) fn font() -> Option<u32> {
    storage()?.get_item(FONT).ok()??.parse().ok()
}

/// Remembers the font's size.
pub(crate) fn set_font(font: u32) {
    set(FONT, &font.to_string());
}

/// Whether the terminals are kept readable for a screen reader.
pub(crate) fn spoken() -> bool {
    storage().and_then(|storage| storage.get_item(SPOKEN).ok()?).is_some_and(|value| value == "on")
}

/// Remembers it.
pub(crate) fn set_spoken(spoken: bool) {
    set(SPOKEN, if spoken { "on" } else { "off" });
}
