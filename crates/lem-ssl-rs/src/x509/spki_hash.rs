//! The hash of a public key, by which a peer is recognised.

use std::fmt;
use std::str::FromStr;

use crate::base64;

/// The SHA-256 hash of a peer's public key: of its `SubjectPublicKeyInfo` (RFC 5280 section 4.1), as in RFC 7469 section 2.4.
///
/// It stays the same when a certificate is renewed with the same key. It is written as `sha256/` and base64, as curl and
/// browsers do; hexadecimal digits are read too, with or without colons.
///
/// ```
/// # use lem_ssl_rs::SpkiHash;
/// let written = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
/// let hash: SpkiHash = written.parse()?;
/// assert_eq!(hash.to_string(), written);
/// assert_eq!(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?);
/// # Ok::<(), lem_ssl_rs::ParseSpkiHashError>(())
/// ```
///
/// `openssl x509 -in FILE -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256` computes one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpkiHash([u8; 32]);

impl SpkiHash {
    /// From the bytes of the hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", base64::encode(&self.0))
    }
}

impl fmt::Debug for SpkiHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiHash({self})")
    }
}

impl FromStr for SpkiHash {
    type Err = ParseSpkiHashError;

    fn from_str(text: &str) -> Result<Self, ParseSpkiHashError> {
        let digits = text.strip_prefix(PREFIX);
        // Hexadecimal digits of such a hash are no base64 of one: there are too many.
        let decode = |digits: &str| base64::decode(digits.as_bytes()).filter(|bytes| bytes.len() == 32);
        // A slash behind the prefix is curl's, or a digit: one hash in 64 begins with it.
        let bytes = decode(digits.unwrap_or(text)).or_else(|| decode(digits?.strip_prefix('/')?));
        let bytes = bytes.or_else(|| if digits.is_none() { hexadecimal(text) } else { None });
        let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| ParseSpkiHashError { text: shortened(text) })
    }
}

const PREFIX: &str = "sha256/";

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|letter| *letter != ':').map(|letter| letter.to_digit(16)).collect::<Option<_>>()?;
    (digits.len() == 64).then(|| digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

fn shortened(text: &str) -> String {
    const MAX_SHOWN: usize = 80;
    text.chars().take(MAX_SHOWN).collect()
}

/// A text is not an [`SpkiHash`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSpkiHashError {
    text: String,
}

impl fmt::Display for ParseSpkiHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not the SHA-256 hash of a public key: write \"sha256/\" and 44 characters of base64, or 64 hexadecimal \
             digits",
            self.text
        )
    }
}

impl std::error::Error for ParseSpkiHashError {}

#[cfg(test)]
mod tests {
    use super::SpkiHash;

    #[test]
    fn every_hash_is_read_as_it_was_written_whatever_it_begins_with() {
        for first in 0..=u8::MAX {
            let hash = SpkiHash([first; 32]);
            let written = hash.to_string();
            let curls = written.replacen("sha256/", "sha256//", 1);
            assert_eq!((written.parse(), curls.parse()), (Ok(hash), Ok(hash)), "{written}");
        }
    }

    #[test]
    fn every_usual_way_of_writing_a_hash_is_read() {
        let hash = SpkiHash::from_bytes(std::array::from_fn(|at| at as u8 * 7));
        let base64 = hash.to_string();
        let digits: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let colons: Vec<String> = hash.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        let bare = base64.strip_prefix("sha256/").unwrap();
        for text in [&base64, bare, &format!("sha256//{bare}"), &digits, &digits.to_uppercase(), &colons.join(":")] {
            assert_eq!(text.parse(), Ok(hash), "{text}");
        }
        let short = &base64[..base64.len() - 1];
        for text in
            ["", "sha256/", short, &format!("{base64}="), &digits[1..], &format!("sha256/{digits}"), "sha1/AAAA"]
        {
            let error = text.parse::<SpkiHash>().unwrap_err();
            assert!(error.to_string().contains("is not the SHA-256 hash of a public key"), "{error}");
        }
    }
}
