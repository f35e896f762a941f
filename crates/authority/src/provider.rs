//! What of RustCrypto is used: most of what it has could never be agreed upon with a certificate like ours.
//!
//! That does not keep the rest out of what is linked: key exchange is to be had only from the library's own provider, which names everything.

use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls_rustcrypto as rustcrypto;
use std::sync::Arc;

/// Keys are made here ([`crate::Authority`]), and never come from outside.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("keys are not loaded".to_owned()))
    }
}

/// TLS 1.3, and of TLS 1.2 what goes with a certificate of an elliptic curve. No signature is ever checked: the machine shows no certificate.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            // What an emulated processor without instructions for AES is quickest at.
            rustcrypto::TLS13_CHACHA20_POLY1305_SHA256,
            rustcrypto::TLS13_AES_128_GCM_SHA256,
            rustcrypto::TLS13_AES_256_GCM_SHA384,
            rustcrypto::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            rustcrypto::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            rustcrypto::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ],
        kx_groups: rustcrypto::provider().kx_groups,
        signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
        secure_random: &rustcrypto::Provider,
        key_provider: &NoKeys,
    }
}
