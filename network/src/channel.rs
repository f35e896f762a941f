//! The page's way to the lan worker.

use gloo_timers::callback::Interval;
use protocol::{InstanceId, LAN_CHANNEL, LanAsk, LanTold, LanView};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Blob, BroadcastChannel, HtmlAnchorElement, MessageEvent, Url};
use webbridge::{from_js, to_js};
use yew::prelude::*;

/// How often the worker is asked.
const ASK_MS: u32 = 1_000;
/// So many questions without an answer, and there is no LAN.
const UNANSWERED_MAX: u32 = 3;

/// The LAN as it is now and was a second ago; nothing if no machine is on it.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) now: Option<Rc<LanView>>,
    pub(crate) before: Option<Rc<LanView>>,
}

/// Asks the lan worker.
#[derive(Clone, PartialEq)]
pub(crate) struct Asker(BroadcastChannel);

impl Asker {
    pub(crate) fn ask(&self, ask: &LanAsk) {
        match to_js(ask) {
            // Posting fails only on a closed channel.
            Ok(message) => drop(self.0.post_message(&message)),
            Err(error) => web_sys::console::error_1(&error.to_string().into()),
        }
    }
}

/// What is seen of the LAN, once a second anew, and a way to ask for more. Captures that come are saved.
#[hook]
pub(crate) fn use_lan() -> (Seen, Option<Asker>) {
    let seen = use_state(Seen::default);
    let latest = use_mut_ref(Seen::default);
    let asker = use_state(|| BroadcastChannel::new(LAN_CHANNEL).ok().map(Asker));
    let unanswered = use_mut_ref(|| 0_u32);
    use_effect_with((), {
        let (seen, asker) = (seen.setter(), (*asker).clone());
        move |()| {
            let timer = asker.map(|asker| {
                let (show, answered) = (seen.clone(), unanswered.clone());
                let shown = latest.clone();
                let hear =
                    Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| match from_js(event.data()) {
                        Ok(LanTold::View(view)) => {
                            *answered.borrow_mut() = 0;
                            let mut latest = shown.borrow_mut();
                            *latest = Seen { before: latest.now.take(), now: Some(Rc::new(view)) };
                            show.set(latest.clone());
                        }
                        Ok(LanTold::Captured(id, file)) => save(&id, &file),
                        // What other pages ask comes here too.
                        Err(_) => {}
                    });
                asker.0.set_onmessage(Some(hear.into_js_value().unchecked_ref()));
                asker.ask(&LanAsk::Show);
                Interval::new(ASK_MS, move || {
                    *unanswered.borrow_mut() += 1;
                    if *unanswered.borrow() > UNANSWERED_MAX {
                        *latest.borrow_mut() = Seen::default();
                        seen.set(Seen::default());
                    }
                    asker.ask(&LanAsk::Show);
                })
            });
            move || drop(timer)
        }
    });
    ((*seen).clone(), (*asker).clone())
}

/// Makes the browser save a capture.
fn save(id: &InstanceId, file: &[u8]) {
    save_as(&format!("{id}.pcap"), file);
}

/// Makes the browser save a file.
pub(crate) fn save_as(name: &str, file: &[u8]) {
    if let Err(error) = download(name, file) {
        web_sys::console::error_1(&error);
    }
}

fn download(name: &str, file: &[u8]) -> Result<(), JsValue> {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(file));
    let address = Url::create_object_url_with_blob(&Blob::new_with_u8_array_sequence(&parts)?)?;
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::UNDEFINED)?;
    let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
    link.set_href(&address);
    link.set_download(name);
    link.click();
    // The browser reads it when it likes; a minute is more than it needs to begin.
    gloo_timers::callback::Timeout::new(60_000, move || drop(Url::revoke_object_url(&address))).forget();
    Ok(())
}
