//! Keys of package repositories that somebody has brought and nobody trusts yet.

use super::Question;
use profile::PackageKey;
use ui::{Button, ConfirmDialog};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct KeysProps {
    pub(super) keys: Vec<PackageKey>,
    /// Nothing can be done now.
    pub(super) idle: bool,
    pub(super) pose: Callback<Question>,
}

/// The keys, if there are any.
#[component]
pub(super) fn Keys(props: &KeysProps) -> Html {
    if props.keys.is_empty() {
        return html! {};
    }
    let key = |key: &PackageKey| {
        let onclick = {
            let (pose, key) = (props.pose.clone(), key.clone());
            Callback::from(move |_: MouseEvent| pose.emit(Question::Trust(key.clone())))
        };
        html! {
            <li class="profile" aria-label={key.name().to_owned()}>
                <h3 class="profile-key">{ key.name() }</h3>
                <p class="profile-facts number">{ "SHA-256 " }{ key.sha256() }</p>
                <div class="profile-foot">
                    <span class="profile-state warning">{ "Not trusted" }</span>
                    <span class="profile-actions">
                        <Button label="Trust…" name={format!("Trust {key}…")} class="small" disabled={props.idle} {onclick} />
                    </span>
                </div>
            </li>
        }
    };
    html! {
        <section class="profile-keys" aria-labelledby="profile-keys-title">
            <h3 id="profile-keys-title">{ "Keys of packages" }</h3>
            <p class="profile-facts">{ "Packages from the cache are installed only if a key signed them that this machine trusts." }</p>
            <ul class="profiles">{ for props.keys.iter().map(key) }</ul>
        </section>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct TrustDialogProps {
    pub(super) key_asked: PackageKey,
    pub(super) on_confirm: Callback<()>,
    pub(super) on_cancel: Callback<()>,
}

/// Whether to trust a key.
#[component]
pub(super) fn TrustDialog(props: &TrustDialogProps) -> Html {
    let key = &props.key_asked;
    let text = format!(
        "Whoever has its other half can bring programs into this machine that run as root. Compare its SHA-256 with whom you have it from: {}",
        key.sha256()
    );
    html! {
        <ConfirmDialog title={format!("Trust {key}?")} confirm="Trust key" {text}
            on_confirm={props.on_confirm.clone()} on_cancel={props.on_cancel.clone()} />
    }
}
