//! PEM files, and what people get wrong with them.

use std::fmt::Display;
use std::fs;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{ConfigError, ConfigPart};

/// No certificate file is larger; reading stops here, whatever a path leads to.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads a file that should hold PEM.
pub(crate) fn read_file(part: ConfigPart, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let failed = |error| ConfigError::new(part, format!("cannot read {}", path.display())).because(error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let problem = format!("cannot read {}: it is a directory, not a PEM file", path.display());
        return Err(ConfigError::new(part, problem));
    }
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    let length = file.take(LARGEST + 1).read_to_end(&mut text).map_err(failed)?;
    if length as u64 > LARGEST {
        let problem = format!("{} is larger than {LARGEST} bytes: is it a PEM file?", path.display());
        return Err(ConfigError::new(part, problem));
    }
    Ok(text)
}

/// The certificates in a PEM text: at least one.
pub(crate) fn certificates(
    part: ConfigPart,
    from: &dyn Display,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            let hint = if PrivateKeyDer::from_pem_slice(text).is_ok() {
                ": there is a private key in it; are the two files exchanged?"
            } else if is_der(text) {
                DER_HINT
            } else {
                ""
            };
            Err(ConfigError::new(part, format!("there is no certificate in {from}{hint}")))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(invalid(part, from, &error)),
    }
}

/// The private key in a PEM text.
pub(crate) fn private_key(from: &dyn Display, text: &[u8]) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let part = ConfigPart::Identity;
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        _ if is_encrypted(text) => ConfigError::new(
            part,
            format!("the private key in {from} is encrypted: decrypt it first, with \"openssl pkey\" for one"),
        ),
        PemError::NoItemsFound => {
            let hint = if CertificateDer::from_pem_slice(text).is_ok() {
                ": there is a certificate in it; are the two files exchanged?"
            } else if is_der(text) {
                DER_HINT
            } else {
                ""
            };
            ConfigError::new(part, format!("there is no private key in {from}{hint}"))
        }
        error => invalid(part, from, &error),
    })
}

/// In PKCS#8 (RFC 5958) the label says so, in the older forms a header (RFC 1421 section 4.6.1.1).
fn is_encrypted(text: &[u8]) -> bool {
    contains(text, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(text, b"Proc-Type: 4,ENCRYPTED")
}

/// Whether bytes begin like an element of DER: a sequence whose length takes bytes of its own, or fits.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x81..=0x83, ..] => true,
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

const DER_HINT: &str = ": it looks like DER, which has to be converted to PEM";

/// What is wrong with a text that is nearly PEM, without the bytes themselves: they may be a key's.
pub(crate) fn invalid(part: ConfigPart, from: &dyn Display, error: &PemError) -> ConfigError {
    let problem = match error {
        PemError::MissingSectionEnd { .. } => "a section has no \"-----END\" line; is the file cut off?",
        PemError::IllegalSectionStart { .. } => "a \"-----BEGIN\" line is not well formed",
        PemError::Base64Decode(_) => "what stands between \"-----BEGIN\" and \"-----END\" is not base64",
        PemError::SectionTooLarge => "a section is too large",
        _ => "it cannot be read",
    };
    ConfigError::new(part, format!("{from} is not valid PEM: {problem}"))
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}
