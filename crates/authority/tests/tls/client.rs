//! A program in the machine: rustls again, with all that RustCrypto has and its own checks of certificates.

use authority::{Authority, Tls};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

pub const NOW: Duration = Duration::from_secs(1_800_000_000);

#[derive(Debug)]
struct Clock(Duration);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}

pub fn authority(random: u8) -> Arc<Authority> {
    Authority::new("alpine-1", &[random; 32], NOW).unwrap()
}

pub struct Client {
    connection: ClientConnection,
    pub read: Vec<u8>,
}

impl Client {
    /// One that trusts an authority, and whose clock shows `at`.
    pub fn new(trusted: &Authority, host: &str, version: &'static SupportedProtocolVersion, at: Duration) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(trusted.certificate().to_vec())).unwrap();
        let provider = Arc::new(rustls_rustcrypto::provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(Clock(at)));
        let config = config.with_protocol_versions(&[version]).unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        Client { connection: ClientConnection::new(Arc::new(config), name).unwrap(), read: vec![] }
    }

    pub fn say(&mut self, plain: &[u8]) {
        self.connection.writer().write_all(plain).unwrap();
    }

    pub fn end(&mut self) {
        self.connection.send_close_notify();
    }

    pub fn sends(&mut self) -> Vec<u8> {
        let mut bytes = vec![];
        while self.connection.wants_write() {
            self.connection.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    pub fn hears(&mut self, mut bytes: &[u8]) -> Result<(), rustls::Error> {
        while !bytes.is_empty() && self.connection.read_tls(&mut bytes).unwrap() > 0 {
            let ready = self.connection.process_new_packets()?.plaintext_bytes_to_read();
            let from = self.read.len();
            self.read.resize(from + ready, 0);
            self.connection.reader().read_exact(&mut self.read[from..]).unwrap();
        }
        Ok(())
    }

    /// What it was shown, as DER.
    pub fn shown(&self) -> Vec<Vec<u8>> {
        self.connection.peer_certificates().unwrap().iter().map(|shown| shown.to_vec()).collect()
    }

    /// Lets both speak until neither has anything to say; gives what the gateway has read.
    pub fn meets(&mut self, tls: &mut Tls) -> Result<Vec<u8>, String> {
        let mut read = vec![];
        loop {
            let sent = self.sends();
            // In small pieces, as they come from a network.
            for piece in sent.chunks(100) {
                tls.input(piece, &mut read).map_err(|error| error.to_string())?;
            }
            let sealed = tls.output().to_vec();
            tls.sent(sealed.len());
            let heard = self.hears(&sealed);
            if let Err(error) = heard {
                // The gateway is told why.
                let alert = self.sends();
                let told = tls.input(&alert, &mut read).unwrap_err();
                return Err(format!("{error:?}; {told}"));
            }
            if sent.is_empty() && sealed.is_empty() {
                return Ok(read);
            }
        }
    }
}
