use super::loss::Loss;
use crate::switch::PortId;
use smoltcp::iface::SocketHandle;
use std::net::SocketAddrV4;
use std::time::Duration;

/// A TCP connection between a machine and the gateway. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// The machine's port.
    pub port: PortId,
    /// Which of its connections.
    pub number: u32,
}

/// What happened to a connection. After [`TcpEvent::Closed`] and [`TcpEvent::Aborted`] its number means nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpEvent {
    /// A machine has connected.
    Accepted {
        /// The connection.
        conn: ConnId,
        /// What it connected to: the gateway, an address that stands for a name, or any address of the internet.
        local: SocketAddrV4,
        /// Where it connects from.
        remote: SocketAddrV4,
        /// The name that the machine had looked up, if the address stands for one.
        name: Option<String>,
    },
    /// The machine's service has taken a connection that the gateway asked for.
    Connected(ConnId),
    /// There are bytes to be received. Comes again only after all that was there has been received.
    Readable(ConnId),
    /// There is room again, after a `send` that took less than all.
    Writable(ConnId),
    /// The machine sends no more, and everything that it sent has been received. It may still receive.
    Ended(ConnId),
    /// Both sides have ended.
    Closed(ConnId),
    /// The connection is gone without an end: reset, refused, timed out, or the machine is no more.
    Aborted(ConnId),
}

impl TcpEvent {
    /// The connection that it happened to.
    pub fn conn(&self) -> ConnId {
        match self {
            Self::Accepted { conn, .. }
            | Self::Connected(conn)
            | Self::Readable(conn)
            | Self::Writable(conn)
            | Self::Ended(conn)
            | Self::Closed(conn)
            | Self::Aborted(conn) => *conn,
        }
    }
}

/// Who the connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Purpose {
    /// The embedding; the machine began it.
    Service,
    /// The embedding, which began it.
    Outbound,
    /// The gateway's own name server.
    Names,
}

/// The ends of a connection, seen from the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ends {
    pub(super) local: SocketAddrV4,
    pub(super) remote: SocketAddrV4,
}

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) handle: SocketHandle,
    pub(super) ends: Ends,
    pub(super) purpose: Purpose,
    /// When it began, or when the present stage did.
    pub(super) since: Duration,
    pub(super) open: bool,
    pub(super) readable_told: bool,
    pub(super) wants_room: bool,
    pub(super) ended_told: bool,
    /// We have ended our side.
    pub(super) closing: bool,
    /// The embedding knows that it is over; only smoltcp still has something to say.
    pub(super) over: bool,
    pub(super) loss: Loss,
}

impl Conn {
    pub(super) fn new(handle: SocketHandle, ends: Ends, purpose: Purpose, now: Duration) -> Conn {
        Conn {
            handle,
            ends,
            purpose,
            since: now,
            open: false,
            readable_told: false,
            wants_room: false,
            ended_told: false,
            closing: false,
            over: false,
            loss: Loss::default(),
        }
    }
}
