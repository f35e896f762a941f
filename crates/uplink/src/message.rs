use crate::error::WireError;
use crate::read::Reader;
use crate::write::Writer;
use crate::{
    FRAMES_MAX, HEADER, MAGIC, MEMBERS_BYTES_MAX, MEMBERS_MAX, NAME_MAX, NAMES_MAX, SMALL_MAX, TEXT_MAX, TOKEN_MAX,
    VERSION,
};

/// The bit of a hello's and a welcome's flags that says that small frames may come as datagrams.
const DATAGRAMS: u16 = 1;

/// What the LAN says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version that it speaks.
    pub version: u16,
    /// Whether it takes frames as datagrams.
    pub datagrams: bool,
    /// Its addresses are `10.a.b.0/24`: the first of its two numbers.
    pub a: u8,
    /// The second of its two numbers.
    pub b: u8,
    /// A random number that is kept as long as the uplink: a session with the same key takes the place of an earlier one, of which the endpoint may
    /// not have noticed yet that it is gone.
    pub key: [u8; 16],
    /// The room that it wants to join.
    pub room: String,
    /// What it calls itself.
    pub name: String,
    /// What lets it in; empty if nothing is needed.
    pub token: String,
}

/// What the endpoint says when it has let a LAN in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Whether it takes frames as datagrams.
    pub datagrams: bool,
    /// How many bytes a second it takes from this LAN; zero if it does not say.
    pub bytes_per_second: u32,
    /// SHA-256 hashes of the self-made certificates that it will have next, so that the LAN finds it again when this one's time is over.
    pub certificates: Vec<[u8; 32]>,
}

/// Why a session ends. The numbers are in `docs/uplinks.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is wrong: the LAN leaves.
    Left,
    /// The endpoint does not speak this version.
    Version,
    /// A token is needed, or this one is not right.
    Token,
    /// There is no such room.
    Room,
    /// The room, or the endpoint, has as many as it takes.
    Full,
    /// Another LAN in the room has the same two numbers.
    Collision,
    /// What was said is not the protocol.
    Malformed,
    /// The endpoint is being shut down.
    Shutdown,
    /// A new session with the same key has taken this one's place.
    Replaced,
    /// The LAN did what the room does not allow, and did not stop.
    Abuse,
    /// The other side was silent, or did not take what was sent to it.
    Silent,
    /// A reason that this version does not know.
    Other(u8),
}

const REASONS: [Reason; 11] = [
    Reason::Left,
    Reason::Version,
    Reason::Token,
    Reason::Room,
    Reason::Full,
    Reason::Collision,
    Reason::Malformed,
    Reason::Shutdown,
    Reason::Replaced,
    Reason::Abuse,
    Reason::Silent,
];

impl Reason {
    /// Its number.
    pub fn code(self) -> u8 {
        match self {
            Reason::Other(code) => code,
            known => REASONS.iter().position(|reason| *reason == known).map_or(u8::MAX, |at| at as u8),
        }
    }

    /// The reason with this number.
    pub fn of_code(code: u8) -> Reason {
        REASONS.get(usize::from(code)).copied().unwrap_or(Reason::Other(code))
    }

    /// Whether trying again can help without anybody changing anything.
    pub fn passes(self) -> bool {
        !matches!(
            self,
            Reason::Version | Reason::Token | Reason::Room | Reason::Collision | Reason::Replaced | Reason::Abuse
        )
    }
}

/// The end of a session, said before the stream is closed. This message is the same in all versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: Reason,
    /// The version that its sender speaks.
    pub version: u16,
    /// The same as a sentence.
    pub text: String,
}

impl End {
    /// An end, in this version.
    pub fn new(reason: Reason, text: impl Into<String>) -> End {
        End { reason, version: VERSION, text: text.into() }
    }
}

/// A machine's name: `name` has the address `10.a.b.host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The last number of its address.
    pub host: u8,
    /// What it is called in its own LAN, as a label of the name service.
    pub name: String,
}

/// A LAN in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The first of its two numbers.
    pub a: u8,
    /// The second of its two numbers.
    pub b: u8,
    /// What it calls itself.
    pub name: String,
    /// The machines that it has told the names of.
    pub machines: Vec<Name>,
}

/// Everything that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The LAN's first message.
    Hello(Hello),
    /// The endpoint's first message, if it lets the LAN in.
    Welcome(Welcome),
    /// The last message of either side.
    End(End),
    /// Frames, each behind its length (four bytes, little endian). They are checked by whoever takes them in.
    Frames(Vec<u8>),
    /// Asks for a [`Message::Pong`] with the same number.
    Ping(u64),
    /// Answers a ping.
    Pong(u64),
    /// The LAN tells which of its machines the others may know by name. It replaces what it told before.
    Names(Vec<Name>),
    /// The endpoint tells who else is in the room. It replaces what it told before.
    Members(Vec<Member>),
}

/// The kinds' numbers.
mod kind {
    pub(super) const HELLO: u8 = 1;
    pub(super) const WELCOME: u8 = 2;
    pub(super) const END: u8 = 3;
    pub(super) const FRAMES: u8 = 4;
    pub(super) const PING: u8 = 5;
    pub(super) const PONG: u8 = 6;
    pub(super) const NAMES: u8 = 7;
    pub(super) const MEMBERS: u8 = 8;
}

/// The longest body of a kind.
pub(crate) fn longest(kind: u8) -> usize {
    match kind {
        kind::FRAMES => FRAMES_MAX,
        kind::MEMBERS => MEMBERS_BYTES_MAX,
        _ => SMALL_MAX,
    }
}

impl Message {
    /// The header that goes before a body of frames which is sent as it is.
    pub fn frames_header(length: usize) -> [u8; HEADER] {
        header(kind::FRAMES, length)
    }

    /// The message as bytes of the stream. What is too long for its place is cut: names and sentences are for people.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let kind = match self {
            Message::Hello(hello) => {
                out.bytes(&MAGIC);
                out.u16(hello.version);
                out.u16(if hello.datagrams { DATAGRAMS } else { 0 });
                out.bytes(&[hello.a, hello.b]);
                out.bytes(&hello.key);
                out.short(&hello.room, NAME_MAX);
                out.short(&hello.name, NAME_MAX);
                out.long(&hello.token, TOKEN_MAX);
                kind::HELLO
            }
            Message::Welcome(welcome) => {
                out.u16(if welcome.datagrams { DATAGRAMS } else { 0 });
                out.u32(welcome.bytes_per_second);
                let hashes = out.list(&welcome.certificates, CERTIFICATES_MAX);
                hashes.iter().for_each(|hash| out.bytes(hash));
                kind::WELCOME
            }
            Message::End(end) => {
                out.bytes(&[end.reason.code()]);
                out.u16(end.version);
                out.long(&end.text, TEXT_MAX);
                kind::END
            }
            Message::Frames(batch) => {
                out.bytes(batch);
                kind::FRAMES
            }
            Message::Ping(number) => {
                out.u64(*number);
                kind::PING
            }
            Message::Pong(number) => {
                out.u64(*number);
                kind::PONG
            }
            Message::Names(names) => {
                write_names(&mut out, names);
                kind::NAMES
            }
            Message::Members(members) => {
                for member in out.list(members, MEMBERS_MAX) {
                    out.bytes(&[member.a, member.b]);
                    out.short(&member.name, NAME_MAX);
                    write_names(&mut out, &member.machines);
                }
                kind::MEMBERS
            }
        };
        let body = out.into_bytes();
        let mut bytes = header(kind, body.len()).to_vec();
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The message with this body; `None` if this version does not know its kind.
    pub(crate) fn read(kind: u8, body: &[u8]) -> Result<Option<Message>, WireError> {
        let mut read = Reader::new(kind, body);
        let message = match kind {
            kind::HELLO => Message::Hello(read_hello(&mut read)?),
            kind::WELCOME => {
                let flags = read.u16()?;
                let bytes_per_second = read.u32()?;
                let count = read.count(CERTIFICATES_MAX, "certificates")?;
                let certificates = (0..count).map(|_| read.array()).collect::<Result<_, _>>()?;
                Message::Welcome(Welcome { datagrams: flags & DATAGRAMS != 0, bytes_per_second, certificates })
            }
            kind::END => {
                let [code] = read.array()?;
                let end =
                    End { reason: Reason::of_code(code), version: read.u16()?, text: read.long(TEXT_MAX, "sentence")? };
                // A later version may say more here.
                return Ok(Some(Message::End(end)));
            }
            kind::FRAMES => return Ok(Some(Message::Frames(body.to_vec()))),
            kind::PING => Message::Ping(read.u64()?),
            kind::PONG => Message::Pong(read.u64()?),
            kind::NAMES => Message::Names(read_names(&mut read)?),
            kind::MEMBERS => {
                let count = read.count(MEMBERS_MAX, "members")?;
                let mut members = Vec::with_capacity(count);
                for _ in 0..count {
                    let [a, b] = read.array()?;
                    let name = read.short(NAME_MAX, "name")?;
                    members.push(Member { a, b, name, machines: read_names(&mut read)? });
                }
                Message::Members(members)
            }
            _ => return Ok(None),
        };
        read.end()?;
        Ok(Some(message))
    }
}

/// The most hashes of a welcome.
const CERTIFICATES_MAX: usize = 4;

fn header(kind: u8, length: usize) -> [u8; HEADER] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [kind, a, b, c, d]
}

fn write_names(out: &mut Writer, names: &[Name]) {
    for name in out.list(names, NAMES_MAX) {
        out.bytes(&[name.host]);
        out.short(&name.name, NAME_MAX);
    }
}

fn read_names(read: &mut Reader<'_>) -> Result<Vec<Name>, WireError> {
    let count = read.count(NAMES_MAX, "machines")?;
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let [host] = read.array()?;
        let name = read.short(NAME_MAX, "name")?;
        names.push(Name { host, name });
    }
    Ok(names)
}

fn read_hello(read: &mut Reader<'_>) -> Result<Hello, WireError> {
    if read.array::<8>().ok() != Some(MAGIC) {
        return Err(WireError::NoHello);
    }
    let version = read.u16()?;
    if version != VERSION {
        // What follows is another version's business: it is told so, and by nothing else.
        read.rest();
        let (room, name, token) = Default::default();
        return Ok(Hello { version, datagrams: false, a: 0, b: 0, key: [0; 16], room, name, token });
    }
    let flags = read.u16()?;
    let [a, b] = read.array()?;
    Ok(Hello {
        version,
        datagrams: flags & DATAGRAMS != 0,
        a,
        b,
        key: read.array()?,
        room: read.short(NAME_MAX, "room")?,
        name: read.short(NAME_MAX, "name")?,
        token: read.long(TOKEN_MAX, "token")?,
    })
}
