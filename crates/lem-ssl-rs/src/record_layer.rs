//! Whose records connections have after the handshake: ours or rustls'.

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::{CipherSuite, SupportedCipherSuite, Tls13CipherSuite};

/// Who opens and seals the records of a context's connections after the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordLayer {
    /// rustls, on all of them.
    Rustls,
    /// This library on those that speak TLS 1.3 with a suite [that it can](can_be_ours), and whose configuration lets
    /// rustls give its secrets.
    Own,
}

impl RecordLayer {
    /// Where nothing else is asked for. AWS-LC's sealing objects want the numbers of all records from the first one on,
    /// and ours are made again in the middle of a connection: its records stay rustls'.
    pub(crate) const USUAL: Self =
        if cfg!(all(feature = "aws-lc-rs", not(feature = "ring"))) { Self::Rustls } else { Self::Own };

    /// Whether rustls is to give the secrets of connections with this cryptography.
    pub(crate) fn wants_secrets(self, provider: &CryptoProvider) -> bool {
        let can = |suite: &_| matches!(suite, SupportedCipherSuite::Tls13(suite) if can_be_ours(suite));
        self == Self::Own && provider.cipher_suites.iter().any(can)
    }
}

/// Whether records of this suite can be ours: its AEAD is one that they were checked against, and its keys can be had.
/// rustls gives a connection up before it finds that they cannot, so it is asked with a key of no connection.
pub(crate) fn can_be_ours(suite: &Tls13CipherSuite) -> bool {
    let is_known = matches!(
        suite.common.suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
    );
    is_known && suite.aead_alg.extract_keys(AeadKey::from([0; 32]), Iv::default()).is_ok()
}
