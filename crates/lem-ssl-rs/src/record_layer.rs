//! Whose records connections have after the handshake: ours or rustls'.

use std::cell::RefCell;
use std::ptr;

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{Iv, NONCE_LEN, OutboundChunks, OutboundPlainMessage};
use rustls::{CipherSuite, ContentType, ProtocolVersion, SupportedCipherSuite, Tls13CipherSuite};

use crate::aead_key::key_of;

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
    /// Whether rustls is to give the secrets of connections with this cryptography.
    pub(crate) fn wants_secrets(self, provider: &CryptoProvider) -> bool {
        let can = |suite: &_| matches!(suite, SupportedCipherSuite::Tls13(suite) if can_be_ours(suite));
        self == Self::Own && provider.cipher_suites.iter().any(can)
    }
}

/// Whether records of this suite can be ours: its AEAD is one that they were checked against, its keys can be had, and its
/// objects can be made again in the middle of a connection. rustls gives a connection up before it finds that they cannot,
/// so it is tried with a key of no connection.
pub(crate) fn can_be_ours(suite: &'static Tls13CipherSuite) -> bool {
    // A suite stays what it is, and a trial costs as much as a small record.
    TRIED.with_borrow_mut(|tried| {
        if let Some((_, can)) = tried.iter().find(|(known, _)| ptr::eq(*known, suite)) {
            return *can;
        }
        let can = try_suite(suite);
        tried.push((suite, can));
        can
    })
}

thread_local! {
    /// What was found of the suites that this thread has seen. They are static, so there are few of them.
    static TRIED: RefCell<Vec<(&'static Tls13CipherSuite, bool)>> = const { RefCell::new(Vec::new()) };
}

fn try_suite(suite: &Tls13CipherSuite) -> bool {
    let is_known = matches!(
        suite.common.suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
    );
    is_known && gives_keys(suite) && seals_from_any_number(suite)
}

/// The bytes of a key that seals nothing.
const TRIAL_KEY: [u8; 32] = *b"a key for trials, of no stream..";

fn gives_keys(suite: &Tls13CipherSuite) -> bool {
    let key = TRIAL_KEY.get(..suite.aead_alg.key_len()).and_then(key_of);
    key.is_some_and(|key| suite.aead_alg.extract_keys(key, trial_iv()).is_ok())
}

fn trial_iv() -> Iv {
    Iv::from([0; NONCE_LEN])
}

/// Whether an object for sealing can begin with any record. Some take the first record that they see for the first of the
/// connection, and refuse those whose numbers do not increase from there on as they expect; after the handshake, and after a
/// rest, the first that ours see is a later one.
fn seals_from_any_number(suite: &Tls13CipherSuite) -> bool {
    let Some(key) = TRIAL_KEY.get(..suite.aead_alg.key_len()).and_then(key_of) else { return false };
    let mut sealing = suite.aead_alg.encrypter(key, trial_iv());
    // With the bits of the first taken for those of an initialisation vector, 7 comes before 6.
    [5, 6, 7].into_iter().all(|number| {
        let payload = OutboundChunks::Single(&[]);
        let record = OutboundPlainMessage { typ: ContentType::Alert, version: ProtocolVersion::TLSv1_2, payload };
        sealing.encrypt(record, number).is_ok()
    })
}
