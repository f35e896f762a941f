//! The browser's connections to other browsers (WebRTC 1.0), as far as they are used here.
//!
//! A binding of our own, as for the WebExtension APIs: it has what both browsers have, with their states as the texts that the standard names.
//! A connection lives in the host page; a channel may be handed over to a worker, in the task that makes it, where the browser can (Chromium).

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A connection to one other browser.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(js_name = RTCPeerConnection)]
    pub type RtcPeerConnection;

    #[wasm_bindgen(constructor, js_class = "RTCPeerConnection", catch)]
    pub fn new(configuration: &JsValue) -> Result<RtcPeerConnection, JsValue>;

    #[wasm_bindgen(method, js_name = createDataChannel, catch)]
    pub fn create_data_channel(
        this: &RtcPeerConnection,
        label: &str,
        options: &JsValue,
    ) -> Result<RtcDataChannel, JsValue>;

    #[wasm_bindgen(method, js_name = createOffer)]
    pub fn create_offer(this: &RtcPeerConnection, options: &JsValue) -> Promise;

    #[wasm_bindgen(method, js_name = createAnswer)]
    pub fn create_answer(this: &RtcPeerConnection) -> Promise;

    #[wasm_bindgen(method, js_name = setLocalDescription)]
    pub fn set_local_description(this: &RtcPeerConnection, description: &JsValue) -> Promise;

    #[wasm_bindgen(method, js_name = setRemoteDescription)]
    pub fn set_remote_description(this: &RtcPeerConnection, description: &JsValue) -> Promise;

    #[wasm_bindgen(method, js_name = addIceCandidate)]
    pub fn add_ice_candidate(this: &RtcPeerConnection, candidate: &JsValue) -> Promise;

    #[wasm_bindgen(method, getter, js_name = localDescription)]
    pub fn local_description(this: &RtcPeerConnection) -> Option<SessionDescription>;

    #[wasm_bindgen(method, getter, js_name = iceGatheringState)]
    pub fn ice_gathering_state(this: &RtcPeerConnection) -> String;

    #[wasm_bindgen(method, getter, js_name = iceConnectionState)]
    pub fn ice_connection_state(this: &RtcPeerConnection) -> String;

    #[wasm_bindgen(method, setter, js_name = onicegatheringstatechange)]
    pub fn set_onicegatheringstatechange(this: &RtcPeerConnection, listener: Option<&js_sys::Function>);

    #[wasm_bindgen(method, setter, js_name = oniceconnectionstatechange)]
    pub fn set_oniceconnectionstatechange(this: &RtcPeerConnection, listener: Option<&js_sys::Function>);

    #[wasm_bindgen(method)]
    pub fn close(this: &RtcPeerConnection);

    /// What a browser says of itself to another one.
    #[derive(Debug, Clone)]
    pub type SessionDescription;

    #[wasm_bindgen(method, getter)]
    pub fn sdp(this: &SessionDescription) -> String;

    /// A channel of a connection.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(js_name = RTCDataChannel)]
    pub type RtcDataChannel;

    #[wasm_bindgen(method, getter, js_name = readyState)]
    fn ready_state(this: &RtcDataChannel) -> String;

    #[wasm_bindgen(method, getter, js_name = bufferedAmount)]
    pub fn buffered_amount(this: &RtcDataChannel) -> u32;

    #[wasm_bindgen(method, setter, js_name = bufferedAmountLowThreshold)]
    fn set_buffered_amount_low_threshold(this: &RtcDataChannel, bytes: u32);

    #[wasm_bindgen(method, setter, js_name = binaryType)]
    pub fn set_binary_type(this: &RtcDataChannel, kind: &str);

    #[wasm_bindgen(method, catch)]
    pub fn send(this: &RtcDataChannel, bytes: &Uint8Array) -> Result<(), JsValue>;

    /// The same; the browser copies them before it returns.
    #[wasm_bindgen(method, catch, js_name = send)]
    pub fn send_slice(this: &RtcDataChannel, bytes: &[u8]) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    pub fn close(this: &RtcDataChannel);

    #[wasm_bindgen(method, setter)]
    pub fn set_onopen(this: &RtcDataChannel, listener: Option<&js_sys::Function>);

    #[wasm_bindgen(method, setter)]
    pub fn set_onclose(this: &RtcDataChannel, listener: Option<&js_sys::Function>);

    #[wasm_bindgen(method, setter)]
    pub fn set_onmessage(this: &RtcDataChannel, listener: Option<&js_sys::Function>);

    #[wasm_bindgen(method, setter)]
    fn set_onbufferedamountlow(this: &RtcDataChannel, listener: Option<&js_sys::Function>);
}

/// So much may wait in a channel, in bytes: enough that it never runs dry, little enough that a ping is not behind seconds of bulk.
const HIGH_WATER: u32 = 256 * 1024;
/// The channel tells when it has less than this.
const LOW_WATER: u32 = 64 * 1024;

impl RtcDataChannel {
    /// Whether it may be given more now.
    pub fn has_room(&self) -> bool {
        self.buffered_amount() < HIGH_WATER
    }

    /// Whether much waits in it, so that it will tell when that is not so any more.
    pub fn is_filled(&self) -> bool {
        self.buffered_amount() > LOW_WATER
    }

    /// Calls `low` when little waits in it any more, and `hear` with what comes; with nothing it does neither.
    pub fn listen(&self, hear: Option<&js_sys::Function>, low: Option<&js_sys::Function>) {
        self.set_buffered_amount_low_threshold(LOW_WATER);
        self.set_onmessage(hear);
        self.set_onbufferedamountlow(low);
    }

    /// Whether it takes and gives messages.
    pub fn is_open(&self) -> bool {
        self.ready_state() == "open"
    }

    /// Whether it has ended, or is about to.
    pub fn is_closed(&self) -> bool {
        matches!(self.ready_state().as_str(), "closing" | "closed")
    }
}
