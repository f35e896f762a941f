//! Certificates for the hosts in whose place the gateway answers.

use crate::{Authority, AuthorityError, EARLY, Key, NAME_MAX, date, serial, written};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::EncodePrivateKey;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls_rustcrypto::sign::ecdsa::EcdsaSigningKeyP256;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many are remembered. A machine that asks for more names makes its own requests slower, and nobody else's.
const REMEMBERED: usize = 256;
/// How long one holds.
const DAYS: u64 = 90;
/// A remembered one is used as long as this.
const FRESH: Duration = Duration::from_secs(30 * 86_400);

/// Those that were made, and their one key.
pub(crate) struct Leaves {
    key: Key,
    pkcs8: Vec<u8>,
    made: Mutex<BTreeMap<String, (Arc<CertifiedKey>, Duration)>>,
}

impl Leaves {
    pub(crate) fn new() -> Result<Leaves, AuthorityError> {
        let secret = SigningKey::random(&mut OsRng);
        let pkcs8 = secret.to_pkcs8_der().map_err(|_| AuthorityError::Key)?.as_bytes().to_vec();
        Ok(Leaves { key: Key::new(secret), pkcs8, made: Mutex::default() })
    }
}

impl Authority {
    /// A certificate for this host, a name or an address.
    pub(crate) fn leaf(&self, host: &str, now: Duration) -> Result<Arc<CertifiedKey>, AuthorityError> {
        let mut made = self.leaves.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, since)) = made.get(host)
            && now.saturating_sub(*since) < FRESH
        {
            return Ok(known.clone());
        }
        if made.len() >= REMEMBERED {
            made.clear();
        }
        let leaf = Arc::new(self.make(host, now)?);
        made.insert(host.to_owned(), (leaf.clone(), now));
        Ok(leaf)
    }

    fn make(&self, host: &str, now: Duration) -> Result<CertifiedKey, AuthorityError> {
        let key = &self.leaves.key;
        let mut parameters = CertificateParams::new(vec![host.to_owned()]).map_err(written)?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, host.chars().take(NAME_MAX).collect::<String>());
        parameters.distinguished_name = name;
        parameters.not_before = date(now.saturating_sub(EARLY));
        parameters.not_after = date(now + Duration::from_secs(DAYS * 86_400));
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        parameters.serial_number = Some(serial(format!("{host} {}", now.as_nanos()).as_bytes()));
        let certificate = parameters.signed_by(key, &self.issuer).map_err(written)?;
        let chain = vec![certificate.der().clone(), CertificateDer::from(self.kept.certificate.clone())];
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaves.pkcs8.clone()));
        let signer = EcdsaSigningKeyP256::try_from(&secret).map_err(|_| AuthorityError::Key)?;
        Ok(CertifiedKey::new(chain, Arc::new(signer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn a_certificate_is_made_once_and_anew_before_it_expires() {
        let authority = Authority::new("alpine-1", &[7; 32], NOW).unwrap();
        let leaf = |now| authority.leaf("example.org", now).unwrap();
        let first = leaf(NOW);
        assert!(Arc::ptr_eq(&first, &leaf(NOW + FRESH - Duration::from_secs(1))));
        let second = leaf(NOW + FRESH);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &leaf(NOW + FRESH)));
    }

    #[test]
    fn no_more_are_remembered_than_that_however_many_names_are_asked_for() {
        let authority = Authority::new("alpine-1", &[7; 32], NOW).unwrap();
        for number in 0..REMEMBERED + 10 {
            authority.leaf(&format!("host-{number}.example.org"), NOW).unwrap();
            assert!(authority.leaves.made.lock().unwrap().len() <= REMEMBERED);
        }
    }
}
