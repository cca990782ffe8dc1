//! Public keys and signature algorithms in words.

use super::der::{Reader, dotted, tag};
use super::raw::key_parts;

/// The kind and strength of the key in the contents of a `SubjectPublicKeyInfo`: `ECDSA P-256`, `RSA 2048`.
pub(crate) fn describe(key: &[u8]) -> String {
    let Some((algorithm, _)) = key_parts(key) else { return "a key that cannot be read".to_owned() };
    let mut algorithm = Reader(algorithm);
    let kind = algorithm.expect(tag::OBJECT_IDENTIFIER).unwrap_or_default();
    match kind {
        RSA => match rsa_bits(key) {
            Some(bits) => format!("RSA {bits}"),
            None => "RSA".to_owned(),
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1] => match algorithm.expect(tag::OBJECT_IDENTIFIER).unwrap_or_default() {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] => "ECDSA P-256".to_owned(),
            [0x2b, 0x81, 4, 0, 34] => "ECDSA P-384".to_owned(),
            [0x2b, 0x81, 4, 0, 35] => "ECDSA P-521".to_owned(),
            [0x2b, 0x81, 4, 0, 10] => "ECDSA secp256k1".to_owned(),
            [] => "ECDSA on a curve without a name".to_owned(),
            other => format!("ECDSA {}", dotted(other)),
        },
        [0x2b, 101, 112] => "Ed25519".to_owned(),
        [0x2b, 101, 113] => "Ed448".to_owned(),
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => "DSA".to_owned(),
        other => dotted(other),
    }
}

pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

/// The length of an RSA key; `None` for other keys.
pub(crate) fn rsa_bits(key: &[u8]) -> Option<usize> {
    let (algorithm, bits) = key_parts(key)?;
    if Reader(algorithm).expect(tag::OBJECT_IDENTIFIER)? != RSA {
        return None;
    }
    // Modulus and exponent (RFC 8017 appendix A.1.1).
    let modulus = Reader(bits).enter(tag::SEQUENCE)?.expect(tag::INTEGER)?;
    let start = modulus.iter().position(|byte| *byte != 0)?;
    let modulus = &modulus[start..];
    Some(modulus.len() * 8 - modulus[0].leading_zeros() as usize)
}

/// A signature algorithm, by the contents of its algorithm identifier: `SHA-1 with RSA`.
pub(crate) fn algorithm_name(algorithm: &[u8]) -> String {
    let oid = Reader(algorithm).expect(tag::OBJECT_IDENTIFIER).unwrap_or_default();
    let name = match oid {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2] => "MD2 with RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4] => "MD5 with RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5] => "SHA-1 with RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => "RSA-PSS",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11] => "SHA-256 with RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12] => "SHA-384 with RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13] => "SHA-512 with RSA",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14] => "SHA-224 with RSA",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] => "SHA-1 with ECDSA",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1] => "SHA-224 with ECDSA",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => "SHA-256 with ECDSA",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => "SHA-384 with ECDSA",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => "SHA-512 with ECDSA",
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3] => "SHA-1 with DSA",
        [0x2b, 101, 112] => "Ed25519",
        [0x2b, 101, 113] => "Ed448",
        [] => "an algorithm that cannot be read",
        other => return dotted(other),
    };
    name.to_owned()
}

/// The hash that a signature algorithm signs, by the contents of its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedHash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of a signature algorithm; `None` if it has none of its own, as Ed25519, or is not known.
pub(crate) fn signed_hash(algorithm: &[u8]) -> Option<SignedHash> {
    let mut algorithm = Reader(algorithm);
    Some(match algorithm.expect(tag::OBJECT_IDENTIFIER)? {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4] => SignedHash::Md5,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] => SignedHash::Sha1,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1] => SignedHash::Sha224,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => SignedHash::Sha256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => SignedHash::Sha384,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => SignedHash::Sha512,
        // RSASSA-PSS names its hash in the parameters; without, it is SHA-1 (RFC 4055 section 3.1).
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => {
            let mut parameters = algorithm.enter(tag::SEQUENCE)?;
            let Some(mut hash) = parameters.enter(tag::context(0)) else { return Some(SignedHash::Sha1) };
            match hash.enter(tag::SEQUENCE)?.expect(tag::OBJECT_IDENTIFIER)? {
                [0x2b, 0x0e, 3, 2, 26] => SignedHash::Sha1,
                [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => SignedHash::Sha256,
                [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => SignedHash::Sha384,
                [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => SignedHash::Sha512,
                [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4] => SignedHash::Sha224,
                _ => return None,
            }
        }
        _ => return None,
    })
}
