//! TLS with the machine, which the gateway ends.

use crate::Authority;
use crate::provider::provider;
use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConnection};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ServerConfig, version};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// As much waits to be sent before no more is taken, in bytes: a few records, for what is to be sent waits before it is encrypted too.
const WAITING: usize = 64 * 1024;

/// Why a connection can't go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    /// What the machine sent is no TLS that is understood, or the machine does not trust us.
    #[error("TLS with the machine failed: {0}")]
    Protocol(String),
}

#[derive(Debug)]
struct Resolver {
    authority: Arc<Authority>,
    /// For a client that names no host.
    host: String,
    now: Duration,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.authority.leaf(hello.server_name().unwrap_or(&self.host), self.now).ok()
    }
}

#[derive(Debug)]
struct Clock(Duration);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}

/// One connection of the machine.
#[derive(Debug)]
pub struct Tls {
    connection: ServerConnection,
    output: Vec<u8>,
    /// Nothing goes any more, either way.
    failed: bool,
    ended: bool,
}

fn failed(error: impl std::fmt::Display) -> TlsError {
    TlsError::Protocol(error.to_string())
}

impl Tls {
    /// A connection that has just been made, in the place of `host`, which counts if the machine names none. `now` is the time since 1970.
    pub fn new(authority: &Arc<Authority>, host: &str, now: Duration) -> Result<Tls, TlsError> {
        let config = ServerConfig::builder_with_details(Arc::new(provider()), Arc::new(Clock(now)))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(failed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let resolver = Resolver { authority: authority.clone(), host, now };
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // The order of suites is ours: what comes first is what an emulated processor is quickest at.
        config.ignore_client_order = true;
        // Nothing outlives a connection.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let mut connection = ServerConnection::new(Arc::new(config)).map_err(failed)?;
        connection.set_buffer_limit(Some(WAITING));
        Ok(Tls { connection, output: vec![], failed: false, ended: false })
    }

    /// The host that the machine has named.
    pub fn host(&self) -> Option<&str> {
        self.connection.server_name()
    }

    /// Bytes of the machine; plain ones are appended to `plain`. All are taken.
    ///
    /// After an error nothing more is understood or sent but [`Tls::output`], which tells the machine.
    pub fn input(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), TlsError> {
        while !(bytes.is_empty() || self.ended || self.failed) {
            let taken = self.connection.read_tls(&mut bytes).map_err(failed)?;
            let state = self.connection.process_new_packets().map_err(|error| {
                self.failed = true;
                failed(error)
            })?;
            let from = plain.len();
            plain.resize(from + state.plaintext_bytes_to_read(), 0);
            self.connection.reader().read_exact(&mut plain[from..]).map_err(failed)?;
            self.ended = state.peer_has_closed() || taken == 0;
        }
        Ok(())
    }

    /// Whether the machine has said that it sends no more.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Plain bytes for the machine. Gives how many were taken: none while much waits to be sent.
    pub fn send(&mut self, plain: &[u8]) -> usize {
        if self.failed || self.output().len() >= WAITING {
            return 0;
        }
        // Writing to memory does not fail.
        self.connection.writer().write(plain).unwrap_or(0)
    }

    /// We send no more.
    pub fn close(&mut self) {
        self.connection.send_close_notify();
    }

    fn flush(&mut self) {
        while self.connection.wants_write() {
            // Writing to memory does not fail.
            if self.connection.write_tls(&mut self.output).is_err() {
                break;
            }
        }
    }

    /// The next bytes for the machine.
    pub fn output(&mut self) -> &[u8] {
        self.flush();
        &self.output
    }

    /// So many of them have been sent.
    pub fn sent(&mut self, count: usize) {
        self.output.drain(..count.min(self.output.len()));
    }
}
