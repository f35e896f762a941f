//! Questions to the name server by TCP: each message has its length, two bytes, in front (RFC 1035, section 4.2.2).

use super::Gateway;
use super::dns::message::QUERY_MAX;
use super::tcp::{Purpose, TcpEvent};
use crate::switch::PortId;
use std::time::Duration;

impl Gateway {
    /// Takes the events of the name server's connections; gives those that are for the embedding.
    pub(super) fn own_event(&mut self, port: PortId, event: TcpEvent, now: Duration) -> Option<TcpEvent> {
        let machine = self.machines.get_mut(&port)?;
        let conn = event.conn();
        let questions = machine.questions.contains_key(&conn.number);
        if !questions && machine.stack.purpose(conn.number) != Some(Purpose::Names) {
            return Some(match event {
                TcpEvent::Accepted { conn, local, remote, .. } => {
                    let name = machine.pool.name(*local.ip(), now).map(str::to_owned);
                    TcpEvent::Accepted { conn, local, remote, name }
                }
                other => other,
            });
        }
        match event {
            TcpEvent::Accepted { .. } => {
                machine.questions.insert(conn.number, Vec::new());
            }
            TcpEvent::Readable(_) => self.questions(port, conn.number, now),
            TcpEvent::Ended(_) => machine.stack.close(conn.number, now),
            TcpEvent::Closed(_) | TcpEvent::Aborted(_) => {
                machine.questions.remove(&conn.number);
            }
            TcpEvent::Connected(_) | TcpEvent::Writable(_) => {}
        }
        self.touched = true;
        None
    }

    fn questions(&mut self, port: PortId, number: u32, now: Duration) {
        let mut buffer = [0; 2 + QUERY_MAX];
        loop {
            let Some(machine) = self.machines.get_mut(&port) else { return };
            let count = machine.stack.receive(number, &mut buffer);
            let Some(kept) = machine.questions.get_mut(&number).filter(|_| count > 0) else { return };
            kept.extend_from_slice(&buffer[..count]);
            while let Some(question) = self.whole_question(port, number, now) {
                let Some(answer) = self.names(port, &question, now) else { continue };
                let Some(machine) = self.machines.get_mut(&port) else { return };
                let length = u16::try_from(answer.len()).unwrap_or(0).to_be_bytes();
                let message = [&length[..], &answer].concat();
                // Who asks on without taking the answers in is not worth a queue.
                if machine.stack.send(number, &message) < message.len() {
                    machine.stack.abort(number, now);
                    machine.questions.remove(&number);
                    return;
                }
            }
        }
    }

    /// The next question that has come in whole. One that is too long ends the connection.
    fn whole_question(&mut self, port: PortId, number: u32, now: Duration) -> Option<Vec<u8>> {
        let machine = self.machines.get_mut(&port)?;
        let kept = machine.questions.get_mut(&number)?;
        let length = usize::from(u16::from_be_bytes(*kept.first_chunk()?));
        if length > QUERY_MAX {
            machine.stack.abort(number, now);
            machine.questions.remove(&number);
            return None;
        }
        let question = kept.get(2..2 + length)?.to_vec();
        kept.drain(..2 + length);
        Some(question)
    }
}
