//! From certificates to anchors of trust: what may be one.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::authority::Rank;
use crate::der;
use crate::error::{ConfigError, ConfigPart, webpki_words};
use crate::pem::{self, Found, Origin};
use crate::x509::readable;

/// The anchor that a certificate is.
///
/// # Errors
/// Why it must not be one, behind "the certificate".
pub(super) fn anchor(certificate: &CertificateDer<'_>) -> Result<TrustAnchor<'static>, String> {
    let anchor = webpki::anchor_from_trusted_cert(certificate)
        .map_err(|error| format!("cannot be read: {}", webpki_words(&error)))?
        .to_owned();
    // webpki asks no root whether it is an authority's. One of which we cannot tell may be anybody's.
    match Rank::read(certificate).map_err(|part| format!("cannot be read: {part}"))? {
        Rank::SelfIssued | Rank::Authority => Ok(anchor),
        Rank::Leaf { issuer } => {
            let issuer = readable(issuer).unwrap_or_else(|| "which has no name".to_owned());
            Err(format!(
                "is not an authority's (CA:TRUE is missing), and all roots are trusted as authorities: give the \
                 certificate of its issuer ({issuer}), or of the root above that"
            ))
        }
    }
}

/// Adds all certificates of a file, or none.
pub(super) fn add_file(store: &mut RootCertStore, part: ConfigPart, path: &Path) -> Result<(), ConfigError> {
    let text = pem::read_file(part, path)?;
    add_text(store, part, Origin::File(path), &text)
}

/// Adds all certificates of a text, or none.
pub(super) fn add_text(
    store: &mut RootCertStore,
    part: ConfigPart,
    from: Origin<'_>,
    text: &[u8],
) -> Result<(), ConfigError> {
    for (index, Found { item, line }) in pem::roots(part, from, text)?.into_iter().enumerate() {
        add(store, part, &item, &format!("number {} in {from}, line {line},", index + 1))?;
    }
    Ok(())
}

/// Every certificate counts, or none of them: one that is left out is missed when a peer comes that needs it.
pub(super) fn add(
    store: &mut RootCertStore,
    part: ConfigPart,
    certificate: &CertificateDer<'_>,
    which: &str,
) -> Result<(), ConfigError> {
    let anchor = anchor(certificate).map_err(|why| {
        let subject = der::Certificate::read(certificate).and_then(|certificate| readable(certificate.subject));
        let subject = subject.map(|subject| format!(" ({subject})")).unwrap_or_default();
        ConfigError::new(part, format!("certificate {which}{subject} {why}"))
    })?;
    store.roots.push(anchor);
    Ok(())
}
