//! The keys of one period, and the tickets that are sealed with them.
//!
//! A ticket is `name[16] || iv[12] || record`, where the record is what TLS 1.3 would put on the wire (RFC 8446 section
//! 5.2) without its header: that is the AEAD which every provider has, under an interface that every provider shares.

use rustls::crypto::cipher::{AeadKey, InboundOpaqueMessage, Iv, NONCE_LEN, OutboundPlainMessage};
use rustls::crypto::tls13::OkmBlock;
use rustls::crypto::{CryptoProvider, SecureRandom};
use rustls::{CipherSuite, ContentType, ProtocolVersion, SupportedCipherSuite, Tls13CipherSuite};

/// How long new tickets are sealed with the same keys, in seconds. A part of the derivation: to change it makes the
/// fleet's tickets unreadable for servers with another value.
pub(super) const PERIOD: u64 = 6 * 60 * 60;

/// A ticket is not longer. The message that carries it (at most 57 bytes more, RFC 8446 section 4.6.1) then fits into
/// 2^14 bytes: OpenSSL 1.1 ends the connection over a larger one. Also, clients send it with every first message.
pub(super) const MAX_TICKET: usize = (1 << 14) - 64;

/// The algorithms: the HKDF, the hash and the AEAD of a TLS 1.3 cipher suite.
#[derive(Clone, Copy)]
pub(super) struct Suite(&'static Tls13CipherSuite);

impl Suite {
    /// AES-256-GCM with SHA-384 if it is there, so that servers with different cryptography understand each other;
    /// else the first suite with a key of 256 bits, because rustls lets us make no shorter ones.
    pub(super) fn of(provider: &CryptoProvider) -> Option<Self> {
        let suites = provider.cipher_suites.iter().filter_map(SupportedCipherSuite::tls13);
        let mut usable = suites.filter(|suite| suite.aead_alg.key_len() == KEY);
        let best = usable.clone().find(|suite| suite.common.suite == CipherSuite::TLS13_AES_256_GCM_SHA384);
        best.or_else(|| usable.next()).map(Self)
    }

    /// The policy in few bytes.
    pub(super) fn digest(self, policy: &[u8]) -> Vec<u8> {
        self.0.common.hash_provider.hash(policy).as_ref().to_vec()
    }
}

/// What seals and opens the tickets of one period.
pub(super) struct PeriodKeys {
    suite: Suite,
    /// Says which keys a ticket was sealed with, without saying when. Public.
    name: [u8; NAME],
    /// Overwritten when it is dropped. Its first `KEY` bytes are the key.
    key: OkmBlock,
}

impl PeriodKeys {
    /// The keys of the given period under the given digest of the policy. `None` only if a provider's hash is too short
    /// for a key.
    pub(super) fn derive(suite: Suite, secret: &[u8], period: u64, policy: &[u8]) -> Option<Self> {
        let expander = suite.0.hkdf_provider.extract_from_secret(Some(SALT), secret);
        let (algorithms, number) = (u16::from(suite.0.common.suite).to_be_bytes(), period.to_be_bytes());
        let length = PERIOD.to_be_bytes();
        // Only the last piece has no fixed length, and no label begins another one: no two inputs read the same.
        let block = |label: &[u8]| expander.expand_block(&[label, &algorithms, &length, &number, policy]);
        let (name, key) = (block(b"name"), block(b"key"));
        key.as_ref().get(..KEY)?;
        Some(Self { suite, name: name.as_ref().get(..NAME)?.try_into().ok()?, key })
    }

    /// Whether the ticket says that it was sealed with these keys.
    pub(super) fn sealed(&self, ticket: &[u8]) -> bool {
        // The name is public, so the comparison may take as long as it likes.
        ticket.starts_with(&self.name)
    }

    /// A ticket with `plain` inside. `None` if it would be too large.
    ///
    /// The IV is random, because the machines of a fleet cannot count together, and a counter would let observers
    /// compare clients. Random IVs of 96 bits are good for 2^32 tickets under one key (NIST SP 800-38D section 8.3): a
    /// fleet may issue 190,000 in every second of a period.
    pub(super) fn seal(&self, random: &dyn SecureRandom, plain: &[u8]) -> Option<Vec<u8>> {
        let mut iv = [0; NONCE_LEN];
        random.fill(&mut iv).ok()?;
        let mut encrypter = self.suite.0.aead_alg.encrypter(self.key()?, Iv::from(iv));
        if NAME + NONCE_LEN + encrypter.encrypted_payload_len(plain.len()) > MAX_TICKET {
            return None;
        }
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_3,
            payload: plain.into(),
        };
        let record = encrypter.encrypt(message, ONLY_RECORD).ok()?;
        Some([&self.name[..], &iv, record.payload.as_ref()].concat())
    }

    /// What is inside the ticket. `None` unless every bit of it is as it was issued.
    pub(super) fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > MAX_TICKET || !self.sealed(ticket) {
            return None;
        }
        // The name needs no authentication of its own: another name leads to another key or to none.
        let (iv, record) = ticket.get(NAME..)?.split_first_chunk::<NONCE_LEN>()?;
        let mut record = record.to_vec();
        let message = InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, &mut record);
        let mut decrypter = self.suite.0.aead_alg.decrypter(self.key()?, Iv::from(*iv));
        let plain = decrypter.decrypt(message, ONLY_RECORD).ok()?;
        (plain.typ == ContentType::ApplicationData).then(|| plain.payload.to_vec())
    }

    fn key(&self) -> Option<AeadKey> {
        let key: [u8; KEY] = self.key.as_ref().get(..KEY)?.try_into().ok()?;
        Some(AeadKey::from(key))
    }
}

/// The length of an AEAD key.
pub(super) const KEY: usize = 32;

/// The length of a name (RFC 5077 section 4 recommends it).
const NAME: usize = 16;

/// The number of the record: an IV is used for one only, so the nonce is the IV itself.
const ONLY_RECORD: u64 = 0;

/// Keeps these keys apart from whatever else may be derived from the same secret. The number is the derivation's
/// version: servers that should understand each other have to derive the same.
const SALT: &[u8] = b"lem-ssl-rs session tickets 1";
