//! Light and dark. The colours are in `tokens.css`, which follows `data-theme` on the document's root element.

use gloo_events::EventListener;
use protocol::Theme;
use yew::prelude::*;

/// Where the last theme is kept for `ui/theme.js`, which sets it before the first paint.
const KEY: &str = "theme";
const DARK: &str = "(prefers-color-scheme: dark)";

/// The attribute's value for a theme.
fn name(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "system",
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}

/// Whether a theme comes out dark on a system that prefers dark or not.
fn is_dark(theme: Theme, system_dark: bool) -> bool {
    match theme {
        Theme::System => system_dark,
        Theme::Light => false,
        Theme::Dark => true,
    }
}

/// Shows the page in this theme, once it is known.
#[hook]
pub fn use_theme(theme: Option<Theme>) {
    use_effect_with(theme, |theme| {
        let (Some(theme), Some(window)) = (theme, web_sys::window()) else { return };
        if let Some(root) = window.document().and_then(|document| document.document_element()) {
            // The attribute's name is valid, so this can't fail.
            let _ = root.set_attribute("data-theme", name(*theme));
        }
        if let Ok(Some(storage)) = window.local_storage() {
            // Without storage the page only starts in the system's theme.
            let _ = storage.set_item(KEY, name(*theme));
        }
    });
}

/// Whether this theme is dark now; follows the system when the theme does.
#[hook]
pub fn use_dark(theme: Theme) -> bool {
    let query = use_memo((), |()| web_sys::window().and_then(|window| window.match_media(DARK).ok().flatten()));
    let system = use_state(|| query.as_ref().as_ref().is_some_and(|query| query.matches()));
    use_effect_with((), {
        let system = system.clone();
        move |()| {
            let listener = query
                .as_ref()
                .clone()
                .map(|query| EventListener::new(&query.clone(), "change", move |_| system.set(query.matches())));
            move || drop(listener)
        }
    });
    is_dark(theme, *system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_system_theme_follows_the_system() {
        assert!(is_dark(Theme::System, true) && !is_dark(Theme::System, false));
        assert!(!is_dark(Theme::Light, true) && is_dark(Theme::Dark, false));
    }
}
