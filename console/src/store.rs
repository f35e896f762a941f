//! What the page remembers between visits.

const FONT: &str = "console-font";

/// The font's size that was chosen last, if any.
pub(crate) fn font() -> Option<u32> {
    web_sys::window()?.local_storage().ok()??.get_item(FONT).ok()??.parse().ok()
}

/// Remembers the font's size.
pub(crate) fn set_font(font: u32) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.local_storage()) {
        // Without storage the choice holds for this visit.
        let _ = storage.set_item(FONT, &font.to_string());
    }
}
