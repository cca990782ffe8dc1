//! Cipher suites that seal something else than they were given: every content type, every length, under the right
//! keys and with the right sequence numbers, during the handshake and after it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundOpaqueMessage,
    OutboundPlainMessage, Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, NamedGroup, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};

/// What happens to a message before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Nothing.
    Keep,
    /// It gets another content type.
    Kind(u8),
    /// Some bits of one byte are flipped.
    Flip(u16, u8),
    /// Something is put in.
    Insert(u16, Vec<u8>),
    /// It ends early.
    Cut(u16),
    /// It becomes so long.
    Grow(u16),
    /// It becomes another one.
    Replace(u8, Vec<u8>),
    /// In TLS 1.3, so many zeros follow (RFC 8446 section 5.4).
    Pad(u16),
}

/// A message as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its content type; in TLS 1.3 the inner one.
    pub kind: u8,
    /// Its content, without padding.
    pub content: Vec<u8>,
}

thread_local! {
    static EDITS: RefCell<VecDeque<Edit>> = const { RefCell::new(VecDeque::new()) };
    static SEALED: RefCell<Vec<Sealed>> = const { RefCell::new(Vec::new()) };
}

/// The next messages are edited like this; those behind them are kept.
pub fn plan(edits: impl IntoIterator<Item = Edit>) {
    EDITS.with_borrow_mut(|planned| planned.extend(edits));
}

/// Forgets what was planned, and what was sealed.
pub fn clear() {
    EDITS.take();
    SEALED.take();
}

/// What was sealed since the last call.
pub fn take_sealed() -> Vec<Sealed> {
    SEALED.take()
}

/// graviola's provider with one key exchange and suites that tamper.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        let mut provider = rustls_graviola::default_provider();
        provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
        provider.cipher_suites.iter_mut().for_each(|suite| *suite = tampering(*suite));
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}

/// Once for each suite: what is leaked is as good as static.
fn tampering(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: common.confidentiality_limit,
    };
    match suite {
        SupportedCipherSuite::Tls12(suite) => SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
            common: common(&suite.common),
            prf_provider: suite.prf_provider,
            kx: suite.kx,
            sign: suite.sign,
            aead_alg: Box::leak(Box::new(Tampering12(suite.aead_alg))),
        }))),
        SupportedCipherSuite::Tls13(suite) => SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
            common: common(&suite.common),
            hkdf_provider: suite.hkdf_provider,
            aead_alg: Box::leak(Box::new(Tampering13(suite.aead_alg))),
            quic: None,
        }))),
    }
}

struct Tampering12(&'static dyn Tls12AeadAlgorithm);

struct Tampering13(&'static dyn Tls13AeadAlgorithm);

impl Tls12AeadAlgorithm for Tampering12 {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter { inner: self.0.encrypter(key, iv, extra), pads: false })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.0.key_block_shape()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv, explicit)
    }
}

impl Tls13AeadAlgorithm for Tampering13 {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter { inner: self.0.encrypter(key, iv), pads: true })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }
}

struct Encrypter {
    inner: Box<dyn MessageEncrypter>,
    /// In TLS 1.3 the content type stands behind the content, and zeros behind that.
    pads: bool,
}

impl MessageEncrypter for Encrypter {
    fn encrypt(&mut self, message: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, Error> {
        let edit = EDITS.with_borrow_mut(VecDeque::pop_front).unwrap_or(Edit::Keep);
        let (kind, content) = edit.apply(message.typ.into(), message.payload.to_vec(), self.pads);
        let sealed = if self.pads { unpad(kind, &content) } else { Sealed { kind, content: content.clone() } };
        SEALED.with_borrow_mut(|all| all.push(sealed));
        let (typ, payload) = (ContentType::from(kind), OutboundChunks::Single(&content));
        self.inner.encrypt(OutboundPlainMessage { typ, version: message.version, payload }, seq)
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        self.inner.encrypted_payload_len(payload_len)
    }
}

/// The longest that a record's header can tell, with room for what sealing adds.
const LONGEST: usize = 65_000;

impl Edit {
    fn apply(self, mut kind: u8, mut content: Vec<u8>, pads: bool) -> (u8, Vec<u8>) {
        match self {
            Self::Keep => {}
            Self::Kind(other) => kind = other,
            Self::Flip(at, mask) => {
                let at = usize::from(at) % content.len().max(1);
                content.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= mask);
            }
            Self::Insert(at, bytes) => {
                let at = usize::from(at) % (content.len() + 1);
                content.splice(at..at, bytes);
            }
            Self::Cut(length) => content.truncate(length.into()),
            Self::Grow(length) => content.resize(usize::from(length).min(LONGEST), b'.'),
            Self::Replace(other, bytes) => (kind, content) = (other, bytes),
            Self::Pad(count) if pads => {
                content.push(kind);
                content.resize((content.len() + usize::from(count)).min(LONGEST), 0);
                kind = 0;
            }
            Self::Pad(_) => {}
        }
        (kind, content)
    }
}

/// What a receiver makes of it (RFC 8446 section 5.4).
fn unpad(kind: u8, content: &[u8]) -> Sealed {
    let mut all = content.to_vec();
    all.push(kind);
    while all.last() == Some(&0) {
        all.pop();
    }
    Sealed { kind: all.pop().unwrap_or(0), content: all }
}
