//! TLS with a machine that wants its HTTPS to be read, and the authority that signs for it: `crates/authority` for the lan worker.
//!
//! A WebAssembly module of its own: cryptography and certificates are large, all contexts of the extension load what is in theirs, and only the lan
//! worker needs these, once the user wants it for a machine.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use wasm_bindgen::prelude::*;

/// The certificate authority of one machine.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Authority(Arc<authority::Authority>);

fn text(error: impl Display) -> String {
    error.to_string()
}

fn since_1970(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// A new authority. `random` is 32 bytes that nobody else knows, `now` the seconds since 1970. Throws a sentence.
#[wasm_bindgen(js_name = newAuthority)]
pub fn new_authority(machine: &str, random: &[u8], now: f64) -> Result<Authority, String> {
    let random = random.try_into().map_err(|_| format!("a key is made of 32 bytes, not of {}", random.len()))?;
    authority::Authority::new(machine, random, since_1970(now)).map(Authority).map_err(text)
}

/// The authority that was kept with [`Authority::kept`]. Throws a sentence.
#[wasm_bindgen(js_name = keptAuthority)]
pub fn kept_authority(kept: &str) -> Result<Authority, String> {
    let kept = serde_json::from_str(kept).map_err(text)?;
    authority::Authority::from_kept(kept).map(Authority).map_err(text)
}

#[wasm_bindgen]
impl Authority {
    /// What is to be kept, as JSON. It has the key, which must not leave the browser.
    pub fn kept(&self) -> Result<String, String> {
        serde_json::to_string(self.0.kept()).map_err(text)
    }

    /// The certificate that the machine has to trust (RFC 7468).
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// TLS for a connection that has just been made, in the place of `host`. `now` is the seconds since 1970. Throws a sentence.
    pub fn tls(&self, host: &str, now: f64) -> Result<Tls, String> {
        let tls = authority::Tls::new(&self.0, host, since_1970(now)).map_err(text)?;
        Ok(Tls { tls, plain: vec![] })
    }
}

/// One connection of the machine.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Tls {
    tls: authority::Tls,
    plain: Vec<u8>,
}

#[wasm_bindgen]
impl Tls {
    /// The host that the machine has named.
    pub fn host(&self) -> Option<String> {
        self.tls.host().map(str::to_owned)
    }

    /// Takes bytes of the machine, all of them. Throws a sentence if nothing more can be understood.
    pub fn input(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.tls.input(bytes, &mut self.plain).map_err(text)
    }

    /// The plain bytes that have come of it since the last time.
    pub fn plain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plain)
    }

    /// Whether the machine has said that it sends no more.
    pub fn ended(&self) -> bool {
        self.tls.ended()
    }

    /// Plain bytes for the machine. Gives how many were taken: none while much waits to be sent.
    pub fn send(&mut self, plain: &[u8]) -> usize {
        self.tls.send(plain)
    }

    /// We send no more.
    pub fn close(&mut self) {
        self.tls.close();
    }

    /// How many bytes wait to be sent to the machine.
    pub fn waiting(&mut self) -> usize {
        self.tls.output().len()
    }

    /// The next bytes for the machine.
    pub fn output(&mut self) -> Vec<u8> {
        self.tls.output().to_vec()
    }

    /// So many of them have been sent.
    pub fn sent(&mut self, count: usize) {
        self.tls.sent(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    #[test]
    fn what_is_kept_makes_the_same_authority() {
        let made = new_authority("alpine-1", &[7; 32], NOW).unwrap();
        let again = kept_authority(&made.kept().unwrap()).unwrap();
        assert_eq!(made.pem(), again.pem());
        assert_eq!(kept_authority("{}").unwrap_err(), "missing field `key` at line 1 column 2");
        assert_eq!(new_authority("alpine-1", &[7; 31], NOW).unwrap_err(), "a key is made of 32 bytes, not of 31");
    }

    #[test]
    fn what_is_no_tls_is_said_and_answered_with_an_alert() {
        let authority = new_authority("alpine-1", &[7; 32], NOW).unwrap();
        let mut tls = authority.tls("example.org", NOW).unwrap();
        assert!(tls.input(b"GET / HTTP/1.1\r\n\r\n").unwrap_err().starts_with("TLS with the machine failed"));
        let alert = tls.output();
        assert_eq!((alert.first(), alert.len()), (Some(&21), tls.waiting()));
        tls.sent(alert.len());
        assert_eq!((tls.waiting(), tls.plain(), tls.send(b"more"), tls.ended()), (0, vec![], 0, false));
        // A clock before 1970 is none.
        assert!(authority.tls("example.org", -1.0).is_ok());
    }
}
