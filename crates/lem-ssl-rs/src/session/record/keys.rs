//! The keys of both directions, and how many records each has sealed (RFC 8446 sections 5.3 and 5.5).

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, NONCE_LEN,
    OutboundChunks, OutboundPlainMessage,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, Tls13CipherSuite};

use super::kernel::key_and_iv;
use crate::aead_key::key_of;

/// The number of the next record under these keys. Once it cannot be counted on, the keys are spent.
const MAX_NUMBER: u64 = u64::MAX - 1;

/// What an AEAD object is made of again.
struct Kept {
    /// The key, and zeros behind a shorter one. It is zeroed when it is dropped.
    key: AeadKey,
    iv: [u8; NONCE_LEN],
}

impl Kept {
    /// What to make the first object of, and what is kept for the next: `AeadKey` cannot be cloned.
    fn split(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv, Self), Error> {
        let (key, iv) = key_and_iv(secrets).ok_or_else(|| Error::General("keys of an unknown cipher".into()))?;
        let kept = iv.as_ref().try_into().ok().zip(padded(&key));
        let (kept_iv, kept_key) = kept.ok_or_else(|| Error::General("keys of an unknown length".into()))?;
        Ok((key, iv, Self { key: kept_key, iv: kept_iv }))
    }

    fn again(&self, suite: &Tls13CipherSuite) -> Result<(AeadKey, Iv), Error> {
        let key = self.key.as_ref().get(..suite.aead_alg.key_len()).and_then(key_of);
        Ok((key.ok_or_else(|| Error::General("a key of an unknown length".into()))?, Iv::from(self.iv)))
    }
}

/// rustls makes a key of 32 bytes only.
fn padded(key: &AeadKey) -> Option<AeadKey> {
    let mut bytes = [0; 32];
    bytes.get_mut(..key.as_ref().len())?.copy_from_slice(key.as_ref());
    Some(AeadKey::from(bytes))
}

/// What the peer seals with.
pub(super) struct Opening {
    kept: Kept,
    /// `None` while the stream is quiet.
    aead: Option<Box<dyn MessageDecrypter>>,
    number: u64,
}

impl Opening {
    pub(super) fn new(
        suite: &Tls13CipherSuite,
        (number, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, Error> {
        let (key, iv, kept) = Kept::split(secrets)?;
        Ok(Self { kept, aead: Some(suite.aead_alg.decrypter(key, iv)), number })
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
        let aead = match &mut self.aead {
            Some(aead) => aead,
            None => {
                let (key, iv) = self.kept.again(suite)?;
                self.aead.insert(suite.aead_alg.decrypter(key, iv))
            }
        };
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
    kept: Kept,
    /// `None` while the stream is quiet.
    aead: Option<Box<dyn MessageEncrypter>>,
    number: u64,
}

impl Sealing {
    pub(super) fn new(
        suite: &Tls13CipherSuite,
        (number, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, Error> {
        let (key, iv, kept) = Kept::split(secrets)?;
        Ok(Self { kept, aead: Some(suite.aead_alg.encrypter(key, iv)), number })
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
        let aead = match &mut self.aead {
            Some(aead) => aead,
            None => {
                let (key, iv) = self.kept.again(suite)?;
                self.aead.insert(suite.aead_alg.encrypter(key, iv))
            }
        };
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

    fn long_suites() -> impl Iterator<Item = &'static Tls13CipherSuite> {
        suites().into_iter().filter(|suite| suite.aead_alg.key_len() == 32)
    }

    fn secrets() -> ConnectionTrafficSecrets {
        ConnectionTrafficSecrets::Aes256Gcm { key: AeadKey::from([7; 32]), iv: Iv::from([8; NONCE_LEN]) }
    }

    #[test]
    fn what_is_made_again_opens_what_the_first_has_sealed_and_the_reverse() {
        for suite in suites() {
            let secrets = || {
                let key = match suite.aead_alg.key_len() {
                    32 => AeadKey::from([7; 32]),
                    length => key_of(&[7; 32][..length]).unwrap_or_else(|| panic!("{length}")),
                };
                let iv = Iv::from([8; NONCE_LEN]);
                suite.aead_alg.extract_keys(key, iv).unwrap_or_else(|_| panic!("{suite:?}"))
            };
            let mut sealing = Sealing::new(suite, (0, secrets())).unwrap_or_else(|error| panic!("{error}"));
            let mut opening = Opening::new(suite, (0, secrets())).unwrap_or_else(|error| panic!("{error}"));
            for (seals_anew, opens_anew) in [(false, false), (false, true), (true, false), (true, true)] {
                if seals_anew {
                    sealing.rest();
                }
                if opens_anew {
                    opening.rest();
                }
                assert_eq!((sealing.is_at_rest(), opening.is_at_rest()), (seals_anew, opens_anew));
                let record = sealing.seal(suite, ContentType::ApplicationData, b"word");
                let mut record = record.unwrap_or_else(|error| panic!("{error}"));
                let opened = opening.open(suite, &mut record[5..]).map(|opened| opened.payload.to_vec());
                assert_eq!(opened, Ok(b"word".to_vec()), "{suite:?}");
            }
        }
    }

    #[test]
    fn numbers_do_not_wrap() {
        for suite in long_suites() {
            let mut sealing =
                Sealing::new(suite, (MAX_NUMBER - 1, secrets())).unwrap_or_else(|error| panic!("{error}"));
            let mut opening =
                Opening::new(suite, (MAX_NUMBER - 1, secrets())).unwrap_or_else(|error| panic!("{error}"));
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
        let Some(suite) = long_suites().next() else { panic!("there is none") };
        let worn = |number| {
            let sealing = Sealing::new(suite, (number, secrets())).unwrap_or_else(|error| panic!("{error}"));
            sealing.are_worn(suite)
        };
        let limit = suite.common.confidentiality_limit;
        assert_eq!([0, 1, limit - 2, limit - 1, limit, u64::MAX].map(worn), [false, false, false, true, true, true]);
    }
}
