//! One browser, from its hello to its end.

use crate::rooms::Seat;
use crate::server::{PATH, Shared};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, sleep, timeout};
use uplink::{Decoder, End, Hello, Message, Pace, Reason, VERSION, Welcome, WireError, suits_datagram};
use vlan::{BatchError, batch, frame};
use wtransport::endpoint::IncomingSession;
use wtransport::{Connection, RecvStream, SendStream, VarInt};

/// How long a browser may take from its first packet to its hello.
const HELLO: Duration = Duration::from_secs(10);
/// How long one may be silent that has said that it asks every two seconds; its timers may be late when its machines have the processors.
const SILENCE: Duration = Duration::from_secs(30);
/// How long one may not take what is sent to it.
const STUCK: Duration = Duration::from_secs(30);
/// How long a last word may take to arrive.
const LAST_WORD: Duration = Duration::from_secs(2);
/// How long one waits that had a wrong token: guessing is slow then.
const WRONG_TOKEN: Duration = Duration::from_secs(1);
/// How many bytes are read, and sent, at a time.
const PIECE: usize = 64 * 1024;
/// How many answers to pings wait at most.
const PONGS_MAX: usize = 16;
/// How often deeds are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How many frames that are nobody's mistake one may send between two looks, and how many broadcasts too many.
const MISDEEDS_MAX: u64 = 500;
const FLOODS_MAX: u64 = 20_000;

fn malformed(error: &WireError) -> End {
    End::new(Reason::Malformed, format!("What came is not the protocol: {error}."))
}

/// Sees a browser through; returns why it went, if it had come as far as to be told.
pub(crate) async fn serve(shared: &Shared, incoming: IncomingSession) -> Option<Reason> {
    let (connection, mut send, mut receive) = timeout(HELLO, accept(shared, incoming)).await.ok()??;
    let mut decoder = Decoder::default();
    let end = match timeout(HELLO, hello(&mut receive, &mut decoder)).await {
        Err(_) => Err(End::new(Reason::Silent, "No hello came.")),
        Ok(Err(end)) => Err(end),
        Ok(Ok(hello)) => admit(shared, &hello).await.map(|seat| (hello, seat)),
    };
    let reason = match end {
        Err(end) => {
            let _ = timeout(LAST_WORD, last_word(&mut send, &end)).await;
            end.reason
        }
        Ok((hello, seat)) => stay(shared, &hello, seat, &connection, (send, receive), decoder).await,
    };
    // A close may overtake what the stream still has to deliver: the browser goes by itself, or is made to.
    let _ = timeout(LAST_WORD, connection.closed()).await;
    connection.close(VarInt::from_u32(u32::from(reason.code())), b"");
    Some(reason)
}

async fn accept(shared: &Shared, incoming: IncomingSession) -> Option<(Connection, SendStream, RecvStream)> {
    let request = incoming.await.ok()?;
    if request.path().split('?').next() != Some(PATH) {
        request.not_found().await;
        return None;
    }
    // A page of the web has no business here, even if it knows the certificate's hash.
    let web = request.origin().is_some_and(|origin| origin.starts_with("http:") || origin.starts_with("https:"));
    if web && !shared.any_origin {
        request.forbidden().await;
        return None;
    }
    let connection = request.accept().await.ok()?;
    let (send, receive) = connection.accept_bi().await.ok()?;
    Some((connection, send, receive))
}

async fn last_word(send: &mut SendStream, end: &End) {
    if send.write_all(&Message::End(end.clone()).to_bytes()).await.is_ok() {
        let _ = send.finish().await;
    }
}

async fn hello(receive: &mut RecvStream, decoder: &mut Decoder) -> Result<Hello, End> {
    let mut piece = vec![0; PIECE];
    loop {
        match decoder.message().map_err(|error| malformed(&error))? {
            Some(Message::Hello(hello)) => return Ok(hello),
            Some(_) => return Err(End::new(Reason::Malformed, "The first message has to be a hello.")),
            None => {}
        }
        match receive.read(&mut piece).await {
            Ok(Some(count)) => decoder.push(piece.get(..count).unwrap_or_default()),
            _ => return Err(End::new(Reason::Left, "")),
        }
    }
}

async fn admit(shared: &Shared, hello: &Hello) -> Result<Seat, End> {
    if hello.version != VERSION {
        let text = format!("This endpoint speaks version {VERSION} of the protocol, not {}.", hello.version);
        return Err(End::new(Reason::Version, text));
    }
    if hello.room.is_empty() {
        return Err(End::new(Reason::Room, "The room has no name."));
    }
    match shared.tokens.check(&hello.room, &hello.token) {
        Ok(()) => shared.rooms.join(hello),
        Err(Reason::Token) => {
            sleep(WRONG_TOKEN).await;
            Err(End::new(Reason::Token, "The token is not one of this room’s."))
        }
        Err(reason) => Err(End::new(reason, "There is no such room here.")),
    }
}

/// What the parts of a session share.
struct Session<'a> {
    seat: &'a Seat,
    connection: &'a Connection,
    /// Both sides take datagrams.
    datagrams: bool,
    pace: Mutex<Pace>,
    begun: Instant,
}

impl Session<'_> {
    /// So many bytes came; says how long nothing more may come.
    fn spend(&self, bytes: usize) -> Duration {
        let now = self.begun.elapsed();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.spend(bytes, now);
        pace.wait(now)
    }
}

async fn stay(
    shared: &Shared,
    hello: &Hello,
    seat: Seat,
    connection: &Connection,
    (send, receive): (SendStream, RecvStream),
    decoder: Decoder,
) -> Reason {
    let begun = Instant::now();
    let rate = shared.limits.bytes_per_second;
    let pace = Mutex::new(Pace::new(u64::from(rate), begun.elapsed()));
    let session = Session { seat: &seat, connection, datagrams: hello.datagrams, pace, begun };
    let certificates = shared.next.borrow().iter().copied().collect();
    let welcome = Welcome { datagrams: true, bytes_per_second: rate, certificates };
    let (pong, pongs) = mpsc::channel(PONGS_MAX);
    let (over, ending) = watch::channel(None);
    let write = session.write(send, Message::Welcome(welcome), pongs, ending);
    tokio::pin!(write);
    let stop = async {
        let end = tokio::select! {
            end = session.read(receive, decoder, pong) => end,
            end = session.datagrams() => end,
            end = session.judge() => end,
        };
        over.send_replace(Some(end.clone()));
        end
    };
    tokio::select! {
        end = stop => {
            let _ = timeout(LAST_WORD, write).await;
            end.reason
        }
        reason = &mut write => reason,
    }
}

impl Session<'_> {
    /// Reads until there is nothing more to read, or nothing that is worth it.
    async fn read(&self, mut receive: RecvStream, mut decoder: Decoder, pong: mpsc::Sender<u64>) -> End {
        let mut piece = vec![0; PIECE];
        loop {
            loop {
                match decoder.message() {
                    Err(error) => return malformed(&error),
                    Ok(None) => break,
                    Ok(Some(message)) => {
                        if let Err(end) = self.hear(message, &pong) {
                            return end;
                        }
                    }
                }
            }
            match timeout(SILENCE, receive.read(&mut piece)).await {
                Err(_) => return End::new(Reason::Silent, "Nothing came for half a minute."),
                Ok(Ok(Some(count))) => {
                    decoder.push(piece.get(..count).unwrap_or_default());
                    // What is not read makes the browser wait, and there it is shared fairly.
                    sleep_some(self.spend(count)).await;
                }
                Ok(_) => return End::new(Reason::Left, ""),
            }
        }
    }

    fn hear(&self, message: Message, pong: &mpsc::Sender<u64>) -> Result<(), End> {
        match message {
            Message::Frames(batch) => {
                let nonsense = |error: BatchError| End::new(Reason::Malformed, format!("{error}."));
                self.seat.input_batch(&batch).map_err(nonsense)
            }
            Message::Ping(number) => {
                // Who asks faster than answers go misses some.
                let _ = pong.try_send(number);
                Ok(())
            }
            Message::Names(names) => {
                self.seat.set_names(names);
                Ok(())
            }
            Message::Pong(_) => Ok(()),
            Message::End(end) => Err(End { reason: Reason::Left, ..end }),
            Message::Hello(_) | Message::Welcome(_) | Message::Members(_) => {
                Err(End::new(Reason::Malformed, "This message has no place here."))
            }
        }
    }

    /// Takes frames that come as datagrams. Those that come too fast are lost, as datagrams may be.
    async fn datagrams(&self) -> End {
        loop {
            match self.connection.receive_datagram().await {
                Err(_) => return End::new(Reason::Left, ""),
                Ok(datagram) if self.datagrams => {
                    if self.spend(datagram.len()).is_zero() {
                        self.seat.input(&datagram);
                    }
                }
                Ok(_) => {}
            }
        }
    }

    /// Ends who does what is nobody's mistake, and who floods and does not stop.
    async fn judge(&self) -> End {
        let mut looks = interval(LOOK);
        let mut before = (0, 0);
        loop {
            looks.tick().await;
            let now = self.seat.misdeeds();
            if now.0 - before.0 > MISDEEDS_MAX || now.1 - before.1 > FLOODS_MAX {
                return End::new(Reason::Abuse, "Too much of what came is not allowed in the room.");
            }
            before = now;
        }
    }

    /// Sends what there is to send, until somebody says why to stop.
    async fn write(
        &self,
        mut send: SendStream,
        welcome: Message,
        mut pongs: mpsc::Receiver<u64>,
        mut over: watch::Receiver<Option<End>>,
    ) -> Reason {
        let (mut end, mut others) = (self.seat.place.end.clone(), self.seat.place.others.clone());
        others.mark_changed();
        let mut next = welcome.to_bytes();
        loop {
            match timeout(STUCK, send.write_all(&next)).await {
                Err(_) => return Reason::Silent,
                Ok(Err(_)) => return Reason::Left,
                Ok(Ok(())) => {}
            }
            let last: Option<End> = tokio::select! {
                biased;
                last = word(&mut over) => last,
                last = word(&mut end) => last,
                Some(number) = pongs.recv() => {
                    next = Message::Pong(number).to_bytes();
                    None
                }
                Ok(()) = others.changed() => {
                    next = Message::Members(others.borrow_and_update().clone()).to_bytes();
                    None
                }
                frames = self.frames() => {
                    next = frames;
                    None
                }
            };
            if let Some(last) = last {
                if last.reason != Reason::Left {
                    let _ = timeout(LAST_WORD, last_word(&mut send, &last)).await;
                }
                return last.reason;
            }
        }
    }

    /// The next frames, as a message; what may go as datagrams goes.
    async fn frames(&self) -> Vec<u8> {
        loop {
            let taken = self.seat.take(PIECE);
            if taken.is_empty() {
                self.seat.place.work.notified().await;
                continue;
            }
            let batch = if self.datagrams { self.send_datagrams(taken) } else { taken };
            if !batch.is_empty() {
                return [&Message::frames_header(batch.len())[..], &batch].concat();
            }
        }
    }

    /// Sends what can go as datagrams; returns the rest.
    fn send_datagrams(&self, taken: Vec<u8>) -> Vec<u8> {
        let max = self.connection.max_datagram_size().unwrap_or(0);
        let Ok(frames) = batch::frames(&taken, frame::LONGEST) else { return taken };
        let mut rest = Vec::new();
        for frame in frames {
            if !(suits_datagram(frame, max) && self.connection.send_datagram(frame).is_ok()) {
                batch::push(&mut rest, frame);
            }
        }
        rest
    }
}

/// Waits until somebody says why to stop, or nobody is left who could.
async fn word(end: &mut watch::Receiver<Option<End>>) -> Option<End> {
    let said = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
    said.or_else(|| Some(End::new(Reason::Left, "")))
}

async fn sleep_some(wait: Duration) {
    if !wait.is_zero() {
        sleep(wait).await;
    }
}

/// Runs a session and counts it.
pub(crate) async fn run(shared: Arc<Shared>, incoming: IncomingSession) {
    if let Some(reason) = serve(&shared, incoming).await {
        shared.metrics.end(reason);
    }
}
