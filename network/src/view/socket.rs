//! Web sockets of a page's scripts to the machine (RFC 6455). They go the same way as requests do, on a connection that stays open.

use super::asking::{self, Ask, Sender};
use super::frame::Hears;
use super::load::Visitor;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use url::{Position, Url};
use websocket::{Message, Opening, Reader, frame};

/// How many sockets of a page may be open.
const SOCKETS_MAX: usize = 32;
/// What browsers say of a socket that ended without a goodbye (section 7.4.1).
pub(crate) const BROKEN: u16 = 1006;
/// What they say where the goodbye has no status.
const NO_STATUS: u16 = 1005;

/// How a socket ended: its status, the reason, and whether both sides have said goodbye.
pub(crate) type End = (u16, String, bool);

struct Socket {
    sender: Sender,
    /// A goodbye has been said here.
    ending: Cell<bool>,
}

/// The sockets of a page that are open.
#[derive(Default)]
pub(crate) struct Sockets(RefCell<BTreeMap<u32, Rc<Socket>>>);

/// Where a script opens a socket, as a page's address. An error is a sentence.
pub(crate) fn resolve(visitor: &Visitor, base: &Url, address: &str) -> Result<Url, String> {
    let plain = match address.split_once(':') {
        Some(("ws", rest)) => format!("http:{rest}"),
        Some(("wss", rest)) => format!("https:{rest}"),
        _ => address.to_owned(),
    };
    visitor.site.resolve(base, &plain).map_err(|elsewhere| elsewhere.words().0)
}

fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let none = || "the browser gives no random numbers".to_owned();
    let crypto = web_sys::window().and_then(|window| window.crypto().ok()).ok_or_else(none)?;
    crypto.get_random_values_with_u8_array(&mut bytes).map_err(|_| none())?;
    Ok(bytes)
}

impl Socket {
    fn say(&self, message: &Message) -> Result<(), String> {
        // Nothing is said after a goodbye.
        if self.ending.get() {
            return Ok(());
        }
        self.ending.set(matches!(message, Message::Close(_)));
        self.sender.send(frame(message, random()?))
    }
}

impl Sockets {
    /// A script sends.
    pub(crate) fn send(&self, n: u32, message: &Message) {
        let socket = self.0.borrow().get(&n).cloned();
        if let Some(Err(why)) = socket.map(|socket| socket.say(message)) {
            web_sys::console::warn_1(&why.into());
        }
    }

    /// A script ends a socket.
    pub(crate) fn end(&self, n: u32, reason: Option<(u16, String)>) {
        self.send(n, &Message::Close(reason));
    }

    /// Opens a socket from a page to an address, and serves it until its end.
    pub(crate) async fn serve(
        &self,
        n: u32,
        visitor: &Visitor,
        (page, url): (&Url, Result<Url, String>),
        protocols: Vec<String>,
        told: &impl Fn(Hears),
        wanted: &impl Fn() -> bool,
    ) -> Result<End, String> {
        let url = url?;
        if self.0.borrow().len() >= SOCKETS_MAX {
            return Err("the page opens too many sockets".to_owned());
        }
        let opening = Opening::new(random()?, &protocols).map_err(|error| error.to_string())?;
        let mut headers = opening.headers();
        headers.push(("origin".to_owned(), page[..Position::BeforePath].to_owned()));
        let cookies = visitor.cookies(&url);
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies));
        }
        let ask = Ask { headers, websocket: true, ..Ask::get(url) };
        let mut answer = asking::ask(&visitor.id, ask).await?;
        let protocol = opening.answered(answer.status, &answer.headers).map_err(|error| error.to_string())?;
        let socket = Rc::new(Socket { sender: answer.sender(), ending: Cell::new(false) });
        self.0.borrow_mut().insert(n, socket.clone());
        told(Hears::Opened { n, protocol: protocol.unwrap_or_default() });
        let mut reader = Reader::default();
        let end = loop {
            // A server that has heard a goodbye and says none has been silent for long enough.
            let piece = answer.socket_piece(|| wanted() && !socket.ending.get()).await;
            let Ok(Some(bytes)) = piece else { break Err(piece.err().unwrap_or_default()) };
            if !wanted() {
                break Err("its page was left".to_owned());
            }
            reader.input(&bytes);
            if let Some(end) = read(&mut reader, n, &socket, told).transpose() {
                break end;
            }
        };
        let mut open = self.0.borrow_mut();
        // The next page counts from the beginning, and may have a socket of this number by now.
        if open.get(&n).is_some_and(|other| Rc::ptr_eq(other, &socket)) {
            open.remove(&n);
        }
        end
    }
}

/// Tells what has come; gives how the socket ended, if it has.
fn read(reader: &mut Reader, n: u32, socket: &Socket, told: &impl Fn(Hears)) -> Result<Option<End>, String> {
    loop {
        match reader.message().map_err(|error| error.to_string())? {
            None => return Ok(None),
            Some(Message::Text(text)) => told(Hears::Text { n, text }),
            Some(Message::Binary(bytes)) => told(Hears::Bytes { n, bytes }),
            Some(Message::Ping(bytes)) => socket.say(&Message::Pong(bytes))?,
            Some(Message::Pong(_)) => {}
            Some(Message::Close(reason)) => {
                socket.say(&Message::Close(reason.clone()))?;
                let (status, reason) = reason.unwrap_or((NO_STATUS, String::new()));
                return Ok(Some((status, reason, true)));
            }
        }
    }
}
