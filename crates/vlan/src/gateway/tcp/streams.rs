//! Connections as streams of bytes.

use super::conn::{ConnId, Purpose, TcpEvent};
use super::{Conn, Stack};
use smoltcp::socket::tcp::{Socket, State};
use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::time::Duration;

impl Stack {
    fn get(&mut self, number: u32) -> Option<(&mut Conn, &mut Socket<'static>)> {
        let conn = self.conns.get_mut(&number).filter(|conn| !conn.over)?;
        let socket = self.sockets.get_mut(conn.handle);
        Some((conn, socket))
    }

    /// Tells what has become of a connection since the last time.
    pub(super) fn report(&mut self, number: u32, now: Duration, events: &mut VecDeque<TcpEvent>) {
        let id = ConnId { port: self.port, number };
        let Some(conn) = self.conns.get_mut(&number) else { return };
        let socket = self.sockets.get_mut::<Socket<'_>>(conn.handle);
        let state = socket.state();
        if conn.over {
            // A reset is sent before the socket forgets whom it spoke with.
            if state == State::Closed && socket.remote_endpoint().is_none() {
                self.remove(number);
            }
            return;
        }
        if matches!(state, State::SynReceived | State::SynSent) {
            return;
        }
        if !conn.open && !matches!(state, State::Listen | State::Closed) {
            conn.open = true;
            conn.since = now;
            events.push_back(match conn.purpose {
                Purpose::Outbound => TcpEvent::Connected(id),
                Purpose::Service | Purpose::Names => {
                    TcpEvent::Accepted { conn: id, local: conn.ends.local, remote: conn.ends.remote, name: None }
                }
            });
        }
        if socket.can_recv() && !conn.readable_told {
            conn.readable_told = true;
            events.push_back(TcpEvent::Readable(id));
        }
        if conn.wants_room && socket.can_send() && socket.send_queue() <= socket.send_capacity() / 2 {
            conn.wants_room = false;
            events.push_back(TcpEvent::Writable(id));
        }
        let ended = matches!(state, State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        if ended && socket.recv_queue() == 0 && !conn.ended_told {
            conn.ended_told = true;
            events.push_back(TcpEvent::Ended(id));
        }
        let both = state == State::TimeWait && conn.ended_told;
        if both || matches!(state, State::Closed | State::Listen) {
            let known = conn.open || conn.purpose == Purpose::Outbound;
            let in_order = conn.ended_told && conn.closing;
            conn.over = true;
            conn.since = now;
            if known {
                events.push_back(if in_order { TcpEvent::Closed(id) } else { TcpEvent::Aborted(id) });
            }
            if state != State::TimeWait && socket.remote_endpoint().is_none() {
                self.remove(number);
            }
        }
    }

    pub(in crate::gateway) fn purpose(&self, number: u32) -> Option<Purpose> {
        self.conns.get(&number).map(|conn| conn.purpose)
    }

    /// Receives at most as many bytes as there is room for. The machine is told of the room that this makes.
    pub(in crate::gateway) fn receive(&mut self, number: u32, buffer: &mut [u8]) -> usize {
        let Some((conn, socket)) = self.get(number) else { return 0 };
        let mut taken = 0;
        // The ring's end divides what is there into two pieces.
        while taken < buffer.len() {
            match socket.recv_slice(&mut buffer[taken..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => taken += count,
            }
        }
        if socket.recv_queue() == 0 {
            conn.readable_told = false;
        }
        taken
    }

    /// Sends as many of the bytes as there is room for.
    pub(in crate::gateway) fn send(&mut self, number: u32, bytes: &[u8]) -> usize {
        let Some((conn, socket)) = self.get(number) else { return 0 };
        let mut sent = 0;
        while sent < bytes.len() {
            match socket.send_slice(&bytes[sent..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => sent += count,
            }
        }
        conn.wants_room |= sent < bytes.len();
        sent
    }

    /// How many bytes [`Stack::send`] would take now.
    pub(in crate::gateway) fn room(&mut self, number: u32) -> usize {
        self.get(number).map_or(
            0,
            |(_, socket)| {
                if socket.may_send() { socket.send_capacity() - socket.send_queue() } else { 0 }
            },
        )
    }

    /// Ends our side, after what was sent.
    pub(in crate::gateway) fn close(&mut self, number: u32, now: Duration) {
        if let Some((conn, socket)) = self.get(number)
            && !conn.closing
        {
            conn.closing = true;
            conn.since = now;
            socket.close();
        }
    }

    /// Ends the connection at once, by a reset. There will be no further event of it.
    pub(in crate::gateway) fn abort(&mut self, number: u32, now: Duration) {
        if let Some((conn, socket)) = self.get(number) {
            conn.over = true;
            conn.since = now;
            socket.abort();
        }
    }

    /// How many connections there are, and how many of them are half open.
    pub(in crate::gateway) fn counts(&self) -> (usize, usize) {
        let alive = self.conns.values().filter(|conn| !conn.over);
        alive.fold((0, 0), |(all, half), conn| (all + 1, half + usize::from(!conn.open)))
    }

    /// All connections that the embedding knows of, and their ends here and there.
    pub(in crate::gateway) fn connections(&self) -> impl Iterator<Item = (ConnId, SocketAddrV4, SocketAddrV4)> + '_ {
        let known = self.conns.iter().filter(|(_, conn)| {
            !conn.over && conn.purpose != Purpose::Names && (conn.open || conn.purpose == Purpose::Outbound)
        });
        known.map(|(number, conn)| (ConnId { port: self.port, number: *number }, conn.ends.local, conn.ends.remote))
    }
}
