//! What kind of key a private key is, for messages. Nothing but its algorithm and size, which the certificate tells too.

use rustls::pki_types::PrivateKeyDer;

use crate::der::{self, CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};

/// What a key is that cannot be used: `an RSA key with 1024 bits, and damaged, or of a kind that ...`.
pub(super) fn kind_of(key: &PrivateKeyDer<'_>) -> String {
    let name = name_of(key);
    // There is no need to guess.
    if name.ends_with(SIGNS_NOTHING) || name.ends_with(MORE_PRIMES) {
        return name;
    }
    format!("{name}, and damaged, or of a kind that the cryptography in use does not sign with")
}

const SIGNS_NOTHING: &str = ", which agrees on secrets and signs nothing";

const MORE_PRIMES: &str = " of more than two primes, which is not supported";

/// `a key on the curve P-521`, `an RSA key with 1024 bits`.
fn name_of(key: &PrivateKeyDer<'_>) -> String {
    let kind = match key {
        PrivateKeyDer::Pkcs8(key) => pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => Some(sec1(key.secret_sec1_der()).unwrap_or_else(|| "an EC key".into())),
        _ => None,
    };
    kind.unwrap_or_else(|| "a key of a kind that is not known here".into())
}

/// RFC 5958: the version, the algorithm, the key.
fn pkcs8(der: &[u8]) -> Option<String> {
    let mut fields = der::only(der, SEQUENCE)?;
    der::expect(&mut fields, INTEGER)?;
    let mut algorithm = der::expect(&mut fields, SEQUENCE)?;
    let inner = der::expect(&mut fields, OCTET_STRING)?;
    Some(match der::expect(&mut algorithm, OBJECT_IDENTIFIER)? {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] => rsa(inner)?,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => "an RSA key for PSS only".into(),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => curve(der::expect(&mut algorithm, OBJECT_IDENTIFIER)),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => "a DSA key".into(),
        [0x2b, 0x65, 0x70] => "an Ed25519 key".into(),
        [0x2b, 0x65, 0x71] => "an Ed448 key".into(),
        [0x2b, 0x65, 0x6e] => format!("an X25519 key{SIGNS_NOTHING}"),
        [0x2b, 0x65, 0x6f] => format!("an X448 key{SIGNS_NOTHING}"),
        _ => return None,
    })
}

/// RFC 8017 appendix A.1.2: the version, then the modulus.
fn rsa(der: &[u8]) -> Option<String> {
    let mut fields = der::only(der, SEQUENCE)?;
    let version = der::expect(&mut fields, INTEGER)?;
    let modulus = der::expect(&mut fields, INTEGER)?;
    let start = modulus.iter().position(|byte| *byte != 0)?;
    let bits = (modulus.len() - start) * 8 - modulus[start].leading_zeros() as usize;
    // RFC 8017 appendix A.1.2: those of version 1 have more than two primes.
    let primes = if version == [1] { MORE_PRIMES } else { "" };
    Some(format!("an RSA key with {bits} bits{primes}"))
}

/// RFC 5915: the version, the key, and perhaps the curve.
fn sec1(der: &[u8]) -> Option<String> {
    let mut fields = der::only(der, SEQUENCE)?;
    der::expect(&mut fields, INTEGER)?;
    der::expect(&mut fields, OCTET_STRING)?;
    Some(curve(der::expect(&mut fields, CONTEXT_0).and_then(|named| der::only(named, OBJECT_IDENTIFIER))))
}

fn curve(identifier: Option<&[u8]>) -> String {
    let name = match identifier {
        None => return "an EC key with a curve of its own, or without a curve".into(),
        Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) => "P-256",
        Some([0x2b, 0x81, 0x04, 0x00, 0x22]) => "P-384",
        Some([0x2b, 0x81, 0x04, 0x00, 0x23]) => "P-521",
        Some([0x2b, 0x81, 0x04, 0x00, 0x21]) => "P-224",
        Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01]) => "P-192",
        Some([0x2b, 0x81, 0x04, 0x00, 0x0a]) => "secp256k1",
        Some(_) => return "a key on a curve that is not known here".into(),
    };
    format!("a key on the curve {name}")
}
