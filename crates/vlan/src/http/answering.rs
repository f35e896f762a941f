//! The answers to a machine's requests.

use super::connection::{Answer, Connection, Input, OUTPUT_WAITING};
use super::head::Manner;
use super::reply::{self, Framing, Response};

impl Connection {
    /// Tells a machine that waits for it to send its body ([`super::Request::expects_continue`]).
    pub fn proceed(&mut self) {
        if matches!(self.answer, Answer::Due(_)) && matches!(self.input, Input::Body(_)) {
            self.output.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Begins the answer to the request.
    pub fn respond(&mut self, response: &Response) {
        let Answer::Due(manner) = self.answer else { return };
        let framing = reply::framing(response, manner);
        // Who has not sent all of its body might send it as the next request.
        let complete = matches!(self.input, Input::Answering);
        let keep_alive = manner.keep_alive && framing != Framing::Close && complete;
        let manner = Manner { keep_alive, ..manner };
        let mut head = Vec::new();
        reply::head(response, manner, framing, keep_alive, &mut head);
        self.output.extend(head);
        self.answer = Answer::Body(manner, framing);
    }

    /// The next bytes of the answer's body. Gives how many were taken: none while much waits to be sent.
    pub fn body(&mut self, bytes: &[u8]) -> usize {
        let Answer::Body(manner, framing) = self.answer else { return bytes.len() };
        let room = OUTPUT_WAITING.saturating_sub(self.output.len());
        let count = bytes.len().min(room);
        let piece = &bytes[..count];
        match framing {
            _ if count == 0 => {}
            Framing::None => return bytes.len(),
            Framing::Length(left) => {
                // More than was announced would be read as the next answer.
                let fits = usize::try_from(left).unwrap_or(usize::MAX).min(count);
                self.output.extend(&piece[..fits]);
                self.answer = Answer::Body(manner, Framing::Length(left - fits as u64));
                if fits < count {
                    self.cut = true;
                    return bytes.len();
                }
            }
            Framing::Chunked => {
                self.output.extend(format!("{count:x}\r\n").into_bytes());
                self.output.extend(piece);
                self.output.extend(b"\r\n");
            }
            Framing::Close => self.output.extend(piece),
        }
        count
    }

    /// The answer's body is complete.
    pub fn finish(&mut self) {
        let Answer::Body(manner, framing) = self.answer else { return };
        match framing {
            Framing::Chunked => self.output.extend(b"0\r\n\r\n"),
            // Less than was announced: only the end of the stream can say so.
            Framing::Length(left) if left > 0 => return self.give_up(),
            Framing::None | Framing::Length(_) | Framing::Close => {}
        }
        self.answer = Answer::Idle;
        self.shut |= !manner.keep_alive || framing == Framing::Close;
        if self.shut {
            self.input = Input::Shut;
        }
        self.next_request();
    }

    pub(super) fn next_request(&mut self) {
        if self.answer == Answer::Idle && matches!(self.input, Input::Answering) {
            self.input = Input::Head;
        }
    }

    /// Answers the request with a status and a sentence. If an answer was begun, the stream is cut off.
    pub fn refuse(&mut self, status: u16, sentence: &str) {
        if matches!(self.answer, Answer::Body(..)) {
            return self.give_up();
        }
        let (response, body) = Response::sentence(status, sentence);
        self.respond(&response);
        if let Answer::Body(manner, Framing::Length(_)) = self.answer {
            self.output.extend(body);
            self.answer = Answer::Body(manner, Framing::Length(0));
        }
        self.finish();
    }

    /// The answer can't be completed: what is written is sent, and then the stream has to be aborted.
    pub fn give_up(&mut self) {
        self.cut = true;
        self.input = Input::Shut;
        self.answer = Answer::Idle;
    }

    /// Grants a tunnel. From here on the stream is the tunnel's, when [`Connection::output`] is empty.
    pub fn tunnel(&mut self) {
        self.output.extend(b"HTTP/1.1 200 Connection established\r\n\r\n");
        self.answer = Answer::Idle;
    }

    /// How many bytes of an answer's body would be taken now.
    pub fn room(&self) -> usize {
        OUTPUT_WAITING.saturating_sub(self.output.len())
    }
}
