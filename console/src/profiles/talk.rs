//! The channel to the machine's worker about profiles.

use protocol::{InstanceId, ProfileAsk, ProfileNews, ProfilesNow, profiles_channel};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};
use webbridge::{from_js, to_js};
use yew::prelude::*;

/// What a machine says of its profiles, and a way to ask it.
#[derive(Clone, PartialEq)]
pub(super) struct Talk {
    /// What it said last; none while it has said nothing, as one that does not run.
    pub(super) now: Option<Rc<ProfilesNow>>,
    /// Asks it.
    pub(super) ask: Callback<ProfileAsk>,
}

/// Speaks with the machine's worker; begins anew with each run of the machine.
#[hook]
pub(super) fn use_talk(id: &InstanceId, run: Option<u32>) -> Talk {
    let now = use_state(|| None::<Rc<ProfilesNow>>);
    let channel = use_mut_ref(|| None::<BroadcastChannel>);
    let ask = {
        let channel = channel.clone();
        Callback::from(move |ask: ProfileAsk| match (&*channel.borrow(), to_js(&ask)) {
            // Posting fails only on a closed channel.
            (Some(channel), Ok(ask)) => drop(channel.post_message(&ask)),
            (None, _) => {}
            (_, Err(error)) => web_sys::console::error_1(&error.to_string().into()),
        })
    };
    use_effect_with((id.clone(), run), {
        let (now, ask) = (now.setter(), ask.clone());
        move |(id, run)| {
            now.set(None);
            let opened = run.and_then(|_| BroadcastChannel::new(&profiles_channel(id)).ok());
            let (ready, again) = (Cell::new(false), ask.clone());
            let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                // What other pages ask comes here too, and is no news.
                if let Ok(ProfileNews::Now(told)) = from_js(event.data()) {
                    // What was asked of a machine that was just starting was heard by nobody, or too early.
                    if told.ready && !ready.replace(told.ready) && told.marks.is_none() {
                        again.emit(ProfileAsk::Look);
                    }
                    now.set(Some(Rc::new(*told)));
                }
            });
            if let Some(opened) = &opened {
                opened.set_onmessage(Some(heard.as_ref().unchecked_ref()));
            }
            channel.replace(opened);
            ask.emit(ProfileAsk::Look);
            move || {
                if let Some(opened) = channel.take() {
                    opened.set_onmessage(None);
                    opened.close();
                }
                drop(heard);
            }
        }
    });
    Talk { now: (*now).clone(), ask }
}
