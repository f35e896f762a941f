//! The frame in which a page is shown, and what it says.
//!
//! Where the browser has pages of the extension that are no part of it (Chrome's `sandbox` in the manifest), the frame is one of these, and scripts run
//! in it: it has an origin of its own that is nobody's, none of the extension's APIs, and a policy that lets it reach nothing. Elsewhere it is a frame in
//! which the browser runs no script at all. Either way all that it needs goes through here, and what it says is worth no more than what the
//! machine says.

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, DomParser, Element, Event, FormData, HtmlDocument, HtmlFormElement, HtmlIFrameElement};
use web_sys::{MessageChannel, MessageEvent, MessagePort, Response, SupportedType, UrlSearchParams};
use webbridge::{from_js, to_js};

/// What the frame says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum Says {
    /// Go on to another page.
    Go(Go),
    /// Ask the machine.
    Fetch(Fetch),
    /// An answer is not wanted any more.
    Stop(u32),
    /// A script opens a web socket.
    Socket {
        /// Its number.
        n: u32,
        /// Where.
        url: String,
        /// What it would speak.
        protocols: Vec<String>,
    },
    /// A script sends on it.
    SendText {
        /// Its number.
        n: u32,
        /// What.
        text: String,
    },
    /// The same with bytes.
    SendBytes {
        /// Its number.
        n: u32,
        /// What.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// A script ends it.
    EndSocket {
        /// Its number.
        n: u32,
        /// With this status and reason.
        reason: Option<(u16, String)>,
    },
    /// A script sets a cookie.
    Cookie(String),
    /// A script has changed the address.
    Moved {
        /// The new one.
        url: String,
        /// In the place of the old one in the history.
        replace: bool,
    },
    /// The page's title.
    Title(String),
    /// Back in the history.
    Back(u32),
    /// The answer to [`Hears::Still`].
    Here(bool),
}

/// Where to go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Go {
    pub(crate) url: String,
    pub(crate) method: String,
    /// The body's kind.
    pub(crate) kind: Option<String>,
    #[serde(with = "serde_bytes")]
    pub(crate) body: Vec<u8>,
}

/// A request of a script.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Fetch {
    /// Its number.
    pub(crate) n: u32,
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
    #[serde(with = "serde_bytes")]
    pub(crate) body: Vec<u8>,
}

/// What the frame is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) enum Hears {
    /// The page, where it is from, and the cookies that its scripts see.
    Page { html: String, url: String, cookies: String },
    /// The cookies are these now.
    Cookies(String),
    /// Is the page still there?
    Still(bool),
    /// The answer to a request has begun.
    Head { n: u32, status: u16, url: String, headers: Vec<(String, String)> },
    /// The next bytes of its body.
    Body {
        n: u32,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// It is complete.
    End { n: u32 },
    /// There is none, or it is not complete.
    Failed { n: u32, why: String },
    /// A web socket is open, with this protocol.
    Opened { n: u32, protocol: String },
    /// A text has come on it.
    Text { n: u32, text: String },
    /// Bytes have come on it.
    Bytes {
        n: u32,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// It has ended, or was never open.
    Closed { n: u32, status: u16, reason: String, clean: bool },
}

/// The page of the frame in which scripts run.
pub(crate) const SCRIPTED: &str = "frame.html";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["browser", "runtime"], js_name = getManifest, catch)]
    fn manifest() -> Result<JsValue, JsValue>;
}

/// Whether this browser has a frame in which a site's scripts can be run apart from the extension.
pub(crate) fn has_scripts() -> bool {
    manifest().is_ok_and(|manifest| js_sys::Reflect::has(&manifest, &"sandbox".into()).unwrap_or(false))
}

/// The way to a frame in which scripts run. What it says is heard as long as this is kept.
pub(crate) struct Line {
    port: MessagePort,
    _hear: Closure<dyn Fn(MessageEvent)>,
}

impl Line {
    /// Gives a frame that has just been loaded its end.
    pub(crate) fn open(frame: &HtmlIFrameElement, hear: impl Fn(Says) + 'static) -> Result<Self, JsValue> {
        let channel = MessageChannel::new()?;
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| match from_js(event.data()) {
            Ok(says) => hear(says),
            Err(error) => web_sys::console::warn_1(&format!("A site’s frame said nonsense: {error}").into()),
        });
        channel.port1().set_onmessage(Some(hear.as_ref().unchecked_ref()));
        let window = frame.content_window().ok_or(JsValue::UNDEFINED)?;
        let ports = js_sys::Array::of1(&channel.port2());
        // Its origin is nobody's, so none can be named; what is loaded there is this extension's page.
        window.post_message_with_transfer(&"Hello".into(), "*", &ports)?;
        Ok(Self { port: channel.port1(), _hear: hear })
    }

    pub(crate) fn say(&self, hears: &Hears) {
        match to_js(hears) {
            // Posting fails only on a closed port.
            Ok(message) => drop(self.port.post_message(&message)),
            Err(error) => web_sys::console::error_1(&error.to_string().into()),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        self.port.close();
    }
}

/// Where a click in a page without scripts leads. `shown` is the page's address.
fn link_of(event: &Event) -> Option<String> {
    let target: Element = event.target()?.unchecked_into();
    let link = target.closest("a[href], area[href]").ok()??;
    link.get_attribute("href").or_else(|| link.get_attribute("xlink:href"))
}

/// What a form of a page without scripts sends.
async fn sent_by(form: HtmlFormElement, submitter: Option<Element>) -> Option<Go> {
    let own = |name: &str| submitter.as_ref().and_then(|button| button.get_attribute(&format!("form{name}")));
    let said = |name: &str| own(name).or_else(|| form.get_attribute(name));
    let data = FormData::new_with_form(&form).ok()?;
    if let Some(button) = &submitter
        && let Some(name) = button.get_attribute("name")
    {
        data.append_with_str(&name, &button.get_attribute("value").unwrap_or_default()).ok()?;
    }
    let action = said("action").unwrap_or_default();
    let pairs = UrlSearchParams::new_with_record_from_str_to_str(&data).or_else(|_| UrlSearchParams::new()).ok()?;
    if !said("method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
        let path = action.split(['?', '#']).next().unwrap_or_default();
        let url = format!("{path}?{}", String::from(pairs.to_string()));
        return Some(Go { url, method: "GET".to_owned(), kind: None, body: vec![] });
    }
    let multipart = said("enctype").is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/form-data"));
    let body = match multipart {
        true => Response::new_with_opt_form_data(Some(&data)).ok()?,
        false => Response::new_with_opt_url_search_params(Some(&pairs)).ok()?,
    };
    let kind = body.headers().get("content-type").ok()?;
    let bytes = JsFuture::from(body.array_buffer().ok()?).await.ok()?;
    Some(Go { url: action, method: "POST".to_owned(), kind, body: js_sys::Uint8Array::new(&bytes).to_vec() })
}

/// Puts a page into the empty document of a frame without scripts. Firefox shows no document of its own (`srcdoc`) in a frame of an extension's
/// page that names its ancestors in its policy.
pub(crate) fn fill(document: &HtmlDocument, html: &str) -> Result<(), JsValue> {
    let parsed = DomParser::new()?.parse_from_string(html, SupportedType::TextHtml)?;
    // An empty document is laid out as pages of the last century are; the page's own way is said by how it begins.
    let quirks = parsed.compat_mode() == "BackCompat";
    document.open()?;
    document.write_1(if quirks { "<title></title>" } else { "<!doctype html><title></title>" })?;
    document.close()?;
    let root = parsed.document_element().ok_or(JsValue::UNDEFINED)?;
    let root = document.adopt_node(&root)?;
    match document.document_element() {
        Some(old) => document.replace_child(&root, &old).map(drop),
        None => document.append_child(&root).map(drop),
    }
}

/// Hears clicks and forms of a page without scripts.
pub(crate) fn listen(document: &Document, hear: impl Fn(Says) + Clone + 'static) {
    let inside = document.clone();
    let click = {
        let hear = hear.clone();
        Closure::<dyn Fn(Event)>::new(move |event: Event| {
            let Some(link) = link_of(&event) else { return };
            event.prevent_default();
            match link.strip_prefix('#') {
                Some("") => drop(inside.document_element().map(|root| root.scroll_into_view())),
                Some(name) => drop(inside.get_element_by_id(name).map(|target| target.scroll_into_view())),
                None => hear(Says::Go(Go { url: link, method: "GET".to_owned(), kind: None, body: vec![] })),
            }
        })
    };
    let submit = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        event.prevent_default();
        let Some(form) = event.target() else { return };
        let submitter = js_sys::Reflect::get(&event, &"submitter".into()).ok().filter(JsValue::is_object);
        let hear = hear.clone();
        wasm_bindgen_futures::spawn_local(async move {
            if let Some(go) = sent_by(form.unchecked_into(), submitter.map(JsCast::unchecked_into)).await {
                hear(Says::Go(go));
            }
        });
    });
    let (click, submit) = (click.into_js_value(), submit.into_js_value());
    for (name, listener) in [("click", &click), ("auxclick", &click), ("submit", &submit)] {
        // Fails only for a listener that is none. They are gone with the document.
        let _ = document.add_event_listener_with_callback_and_bool(name, listener.unchecked_ref(), true);
    }
}
