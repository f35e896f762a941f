//! One request to a machine's server, through the lan worker.

use futures_channel::mpsc::{UnboundedReceiver, unbounded};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use protocol::{InstanceId, LAN_CHANNEL, LanAsk, VisitAsk, VisitRequest, VisitTold, visit_channel};
use url::{Position, Url};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};
use webbridge::{from_js, to_js};

/// How long the lan worker may say nothing: it has its own patience with the machine, which is shorter.
const SILENCE_MS: u32 = 150_000;

/// How often the lan worker is told that a web socket is still wanted: it ends what nobody has spoken on for two minutes.
const ALIVE_MS: u32 = 30_000;

/// What is asked of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) url: Url,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Asks for a web socket.
    pub(crate) websocket: bool,
}

impl Ask {
    /// A page, or what is on it.
    pub(crate) fn get(url: Url) -> Self {
        Self { url, method: "GET".to_owned(), headers: vec![], body: vec![], websocket: false }
    }
}

/// An answer that is coming. Dropping it ends it.
pub(crate) struct Answer {
    channel: BroadcastChannel,
    told: UnboundedReceiver<VisitTold>,
    over: bool,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) length: Option<u64>,
    _hear: Closure<dyn Fn(MessageEvent)>,
}

/// The way to the machine on a web socket. It leads nowhere once the answer is gone.
#[derive(Debug, Clone)]
pub(crate) struct Sender(BroadcastChannel);

impl Sender {
    pub(crate) fn send(&self, bytes: Vec<u8>) -> Result<(), String> {
        post(&self.0, &VisitAsk::Send(bytes))
    }
}

fn token() -> String {
    // Nobody has to guess it: all who hear the channel are pages of the extension.
    let digits = || (js_sys::Math::random() * 1e15) as u64;
    format!("{:016x}{:016x}", digits(), digits())
}

fn post(channel: &BroadcastChannel, message: &impl serde::Serialize) -> Result<(), String> {
    let message = to_js(message).map_err(|error| error.to_string())?;
    channel.post_message(&message).map_err(|_| "the page can’t speak with the LAN".to_owned())
}

/// Asks, and waits for the answer's head. An error is a sentence without its end.
pub(crate) async fn ask(id: &InstanceId, ask: Ask) -> Result<Answer, String> {
    let token = token();
    let failed = |_| "the page can’t speak with the LAN".to_owned();
    let channel = BroadcastChannel::new(&visit_channel(&token).unwrap_or_default()).map_err(failed)?;
    let (send, told) = unbounded();
    let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        if let Ok(told) = from_js::<VisitTold>(event.data()) {
            // Nobody listens any more when the answer was given up.
            let _ = send.unbounded_send(told);
        }
    });
    channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
    let request = VisitRequest {
        token,
        id: id.clone(),
        port: ask.url.port_or_known_default().unwrap_or(80),
        host: ask.url[Position::BeforeHost..Position::AfterPort].to_owned(),
        method: ask.method,
        target: ask.url[Position::BeforePath..Position::AfterQuery].to_owned(),
        headers: ask.headers,
        body: ask.body,
        websocket: ask.websocket,
    };
    let mut answer = Answer { channel, told, over: false, status: 0, headers: vec![], length: None, _hear: hear };
    let lan = BroadcastChannel::new(LAN_CHANNEL).map_err(failed)?;
    post(&lan, &LanAsk::Visit(request))?;
    lan.close();
    match answer.next().await {
        Some(VisitTold::Head { status, headers, length }) => {
            (answer.status, answer.headers, answer.length) = (status, headers, length);
            Ok(answer)
        }
        Some(VisitTold::Failed(why)) => Err(why),
        Some(VisitTold::Body(_) | VisitTold::End) => Err("the LAN’s worker answered out of order".to_owned()),
        None => Err("the LAN does not answer: is the machine running?".to_owned()),
    }
}

impl Answer {
    /// What is said next; nothing if that takes too long.
    async fn next(&mut self) -> Option<VisitTold> {
        let late = TimeoutFuture::new(SILENCE_MS);
        let told = match select(self.told.next(), late).await {
            Either::Left((told, _)) => told,
            Either::Right(_) => None,
        };
        self.over |= !matches!(told, Some(VisitTold::Head { .. } | VisitTold::Body(_)));
        told
    }

    /// The next bytes of the body; nothing at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self.next().await {
            Some(VisitTold::Body(bytes)) => {
                post(&self.channel, &VisitAsk::Taken(bytes.len()))?;
                Ok(Some(bytes))
            }
            Some(VisitTold::End) => Ok(None),
            Some(VisitTold::Failed(why)) => Err(why),
            Some(VisitTold::Head { .. }) => Err("the LAN’s worker answered out of order".to_owned()),
            None => Err("the machine’s answer stopped half-way".to_owned()),
        }
    }

    /// The next bytes that come on a web socket, however long it is silent; nothing at its end. `wanted` is asked now and then.
    pub(crate) async fn socket_piece(&mut self, wanted: impl Fn() -> bool) -> Result<Option<Vec<u8>>, String> {
        loop {
            match select(self.told.next(), TimeoutFuture::new(ALIVE_MS)).await {
                Either::Left((Some(VisitTold::Body(bytes)), _)) => {
                    post(&self.channel, &VisitAsk::Taken(bytes.len()))?;
                    return Ok(Some(bytes));
                }
                Either::Left((Some(VisitTold::Failed(why)), _)) => {
                    self.over = true;
                    return Err(why);
                }
                Either::Left(_) => {
                    self.over = true;
                    return Ok(None);
                }
                Either::Right(_) if wanted() => post(&self.channel, &VisitAsk::Taken(0))?,
                Either::Right(_) => return Ok(None),
            }
        }
    }

    /// What sends on a web socket.
    pub(crate) fn sender(&self) -> Sender {
        Sender(self.channel.clone())
    }

    /// A header of the answer.
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value)
    }

    /// All of the body, if it has no more bytes than this. `progress` hears how much has come.
    pub(crate) async fn whole(mut self, max: usize, progress: impl Fn(usize)) -> Result<Vec<u8>, String> {
        let mut body = vec![];
        while let Some(piece) = self.piece().await? {
            body.extend(piece);
            if body.len() > max {
                return Err(format!("this is larger than the {} that can be shown", ui::bytes(max as u64)));
            }
            progress(body.len());
        }
        Ok(body)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.over {
            // Whoever sends it stops by itself later on.
            let _ = post(&self.channel, &VisitAsk::Stop);
        }
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}
