#![no_main]
//! What a server sends, whole and cut into pieces: the same messages come of it, and never more bytes than came in.

use websocket::{Message, Reader, SocketError};

fn all(bytes: &[u8], step: usize) -> (Vec<Message>, Option<SocketError>) {
    let (mut reader, mut messages) = (Reader::default(), vec![]);
    for piece in bytes.chunks(step) {
        reader.input(piece);
        loop {
            match reader.message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((step, data)) = data.split_first() else { return };
    let whole = all(data, usize::MAX);
    let size = |message: &Message| match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(reason) => reason.as_ref().map_or(0, |(_, reason)| reason.len()),
    };
    assert!(whole.0.iter().map(size).sum::<usize>() <= data.len());
    assert_eq!(whole, all(data, usize::from(*step).max(1)));
});
