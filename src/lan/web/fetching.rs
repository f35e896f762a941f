//! One request: asks the browser for it, and gives the machine the answer piece by piece.

use super::packages::{self, Found, Keeping};
use super::stream::Stream;
use crate::bridge::text_of;
use crate::lan::Hub;
use futures_util::future::{Either, select};
use js_sys::{Array, Reflect, Uint8Array};
use std::rc::Rc;
use std::time::Duration;
use url::Url;
use vlan::http::{Header, Request, Response};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Blob, Headers, ReadableStream, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache,
    RequestCredentials, RequestInit, RequestRedirect, ResponseType,
};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = fetch)]
    async fn fetch_with(url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;
}

/// How long a server may take to begin its answer.
const HEAD_TIME: Duration = Duration::from_secs(60);
/// How long it may then say nothing.
const BODY_TIME: Duration = Duration::from_secs(60);

/// Where a request is sent to, and where if that can't be reached.
pub struct Target {
    /// Tried first.
    pub first: Url,
    /// Tried if nobody is there.
    pub second: Option<Url>,
    /// Whether a redirect is followed, wherever it leads.
    pub follow: bool,
}

impl Target {
    /// A request that is sent where it was meant to go.
    pub fn only(url: &Url) -> Self {
        Self { first: url.clone(), second: None, follow: false }
    }
}

/// Why there is no answer: a status and a sentence.
struct Refused(u16, String);

/// Where an answer's body comes from.
pub struct Answer {
    /// What is said before it.
    pub response: Response,
    /// The body, if there is one.
    pub body: Option<ReadableStream>,
    /// Where it is kept while it comes.
    pub keeping: Option<Keeping>,
}

/// Answers a request whose body is whole.
pub async fn serve(hub: Rc<Hub>, stream: Rc<Stream>, request: Request, body: Vec<Uint8Array>) {
    let answered = answer(&hub, &stream, &request, body).await;
    let outcome = match answered {
        Err(Refused(status, sentence)) => {
            stream.http.borrow_mut().refuse(status, &sentence);
            Err(sentence)
        }
        Ok(answer) => {
            let status = answer.response.status;
            give(&hub, &stream, answer).await.map(|()| status)
        }
    };
    stream.abort.take();
    if !stream.is_gone() {
        hub.web.note(&stream, &request.method, request.url.as_str(), outcome.as_ref().copied().map_err(String::as_str));
    }
    hub.web.pump(&hub, &stream);
    hub.turn();
}

async fn answer(hub: &Rc<Hub>, stream: &Stream, request: &Request, body: Vec<Uint8Array>) -> Result<Answer, Refused> {
    let found = match packages::is_package(request) {
        true => packages::find(&request.url).await,
        false => None,
    };
    let target = hub.web.upgraded(stream.conn.port, &request.url);
    let body = match body.is_empty() {
        true => None,
        false => Some(
            Blob::new_with_u8_array_sequence(&body.into_iter().collect::<Array>())
                .map_err(|error| Refused(502, text_of(&error)))?,
        ),
    };
    // What would change something is not sent on either.
    let follow = target.follow && matches!(&*request.method, "GET" | "HEAD");
    let mut fetched = ask(stream, request, (&target.first, follow), body.as_ref(), found.as_ref()).await;
    if let (Err(Refused(502, _)), Some(second)) = (&fetched, &target.second) {
        fetched = ask(stream, request, (second, follow), body.as_ref(), found.as_ref()).await;
    }
    let response = match (fetched, found) {
        // Not changed, or nobody there to say so.
        (Ok(response), Some(found)) if response.status() == 304 => {
            return found.answer().map_err(|error| Refused(502, error));
        }
        (Err(Refused(502 | 504, _)), Some(found)) => return found.answer().map_err(|error| Refused(502, error)),
        (fetched, _) => fetched?,
    };
    if response.type_() == ResponseType::Opaqueredirect {
        let sentence = match target.follow {
            true => "The server redirects this request, which is followed for GET only: ask the place where it leads.",
            false => {
                "The package mirror redirects this request, which is not followed: the machine may reach mirrors only."
            }
        };
        return Err(Refused(502, sentence.to_owned()));
    }
    if let Err(why) = hub.web.check(stream.conn.port, &response.url()) {
        return Err(Refused(403, format!("Not fetched: it was redirected, and {why}.")));
    }
    let head = head(&response);
    let keeping = match packages::is_package(request) && head.status == 200 {
        true => packages::keep(&request.url, &head).await,
        false => None,
    };
    Ok(Answer { response: head, body: response.body(), keeping })
}

/// Asks the browser. With a kept answer it asks whether that is still good.
async fn ask(
    stream: &Stream,
    request: &Request,
    (url, follow): (&Url, bool),
    body: Option<&Blob>,
    found: Option<&Found>,
) -> Result<web_sys::Response, Refused> {
    let failed = |error: JsValue| Refused(502, format!("The browser can’t ask for this: {}.", text_of(&error)));
    let headers = Headers::new().map_err(failed)?;
    for (name, value) in &request.headers {
        let conditional = name.starts_with("if-");
        if !(conditional && packages::is_package(request)) {
            // Those that a browser does not let anybody set are set by the browser.
            drop(headers.append(name, &value.iter().map(|byte| char::from(*byte)).collect::<String>()));
        }
    }
    if let Some((name, value)) = found.and_then(Found::validator) {
        drop(headers.append(name, &value));
    }
    let controller = AbortController::new().map_err(failed)?;
    let init = RequestInit::new();
    init.set_method(&request.method);
    init.set_headers(&headers);
    init.set_credentials(RequestCredentials::Omit);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    // A browser follows redirects before anybody can look where they lead.
    init.set_redirect(if follow { RequestRedirect::Follow } else { RequestRedirect::Manual });
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(&controller.signal()));
    if let Some(body) = body {
        init.set_body(body);
    }
    *stream.abort.borrow_mut() = Some(controller.clone());
    match within(HEAD_TIME, fetch_with(url.as_str(), &init)).await {
        Some(Ok(response)) => Ok(response.unchecked_into()),
        Some(Err(error)) => Err(Refused(
            502,
            format!(
                "{} could not be fetched: {}. The server may not be there, or the extension may not have been given leave to reach it.",
                url.host_str().unwrap_or_default(),
                text_of(&error).trim_end_matches('.')
            ),
        )),
        None => {
            controller.abort();
            Err(Refused(504, format!("{} did not answer.", url.host_str().unwrap_or_default())))
        }
    }
}

/// What of a promise is there in time.
async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let milliseconds = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let late = std::pin::pin!(crate::storage::pause(milliseconds));
    match select(std::pin::pin!(work), late).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

fn head(response: &web_sys::Response) -> Response {
    let mut headers: Vec<Header> = vec![];
    for pair in js_sys::try_iter(&response.headers()).ok().flatten().into_iter().flatten().flatten() {
        let part = |index: u32| Reflect::get_u32(&pair, index).ok().and_then(|part| part.as_string());
        if let (Some(name), Some(value)) = (part(0), part(1)) {
            // A browser gives each byte as one sign.
            headers.push((name, value.chars().map(|sign| sign as u8).collect()));
        }
    }
    let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    // The browser has unpacked the body, and its length is not the one that the server said.
    let packed = value("content-encoding").is_some();
    let length = value("content-length").and_then(|length| String::from_utf8(length).ok()?.trim().parse().ok());
    headers.retain(|(name, _)| name != "content-encoding");
    Response { status: response.status(), reason: response.status_text(), headers, length: length.filter(|_| !packed) }
}

/// Gives the machine an answer. What goes wrong on the way can only be told by cutting it off.
async fn give(hub: &Rc<Hub>, stream: &Rc<Stream>, answer: Answer) -> Result<(), String> {
    let Answer { response, body, mut keeping } = answer;
    stream.http.borrow_mut().respond(&response);
    hub.web.pump(hub, stream);
    hub.turn();
    let given = match &body {
        Some(body) => pass(hub, stream, body, keeping.as_mut()).await,
        None => Ok(()),
    };
    match &given {
        Ok(()) => stream.http.borrow_mut().finish(),
        Err(_) => stream.http.borrow_mut().give_up(),
    }
    if let (Ok(()), Some(keeping)) = (&given, keeping) {
        keeping.finish().await;
    }
    given
}

async fn pass(
    hub: &Rc<Hub>,
    stream: &Rc<Stream>,
    body: &ReadableStream,
    mut keeping: Option<&mut Keeping>,
) -> Result<(), String> {
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    loop {
        let next = within(BODY_TIME, JsFuture::from(reader.read())).await;
        let next = match next {
            Some(Ok(next)) => next,
            Some(Err(error)) => return Err(format!("the answer broke off: {}", text_of(&error))),
            None => return Err("the answer stopped half-way".to_owned()),
        };
        let next: js_sys::IteratorNext = next.unchecked_into();
        if next.done() {
            return Ok(());
        }
        let piece = next.value().unchecked_into::<Uint8Array>().to_vec();
        if let Some(keeping) = &mut keeping {
            keeping.write(&piece);
        }
        let mut at = 0;
        while at < piece.len() {
            let taken = stream.http.borrow_mut().body(&piece[at..]);
            at += taken;
            hub.web.pump(hub, stream);
            hub.turn();
            if stream.is_gone() || taken == 0 && !stream.room().await {
                drop(reader.cancel());
                return Err("the machine did not wait for the answer".to_owned());
            }
        }
    }
}
