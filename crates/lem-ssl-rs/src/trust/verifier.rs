//! Verifiers that remember what they refused, so that an error can tell whose certificate it was.
//!
//! The checks are rustls' own (webpki); nothing is decided here. rustls reports a failed check without the chain, and
//! forgets the chain. A wrapper keeps it, for the moment between the check and the report: both happen in one call,
//! on one thread, so a thread-local is enough.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::EndEntityCert;

use super::name::readable;
use crate::error::{CertificateFault, CertificateProblem};

type Chain = Vec<CertificateDer<'static>>;

thread_local! {
    static REFUSED: RefCell<Chain> = const { RefCell::new(Vec::new()) };
}

/// Checks a server's chain.
#[derive(Debug)]
pub(crate) struct ServerChain(pub(crate) Arc<dyn ServerCertVerifier>);

/// Checks a client's chain.
#[derive(Debug)]
pub(crate) struct ClientChain(pub(crate) Arc<dyn ClientCertVerifier>);

/// Makes a refusal of rustls ours, with the chain that was refused last on this thread.
pub(crate) fn explain(error: CertificateError) -> CertificateProblem {
    let chain = REFUSED.take();
    let since_1970 = |time: UnixTime| Duration::from_secs(time.as_secs());
    let fault = match error {
        CertificateError::ExpiredContext { time, not_after } => {
            CertificateFault::Expired { checked: since_1970(time), not_after: since_1970(not_after) }
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            CertificateFault::NotYetValid { checked: since_1970(time), not_before: since_1970(not_before) }
        }
        // Without dates: webpki says so of a validity that is none.
        CertificateError::Expired => CertificateFault::NeverValid,
        CertificateError::NotValidForNameContext { expected, presented } => CertificateFault::WrongName {
            expected: expected.to_str().into_owned(),
            presented: presented.iter().map(|name| plain_name(name)).collect(),
        },
        CertificateError::UnknownIssuer => unknown_issuer(&chain),
        CertificateError::Revoked => CertificateFault::Revoked,
        CertificateError::Other(ref other)
            if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
        {
            CertificateFault::IsAuthority
        }
        other => CertificateFault::Other(other),
    };
    let subject = chain.first().and_then(|leaf| {
        let leaf = EndEntityCert::try_from(leaf).ok()?;
        readable(leaf.subject())
    });
    CertificateProblem::new(fault, subject, chain)
}

/// Follows the chain up from the leaf, to the certificate whose issuer was not presented: that one is missing.
fn unknown_issuer(chain: &[CertificateDer<'static>]) -> CertificateFault {
    let parsed: Vec<_> = chain.iter().filter_map(|one| EndEntityCert::try_from(one).ok()).collect();
    let Some(leaf) = parsed.first() else {
        return CertificateFault::UnknownIssuer { issuer: None, presented: chain.len() };
    };
    if leaf.issuer() == leaf.subject() {
        return CertificateFault::SelfSigned;
    }
    let mut last = leaf;
    // Each step goes to a certificate that was not visited: a peer could present a circle.
    for _ in 0..parsed.len() {
        match parsed.iter().find(|one| one.subject() == last.issuer()) {
            Some(above) if above.issuer() != above.subject() => last = above,
            _ => break,
        }
    }
    CertificateFault::UnknownIssuer { issuer: readable(last.issuer()), presented: chain.len() }
}

/// rustls tells presented names as `DnsName("example.org")`.
fn plain_name(name: &str) -> String {
    match (name.split_once('('), name.strip_suffix(')')) {
        (Some((_, inner)), Some(_)) => inner.trim_end_matches(')').trim_matches('"').to_owned(),
        _ => name.to_owned(),
    }
}

fn remember(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) {
    let owned = std::iter::once(leaf).chain(intermediates).map(|one| one.clone().into_owned());
    let chain: Chain = owned.collect();
    REFUSED.set(chain);
}

impl ServerCertVerifier for ServerChain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .inspect_err(|_| remember(end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

impl ClientCertVerifier for ClientChain {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify_client_cert(end_entity, intermediates, now).inspect_err(|_| remember(end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
