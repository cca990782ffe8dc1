//! Certificates that answer an authority's challenge: TLS-ALPN-01 of ACME (RFC 8737).

use rustls::pki_types::CertificateDer;
use rustls::server::ClientHello;

use crate::x509::{GeneralName, Raw};

/// Of `id-pe-acmeIdentifier`.
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

/// The protocol that only an authority offers that validates (section 6.2).
const PROTOCOL: &[u8] = b"acme-tls/1";

/// Whether a certificate is for an authority that validates, and for nobody else: it says so in an extension that is
/// critical, so that every other client refuses it.
pub(super) fn is_challenge(certificate: &CertificateDer<'_>) -> bool {
    Raw::read(certificate).is_ok_and(|raw| raw.extensions.unknown_critical_oid().as_deref() == Some(ACME_IDENTIFIER))
}

/// The names that a challenge is about; by section 3 it has one.
pub(super) fn names(certificate: &CertificateDer<'_>) -> impl Iterator<Item = String> {
    let raw = Raw::read(certificate).ok();
    let names: Vec<String> = raw
        .into_iter()
        .flat_map(|raw| raw.extensions.names())
        .filter(|name| matches!(name, GeneralName::Dns(_)))
        .filter_map(|name| Some(name.readable()?.to_ascii_lowercase()))
        .collect();
    names.into_iter()
}

/// Whether a client is an authority that validates.
pub(super) fn is_validation(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == PROTOCOL))
}
