//! A certificate authority for one machine alone, and TLS with that machine (RFC 5280, RFC 8446, RFC 5246).
//!
//! The gateway answers a machine in the place of any host, so it needs a certificate for whichever name the machine asks for, and the machine has to
//! trust who signed it. [`Authority`] is that signer: made for one machine, with a key that nobody else has, and forgotten with the machine. So what it
//! signs is worth something inside that machine and nowhere else.
//!
//! - [`Authority::new`] makes one out of random bytes, [`Authority::kept`] and [`Authority::from_kept`] store it, [`Authority::pem`] is what the
//!   machine has to trust.
//! - [`Tls`] is one connection: bytes of the machine in, plain ones out, and back.
//!
//! What an authority may do is as little as its purpose allows: it signs certificates of servers, none of further authorities, and its key is in no
//! certificate but its own. It can't be held to certain names, because the machine may ask for any.
//!
//! The crate knows neither a clock nor a browser: the time is told, random numbers for TLS are the platform's (`getrandom`).

mod leaves;
mod provider;
mod tls;

pub use tls::{Tls, TlsError};

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use time::OffsetDateTime;

/// How long the authority's certificate holds: longer than anybody keeps a machine without making it anew.
const AUTHORITY_DAYS: u64 = 10 * 365;
/// How far back certificates begin, for machines whose clock is behind.
const EARLY: Duration = Duration::from_secs(86_400);
/// A common name is no longer, in characters (RFC 5280, appendix A.1, `ub-common-name`).
const NAME_MAX: usize = 64;

/// Why there can be no authority, or no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// Not a key.
    #[error("the certificate authority’s key is damaged; turn HTTPS off and on again to make a new one")]
    Key,
    /// A certificate could not be written.
    #[error("a certificate could not be made: {0}")]
    Certificate(String),
}

/// What is kept of an authority. The key must not leave the browser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The private key: 32 bytes (SEC 1, section 2.3.7).
    key: Vec<u8>,
    /// The certificate, as DER.
    certificate: Vec<u8>,
    /// Whose it is: part of the certificate.
    machine: String,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// A key as certificates need it.
struct Key {
    secret: SigningKey,
    public: Vec<u8>,
}

impl Key {
    fn new(secret: SigningKey) -> Key {
        let public = secret.verifying_key().to_encoded_point(false).as_bytes().to_vec();
        Key { secret, public }
    }

    /// Out of 32 random bytes. Not all of them are a key, but all that anybody will ever draw.
    fn from_bytes(bytes: &[u8]) -> Result<Key, AuthorityError> {
        SigningKey::from_slice(bytes).map(Key::new).map_err(|_| AuthorityError::Key)
    }

    /// A short name for it (RFC 7093, section 2).
    fn identifier(&self) -> Vec<u8> {
        Sha256::digest(&self.public)[..20].to_vec()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.secret.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

/// The authority of one machine.
pub struct Authority {
    kept: Kept,
    issuer: Issuer<'static, Key>,
    leaves: leaves::Leaves,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kept.fmt(f)
    }
}

fn date(since_1970: Duration) -> OffsetDateTime {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(0);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A positive number that no other certificate of the same signer has (RFC 5280, section 4.1.2.2).
fn serial(seed: &[u8]) -> SerialNumber {
    let mut bytes = Sha256::digest(seed)[..16].to_vec();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn written(error: rcgen::Error) -> AuthorityError {
    AuthorityError::Certificate(error.to_string())
}

/// What the authority says of itself.
fn own_parameters(machine: &str, key: &Key) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    let own: String = format!("VM Workbench, for {machine} alone").chars().take(NAME_MAX).collect();
    name.push(DnType::CommonName, own);
    parameters.distinguished_name = name;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // Programs that look at it here too take its signature for servers only.
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.key_identifier_method = KeyIdMethod::PreSpecified(key.identifier());
    parameters
}

impl Authority {
    /// A new one. `random` is 32 bytes that nobody else knows, `now` the time since 1970.
    pub fn new(machine: &str, random: &[u8; 32], now: Duration) -> Result<Arc<Authority>, AuthorityError> {
        let key = Key::from_bytes(random)?;
        let mut parameters = own_parameters(machine, &key);
        parameters.not_before = date(now.saturating_sub(EARLY));
        parameters.not_after = date(now + Duration::from_secs(AUTHORITY_DAYS * 86_400));
        parameters.serial_number = Some(serial(&key.public));
        let certificate = parameters.self_signed(&key).map_err(written)?.der().to_vec();
        Authority::from_kept(Kept { key: random.to_vec(), certificate, machine: machine.to_owned() })
    }

    /// The one that was kept.
    pub fn from_kept(kept: Kept) -> Result<Arc<Authority>, AuthorityError> {
        let key = Key::from_bytes(&kept.key)?;
        let issuer = Issuer::new(own_parameters(&kept.machine, &key), key);
        let leaves = leaves::Leaves::new()?;
        Ok(Arc::new(Authority { kept, issuer, leaves }))
    }

    /// What is to be kept.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The certificate that the machine has to trust, as DER.
    pub fn certificate(&self) -> &[u8] {
        &self.kept.certificate
    }

    /// The same as text (RFC 7468).
    pub fn pem(&self) -> String {
        let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
        for line in base64(&self.kept.certificate).as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text + "-----END CERTIFICATE-----\n"
    }
}

/// Base64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |triple: u32, at: u32| char::from(DIGITS[(triple >> (18 - 6 * at)) as usize & 63]);
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let triple = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            text.push(if at as usize <= part.len() { digit(triple, at) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_make_it() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_kept_makes_the_same_authority() {
        let made = Authority::new("alpine-1", &[7; 32], Duration::from_secs(1_800_000_000)).unwrap();
        let text = serde_json::to_string(made.kept()).unwrap();
        let again = Authority::from_kept(serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(made.pem(), again.pem());
        assert!(!format!("{made:?}").contains("key"));
        let damaged = Kept { key: vec![0; 32], ..made.kept().clone() };
        assert_eq!(Authority::from_kept(damaged).err(), Some(AuthorityError::Key));
    }
}
