//! How a machine is doing: its worker is asked, on a channel of theirs, as long as somebody looks.

mod past;

pub use past::{Past, Rates, SECONDS};

use gloo_timers::callback::Interval;
use protocol::{HealthAsk, HealthTold, InstanceId, health_channel};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent, VisibilityState};
use webbridge::{from_js, to_js};
use yew::prelude::*;

/// How often the machine is asked, in milliseconds.
const LOOK_MS: u32 = 1_000;

/// What is seen of the machine's run while this is used, and the page is shown.
#[hook]
pub fn use_past(id: &InstanceId, run: Option<u32>) -> Rc<Past> {
    let shown = use_state(|| Rc::new(Past::default()));
    use_effect_with((id.clone(), run), {
        let shown = shown.setter();
        move |(id, run)| {
            shown.set(Rc::default());
            let channel = run.and_then(|_| BroadcastChannel::new(&health_channel(id)).ok());
            let past = RefCell::new(Past::default());
            let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                // What other pages ask comes here too.
                if let Ok(HealthTold::Sample(sample)) = from_js(event.data()) {
                    past.borrow_mut().take(*sample);
                    shown.set(Rc::new(past.borrow().clone()));
                }
            });
            let asking = channel.as_ref().map(|channel| {
                channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
                ask(channel);
                let channel = channel.clone();
                Interval::new(LOOK_MS, move || ask(&channel))
            });
            move || {
                drop(asking);
                if let Some(channel) = channel {
                    channel.set_onmessage(None);
                    channel.close();
                }
                drop(heard);
            }
        }
    });
    (*shown).clone()
}

fn ask(channel: &BroadcastChannel) {
    let document = web_sys::window().and_then(|window| window.document());
    if document.is_some_and(|document| document.visibility_state() == VisibilityState::Hidden) {
        return;
    }
    if let Ok(look) = to_js(&HealthAsk::Look) {
        // Posting fails only on a closed channel.
        drop(channel.post_message(&look));
    }
}
