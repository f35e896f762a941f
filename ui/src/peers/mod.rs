//! Other browsers: invitations, answers, the words, and who is joined. The same in the popup and on the network page.

mod camera;
mod card;
mod channel;
mod code;
mod field;
mod forms;
mod reader;
mod rule;
mod servers;

pub use channel::{PeersSeen, use_peers};
pub use servers::ServersButton;

use crate::{Button, EmptyState, Icon, Kind, use_world};
use card::Card;
use field::InTab;
use forms::{InviteDialog, JoinDialog};
use protocol::PeerView;
use yew::prelude::*;

/// Properties of [`Peers`].
#[derive(Properties, PartialEq)]
pub struct PeersProps {
    /// What is seen of them.
    pub seen: PeersSeen,
    /// It is a page in a tab: it says at length what there is while there is nobody, and can ask for the camera.
    #[prop_or_default]
    pub roomy: bool,
}

/// All peers, and how to get one.
#[component]
pub fn Peers(props: &PeersProps) -> Html {
    let asking = use_state(|| None::<bool>);
    let workbench = use_world();
    let Some(world) = workbench.world.clone() else { return Html::default() };
    let open = |join: bool| {
        let asking = asking.setter();
        Callback::from(move |_: MouseEvent| asking.set(Some(join)))
    };
    let close = {
        let asking = asking.setter();
        Callback::from(move |()| asking.set(None))
    };
    let peers = props.seen.now.as_deref().map(|view| view.peers.clone()).unwrap_or_default();
    let card = |peer: &PeerView| {
        html! { <Card key={peer.id.to_string()} peer={peer.clone()} seen={props.seen.clone()} world={(*world).clone()} /> }
    };
    let buttons = html! {
        <div class="peers-buttons">
            <Button label="Invite…" name="Invite… another browser" kind={Kind::Secondary} icon={Icon::Network} class="small"
                onclick={open(false)} />
            <Button label="Join…" name="Join… another browser with its code" kind={Kind::Secondary} icon={Icon::Paste}
                class="small" onclick={open(true)} />
        </div>
    };
    html! {
        <ContextProvider<InTab> context={InTab(props.roomy)}>
            <section class="peers" aria-labelledby="peers">
                <div class="peers-head">
                    <h2 id="peers">{ "Peers" }</h2>
                    { buttons }
                </div>
                if !peers.is_empty() {
                    <ul class="peers-list" aria-labelledby="peers">{ for peers.iter().map(card) }</ul>
                } else if props.roomy {
                    <div class="panel">
                        <EmptyState title="No other browser is joined"
                            text="Invite one, or join one with its code: the machines of both find each other by name, without any server." />
                    </div>
                }
                { match *asking {
                    Some(false) => html! { <InviteDialog on_close={close} /> },
                    Some(true) => html! { <JoinDialog on_close={close} /> },
                    None => Html::default(),
                } }
            </section>
        </ContextProvider<InTab>>
    }
}
