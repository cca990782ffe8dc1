//! Keys of AEAD objects from bytes, so that such an object can be made again, or for a trial.
//!
//! rustls' type cannot be cloned, and is made of 32 bytes only, where AES-128 needs 16: rustls cuts a key to length
//! where it derives one. So it derives this one, with functions that derive from bytes the same bytes. Its public
//! interface for that is the one for QUIC, in which initial keys come from the identifier of a connection: that is the
//! key here. No packet is ever made.

use std::cell::Cell;

use rustls::Side;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundOpaqueMessage,
    OutboundPlainMessage, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock, OutputLengthError};
use rustls::crypto::{CipherSuiteCommon, hmac};
use rustls::quic::{Algorithm, HeaderProtectionKey, Keys, PacketKey, Tag, Version};
use rustls::{CipherSuite, ConnectionTrafficSecrets, Error, Tls13CipherSuite};

/// The bytes of a key, and zeros behind them where it is short: to keep them, zeroed when they are dropped.
pub(crate) fn padded(key: &AeadKey) -> AeadKey {
    let mut bytes = [0; LONG];
    let key = key.as_ref();
    bytes[..key.len()].copy_from_slice(key);
    AeadKey::from(bytes)
}

/// A key of these bytes: 32 of them, or 16. `None` for any other length.
pub(crate) fn key_of(bytes: &[u8]) -> Option<AeadKey> {
    if let Ok(bytes) = <[u8; LONG]>::try_from(bytes) {
        return Some(AeadKey::from(bytes));
    }
    (bytes.len() == SHORT).then(|| short_key(bytes))
}

fn short_key(bytes: &[u8]) -> AeadKey {
    drop(Keys::initial(Version::V1, &SUITE, &Nothing, bytes, Side::Client));
    MADE.take().unwrap_or_else(|| unreachable!("keys were derived, so one of them is here"))
}

thread_local! {
    /// What rustls has derived last. It hands it to a packet key, out of which nothing comes.
    static MADE: Cell<Option<AeadKey>> = const { Cell::new(None) };
}

/// The length of the keys of AES-256 and of ChaCha20.
const LONG: usize = 32;

/// The length of the keys of AES-128.
const SHORT: usize = 16;

/// What derives from bytes the same bytes.
struct Same(OkmBlock);

impl HkdfExpander for Same {
    fn expand_slice(&self, _: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        let bytes = self.0.as_ref();
        let count = bytes.len().min(output.len());
        output[..count].copy_from_slice(&bytes[..count]);
        Ok(())
    }

    fn expand_block(&self, _: &[&[u8]]) -> OkmBlock {
        OkmBlock::new(self.0.as_ref())
    }

    fn hash_len(&self) -> usize {
        self.0.as_ref().len()
    }
}

/// All else that rustls wants to see, of no use.
struct Nothing;

static SUITE: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
        hash_provider: &Nothing,
        confidentiality_limit: 0,
    },
    hkdf_provider: &Nothing,
    aead_alg: &Nothing,
    quic: None,
};

impl Hkdf for Nothing {
    fn extract_from_zero_ikm(&self, _: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        Box::new(Same(OkmBlock::new(&[])))
    }

    fn extract_from_secret(&self, _: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        Box::new(Same(OkmBlock::new(secret)))
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        Box::new(Same(OkmBlock::new(okm.as_ref())))
    }

    fn hmac_sign(&self, _: &OkmBlock, _: &[u8]) -> hmac::Tag {
        hmac::Tag::new(&[])
    }
}

impl Algorithm for Nothing {
    fn packet_key(&self, key: AeadKey, _: Iv) -> Box<dyn PacketKey> {
        MADE.set(Some(key));
        Box::new(Self)
    }

    fn header_protection_key(&self, _: AeadKey) -> Box<dyn HeaderProtectionKey> {
        Box::new(Self)
    }

    fn aead_key_len(&self) -> usize {
        SHORT
    }
}

impl PacketKey for Nothing {
    fn encrypt_in_place(&self, _: u64, _: &[u8], _: &mut [u8]) -> Result<Tag, Error> {
        Err(Error::EncryptError)
    }

    fn decrypt_in_place<'a>(&self, _: u64, _: &[u8], _: &'a mut [u8]) -> Result<&'a [u8], Error> {
        Err(Error::DecryptError)
    }

    fn tag_len(&self) -> usize {
        0
    }

    fn confidentiality_limit(&self) -> u64 {
        0
    }

    fn integrity_limit(&self) -> u64 {
        0
    }
}

impl HeaderProtectionKey for Nothing {
    fn encrypt_in_place(&self, _: &[u8], _: &mut u8, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::EncryptError)
    }

    fn decrypt_in_place(&self, _: &[u8], _: &mut u8, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::DecryptError)
    }

    fn sample_len(&self) -> usize {
        0
    }
}

impl Tls13AeadAlgorithm for Nothing {
    fn encrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Self)
    }

    fn decrypter(&self, _: AeadKey, _: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Self)
    }

    fn key_len(&self) -> usize {
        SHORT
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

impl MessageEncrypter for Nothing {
    fn encrypt(&mut self, _: OutboundPlainMessage<'_>, _: u64) -> Result<OutboundOpaqueMessage, Error> {
        Err(Error::EncryptError)
    }

    fn encrypted_payload_len(&self, _: usize) -> usize {
        0
    }
}

impl MessageDecrypter for Nothing {
    fn decrypt<'a>(&mut self, _: InboundOpaqueMessage<'a>, _: u64) -> Result<InboundPlainMessage<'a>, Error> {
        Err(Error::DecryptError)
    }
}

impl Hash for Nothing {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Self)
    }

    fn hash(&self, _: &[u8]) -> Output {
        Output::new(&[])
    }

    fn output_len(&self) -> usize {
        0
    }

    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::NONE
    }
}

impl Context for Nothing {
    fn fork_finish(&self) -> Output {
        Output::new(&[])
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self)
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&[])
    }

    fn update(&mut self, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_bytes_and_the_length_that_it_is_made_of() {
        let bytes: [u8; LONG] = std::array::from_fn(|at| 0xc0 | at as u8);
        for length in [SHORT, LONG] {
            let key = key_of(&bytes[..length]).unwrap_or_else(|| panic!("a key of {length} bytes"));
            assert_eq!(key.as_ref(), &bytes[..length]);
            let kept = padded(&key);
            assert_eq!(kept.as_ref().split_at(length), (&bytes[..length], &[0; LONG][length..]));
        }
        assert!(MADE.take().is_none(), "no key stays behind");
        assert!([0, 15, 17, 31, 33].iter().all(|&length| key_of(&[0; 40][..length]).is_none()));
    }
}
