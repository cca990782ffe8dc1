//! Key pairs of graviola in the clothes that rcgen asks for.

use graviola::hashing::{Hash, Sha256, Sha384};
use graviola::signing::{ecdsa, eddsa, rsa};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

/// The kinds of keys that certificates are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA on P-256: small and fast, what most servers have.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519: signatures of constant length.
    Ed25519,
    /// RSA with 2048 bits: signatures of constant length, slow to make.
    Rsa2048,
}

/// A key pair that can sign certificates.
pub(super) struct Key {
    secret: Secret,
    /// The content of the subject public key's bit string, as rcgen wants to borrow it.
    public: Vec<u8>,
}

impl Key {
    pub(super) fn generate(kind: KeyKind) -> Self {
        let secret = Secret::generate(kind).expect("the system gives randomness");
        let public = secret.public();
        Self { secret, public }
    }

    /// The private key in PKCS#8, as DER.
    pub(super) fn pkcs8(&self) -> Vec<u8> {
        match &self.secret {
            Secret::EcdsaP256(key) => collect(MAX_EC_LEN, |out| key.to_pkcs8_der(out)),
            Secret::EcdsaP384(key) => collect(MAX_EC_LEN, |out| key.to_pkcs8_der(out)),
            // graviola writes the second version of the format, with the public key inside, which
            // OpenSSL 3.0 refuses. The first version is a constant before the seed.
            Secret::Ed25519(key) => [ED25519_PKCS8_PREFIX, &key.as_seed()].concat(),
            Secret::Rsa(key) => collect(MAX_RSA_LEN, |out| key.to_pkcs8_der(out)),
        }
    }

    /// The first method of RFC 7093: the key's SHA-256, cut to 160 bits.
    pub(super) fn identifier(&self) -> Vec<u8> {
        Sha256::hash(&self.public).as_ref()[..20].to_vec()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.secret {
            Secret::EcdsaP256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Secret::EcdsaP384(_) => &rcgen::PKCS_ECDSA_P384_SHA384,
            Secret::Ed25519(_) => &rcgen::PKCS_ED25519,
            Secret::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(match &self.secret {
            Secret::EcdsaP256(key) => collect(MAX_EC_LEN, |out| key.sign_asn1::<Sha256>(&[message], out)),
            Secret::EcdsaP384(key) => collect(MAX_EC_LEN, |out| key.sign_asn1::<Sha384>(&[message], out)),
            Secret::Ed25519(key) => key.sign(message).to_vec(),
            Secret::Rsa(key) => collect(key.modulus_len_bytes(), |out| key.sign_pkcs1_sha256(out, message)),
        })
    }
}

enum Secret {
    EcdsaP256(ecdsa::SigningKey<ecdsa::P256>),
    EcdsaP384(ecdsa::SigningKey<ecdsa::P384>),
    Ed25519(eddsa::Ed25519SigningKey),
    Rsa(Box<rsa::SigningKey>),
}

impl Secret {
    fn generate(kind: KeyKind) -> Result<Self, graviola::Error> {
        Ok(match kind {
            KeyKind::EcdsaP256 => Self::EcdsaP256(ecdsa::SigningKey::generate()?),
            KeyKind::EcdsaP384 => Self::EcdsaP384(ecdsa::SigningKey::generate()?),
            KeyKind::Ed25519 => Self::Ed25519(eddsa::Ed25519SigningKey::generate()?),
            KeyKind::Rsa2048 => Self::Rsa(Box::new(rsa::SigningKey::generate(rsa::KeySize::Rsa2048)?)),
        })
    }

    fn public(&self) -> Vec<u8> {
        match self {
            Self::EcdsaP256(key) => {
                uncompressed_point(&collect(MAX_EC_LEN, |out| key.to_spki_der(out)), P256_COORDINATE_LEN)
            }
            Self::EcdsaP384(key) => {
                uncompressed_point(&collect(MAX_EC_LEN, |out| key.to_spki_der(out)), P384_COORDINATE_LEN)
            }
            Self::Ed25519(key) => key.public_key().as_bytes().to_vec(),
            Self::Rsa(key) => collect(MAX_RSA_LEN, |out| key.public_key().to_pkcs1_der(out)),
        }
    }
}

/// The point at the end of a subject public key info: graviola encodes the whole, rcgen wants the
/// content of its bit string and wraps it again.
fn uncompressed_point(spki: &[u8], coordinate_len: usize) -> Vec<u8> {
    let point = &spki[spki.len() - (1 + 2 * coordinate_len)..];
    assert_eq!(point[0], 0x04, "graviola writes uncompressed points");
    point.to_vec()
}

/// What `write` puts at the start of a buffer of `capacity` bytes.
fn collect(capacity: usize, write: impl FnOnce(&mut [u8]) -> Result<&[u8], graviola::Error>) -> Vec<u8> {
    let mut buffer = vec![0; capacity];
    let used = write(&mut buffer).expect("the buffer is long enough").len();
    buffer.truncate(used);
    buffer
}

/// Enough for every encoding and every signature of the curves above.
const MAX_EC_LEN: usize = 256;
/// Enough for every encoding of a key of 2048 bits; the private ones take about 1,220 bytes.
const MAX_RSA_LEN: usize = 2048;
const P256_COORDINATE_LEN: usize = 32;
const P384_COORDINATE_LEN: usize = 48;

/// RFC 8410, section 7: version 0, the algorithm's identifier, and the headers of an octet string
/// within an octet string, which 32 bytes of seed follow.
const ED25519_PKCS8_PREFIX: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
