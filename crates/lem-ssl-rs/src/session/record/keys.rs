//! The keys of both directions, and how many records each has sealed (RFC 8446 sections 5.3 and 5.5).

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, NONCE_LEN,
    OutboundChunks, OutboundPlainMessage,
};
use rustls::crypto::tls13::OkmBlock;
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, Tls13CipherSuite};

use crate::aead_key::{key_of, padded};
use crate::traffic::derived;

/// The number of the next record under these keys. Once it cannot be counted on, the keys are spent.
const MAX_NUMBER: u64 = u64::MAX - 1;

/// What an AEAD object is made of. The key is zeroed when it is dropped.
pub(super) struct Key {
    /// As it was derived, until an object was made of it; its bytes and zeros up to the longest length from then on.
    key: AeadKey,
    iv: [u8; NONCE_LEN],
}

impl Key {
    /// A key that rustls has derived.
    ///
    /// # Errors
    /// If it is one of a cipher that this module was not checked against.
    pub(super) fn extracted(secrets: ConnectionTrafficSecrets) -> Result<Self, Error> {
        use ConnectionTrafficSecrets::{Aes128Gcm, Aes256Gcm, Chacha20Poly1305};
        match secrets {
            Aes128Gcm { key, iv } | Aes256Gcm { key, iv } | Chacha20Poly1305 { key, iv } => {
                let iv = iv.as_ref().try_into().map_err(|_| Error::General("an IV of an unknown length".into()))?;
                Ok(Self { key, iv })
            }
            _ => Err(Error::General("keys of an unknown cipher".into())),
        }
    }

    /// The key that belongs to a traffic secret.
    ///
    /// # Errors
    /// If the suite's keys are of an unknown length.
    pub(super) fn of(secret: &OkmBlock, suite: &Tls13CipherSuite) -> Result<Self, Error> {
        let (key, iv) = derived(secret, suite).ok_or_else(|| Error::General("keys of an unknown length".into()))?;
        Ok(Self { key, iv })
    }

    /// What to make an object of, as often as one is needed. `length` is that of the suite's keys.
    fn give(&mut self, length: usize) -> (AeadKey, Iv) {
        let is_derived = self.key.as_ref().len() == length;
        let key = if is_derived {
            let kept = padded(&self.key);
            std::mem::replace(&mut self.key, kept)
        } else {
            let bytes = &self.key.as_ref()[..length];
            key_of(bytes).unwrap_or_else(|| unreachable!("a suite of TLS 1.3 has keys of 32 bytes or 16"))
        };
        (key, Iv::from(self.iv))
    }
}

/// What the peer seals with.
pub(super) struct Opening {
    key: Key,
    /// `None` while the stream is quiet.
    aead: Option<Box<dyn MessageDecrypter>>,
    number: u64,
}

impl Opening {
    /// Goes on with this record's number.
    pub(super) fn new(key: Key, number: u64) -> Self {
        Self { key, aead: None, number }
    }

    /// Opens what is sealed in a record, in place.
    #[inline]
    pub(super) fn open<'a>(
        &mut self,
        suite: &Tls13CipherSuite,
        sealed: &'a mut [u8],
    ) -> Result<InboundPlainMessage<'a>, Error> {
        // The peer must have taken new keys before (section 5.3).
        if self.number > MAX_NUMBER {
            return Err(Error::DecryptError);
        }
        let aead = self.aead.get_or_insert_with(|| {
            let (key, iv) = self.key.give(suite.aead_alg.key_len());
            suite.aead_alg.decrypter(key, iv)
        });
        let message = InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, sealed);
        let opened = aead.decrypt(message, self.number)?;
        self.number += 1;
        Ok(opened)
    }

    /// Keeps no more than the key.
    pub(super) fn rest(&mut self) {
        self.aead = None;
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.aead.is_none()
    }
}

/// What we seal with.
pub(super) struct Sealing {
    key: Key,
    /// `None` while the stream is quiet.
    aead: Option<Box<dyn MessageEncrypter>>,
    number: u64,
}

impl Sealing {
    /// Goes on with this record's number.
    pub(super) fn new(key: Key, number: u64) -> Self {
        Self { key, aead: None, number }
    }

    /// One record.
    #[inline]
    pub(super) fn seal(
        &mut self,
        suite: &Tls13CipherSuite,
        typ: ContentType,
        content: &[u8],
    ) -> Result<Vec<u8>, Error> {
        if self.number > MAX_NUMBER {
            return Err(Error::EncryptError);
        }
        let aead = self.aead.get_or_insert_with(|| {
            let (key, iv) = self.key.give(suite.aead_alg.key_len());
            suite.aead_alg.encrypter(key, iv)
        });
        let payload = OutboundChunks::Single(content);
        let record =
            aead.encrypt(OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload }, self.number);
        // A number that was tried is not tried again.
        self.number += 1;
        record.map(rustls::crypto::cipher::OutboundOpaqueMessage::encode)
    }

    /// Whether only the news of new keys may still be sealed with these. Keys that were not used yet are as good as the
    /// next ones.
    pub(super) fn are_worn(&self, suite: &Tls13CipherSuite) -> bool {
        let limit = suite.common.confidentiality_limit.min(MAX_NUMBER);
        self.number > 0 && self.number.saturating_add(1) >= limit
    }

    /// Keeps no more than the key.
    pub(super) fn rest(&mut self) {
        self.aead = None;
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.aead.is_none()
    }
}

#[cfg(all(test, feature = "graviola"))]
mod tests {
    use super::*;
    use crate::provider::default_provider;

    fn suites() -> Vec<&'static Tls13CipherSuite> {
        let provider = default_provider().unwrap_or_else(|error| panic!("{error}"));
        provider.cipher_suites.iter().filter_map(rustls::SupportedCipherSuite::tls13).collect()
    }

    fn key() -> Key {
        Key { key: AeadKey::from([7; 32]), iv: [8; NONCE_LEN] }
    }

    #[test]
    fn a_key_gives_the_same_bytes_each_time() {
        for length in [16, 32] {
            let bytes: [u8; 32] = std::array::from_fn(|at| 0xc0 | at as u8);
            let derived = key_of(&bytes[..length]).unwrap_or_else(|| panic!("a key of {length} bytes"));
            let mut key = Key { key: derived, iv: [8; NONCE_LEN] };
            for _ in 0..3 {
                let (given, iv) = key.give(length);
                assert_eq!((given.as_ref(), iv.as_ref()), (&bytes[..length], &[8; NONCE_LEN][..]));
            }
        }
    }

    #[test]
    fn numbers_do_not_wrap() {
        for suite in suites().into_iter().filter(|suite| suite.aead_alg.key_len() == 32) {
            let mut sealing = Sealing::new(key(), MAX_NUMBER - 1);
            let mut opening = Opening::new(key(), MAX_NUMBER - 1);
            assert!(sealing.are_worn(suite), "long before");
            for _ in 0..2 {
                let record = sealing.seal(suite, ContentType::ApplicationData, b"last");
                let mut record = record.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(opening.open(suite, &mut record[5..]).map(|opened| opened.payload.len()), Ok(4));
            }
            assert_eq!(sealing.seal(suite, ContentType::ApplicationData, b"more"), Err(Error::EncryptError));
            assert_eq!(opening.open(suite, &mut [0; 40]).map(drop), Err(Error::DecryptError));
        }
    }

    #[test]
    fn keys_that_seal_no_record_yet_are_not_worn_and_others_before_they_have_sealed_all() {
        let suite = suites()[0];
        let worn = |number| Sealing::new(key(), number).are_worn(suite);
        let limit = suite.common.confidentiality_limit;
        assert_eq!([0, 1, limit - 2, limit - 1, limit, u64::MAX].map(worn), [false, false, false, true, true, true]);
    }
}
