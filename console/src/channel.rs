//! The channel to the machine worker.

use protocol::{ConsoleEvent, ConsoleRequest, InstanceId, console_channel};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};
use webbridge::{from_js, to_js};

/// A page's end of a machine's console channel. It stays open as long as the page.
pub(crate) struct Channel(BroadcastChannel);

impl Channel {
    /// Opens the channel.
    pub(crate) fn open(id: &InstanceId) -> Result<Self, JsValue> {
        BroadcastChannel::new(&console_channel(id)).map(Self)
    }

    /// `heard` gets what the machine worker says from now on.
    pub(crate) fn listen(&self, heard: impl Fn(ConsoleEvent) + 'static) {
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |message: MessageEvent| {
            // The requests of other pages come here too: they are no events, and not for us.
            if let Ok(event) = from_js(message.data()) {
                heard(event);
            }
        });
        self.0.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        heard.forget();
    }

    /// Says this to the machine worker.
    pub(crate) fn send(&self, request: &ConsoleRequest) {
        match to_js(request) {
            // Posting fails only on a closed channel.
            Ok(message) => drop(self.0.post_message(&message)),
            Err(error) => web_sys::console::error_1(&error.to_string().into()),
        }
    }
}
