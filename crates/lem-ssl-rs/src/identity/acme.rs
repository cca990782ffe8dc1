//! Certificates that answer an authority's challenge: TLS-ALPN-01 of ACME (RFC 8737).
//!
//! An authority that validates is answered by a configuration of its own. It is shown the answer and nothing else, and
//! speaks `acme-tls/1` and nothing else, whatever protocols the server has for its clients. It is not asked for a
//! certificate, which it does not have. So it must never become a client: its handshake ends without a stream
//! ([`TlsError::Validated`](crate::TlsError::Validated)).

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;

use super::recorded::{Recorded, Refusal, refuse};
use crate::x509::{GeneralName, Raw};

/// Of `id-pe-acmeIdentifier`.
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

/// The protocol that only an authority offers that validates (section 6.2).
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Whether a certificate is for an authority that validates, and for nobody else: it says so in an extension that is
/// critical, so that every other client refuses it.
pub(crate) fn is_challenge(certificate: &CertificateDer<'_>) -> bool {
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

/// Chooses for clients, and sends authorities that validate on to a configuration of their own.
#[derive(Debug)]
pub(crate) struct Diverting {
    pub(crate) clients: Arc<dyn ResolvesServerCert>,
    pub(crate) validations: Arc<ServerConfig>,
}

impl ResolvesServerCert for Diverting {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if is_validation(&hello) {
            // A configuration that rustls does not take serves nobody.
            let other = UnbufferedServerConnection::new(self.validations.clone());
            return refuse(other.map_or(Refusal::UnknownName, |other| Refusal::Diverted(Box::new(other))));
        }
        self.clients.resolve(hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.clients.only_raw_public_keys()
    }
}

/// The configuration for authorities that validate, beside that for clients: with the answers that `identities` has.
pub(crate) fn validations(clients: &ServerConfig, identities: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let mut config = clients.clone();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.cert_resolver = Arc::new(Recorded(Arc::new(OnlyChallenges(identities))));
    config.send_tls13_tickets = 0;
    config
}

/// Shows answers to challenges only, whatever another resolver chooses: who is let in here was not asked who it is.
#[derive(Debug)]
struct OnlyChallenges(Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for OnlyChallenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.resolve(hello)?;
        if shown.cert.first().is_some_and(is_challenge) { Some(shown) } else { refuse(Refusal::UnknownName) }
    }
}
