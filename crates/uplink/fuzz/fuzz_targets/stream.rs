#![no_main]
//! A stream of any bytes, in pieces whose length the first byte says: messages that can be written again, or an error that stays.

use uplink::Decoder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((piece, bytes)) = data.split_first() else { return };
    let mut decoder = Decoder::default();
    for piece in bytes.chunks(usize::from(*piece).max(1)) {
        decoder.push(piece);
        loop {
            match decoder.message() {
                Ok(Some(message)) => {
                    let written = message.to_bytes();
                    let mut again = Decoder::default();
                    again.push(&written);
                    assert_eq!(again.message(), Ok(Some(message)));
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.message(), Err(error));
                    return;
                }
            }
        }
    }
});
