//! Verifiers that explain what they refused, so that an error can tell which certificate it was.
//!
//! Chains are checked by rustls (webpki). Refused besides are mazes, before that, and what our lists speak against,
//! afterwards. rustls reports a failed check without the chain, and forgets the chain. A wrapper explains it and keeps that
//! for the moment between the check and the report: both happen in one call, on one thread, so a thread-local is enough.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

use super::explain::Explainer;
use super::path::distinct;
use super::revocation::Revocation;
use super::signature::weak;
use crate::error::{CertificateCheck, CertificateFault, CertificateProblem, Explanation, TlsCause};
use crate::x509::{describe_key, public_key};

thread_local! {
    static REFUSED: RefCell<Option<CertificateProblem>> = const { RefCell::new(None) };
}

/// Checks a server's chain.
pub(crate) struct ServerChain {
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) explainer: Arc<Explainer>,
    pub(super) on_verified: Option<OnVerified>,
}

/// Called with each chain that was accepted.
pub(crate) type OnVerified = Arc<dyn Fn(&[CertificateDer<'static>]) + Send + Sync>;

impl fmt::Debug for ServerChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerChain").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// Checks a client's chain.
#[derive(Debug)]
pub(crate) struct ClientChain {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// What looks at the lists, if there are any.
    pub(super) revocation: Option<Revocation>,
    pub(super) explainer: Explainer,
}

/// Makes a refusal of rustls ours, with what was explained last on this thread.
pub(crate) fn explain(error: CertificateError) -> CertificateProblem {
    // Nothing is kept of a verifier that somebody else has made.
    REFUSED.take().unwrap_or_else(|| CertificateProblem::alone(fault_of(&error), Vec::new()))
}

/// Forgets what was explained last on this thread.
pub(crate) fn forget_refused() {
    REFUSED.take();
}

/// The peer presented no certificate.
pub(crate) fn not_presented() -> CertificateProblem {
    forget_refused();
    CertificateProblem::alone(CertificateFault::NotPresented, Vec::new())
}

/// Explains a refusal, keeps that for [`explain`], and gives the error that makes rustls send the right alert.
fn refused(
    error: Error,
    explainer: &Explainer,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name: Option<&ServerName<'_>>,
    now: UnixTime,
) -> Error {
    let Error::InvalidCertificate(reason) = error else { return error };
    let chain = owned(leaf, intermediates);
    let explanation = explainer.explain(&chain, name, since_1970(now));
    let problem = CertificateProblem::new(explanation, fault_of(&reason), chain);
    // webpki looks at dates before it looks for a root: of a chain that leads to none they say nothing.
    let is_lost = problem.fault().check() == CertificateCheck::Chain;
    let reason = if is_lost && is_about_dates(&reason) { CertificateError::UnknownIssuer } else { reason };
    REFUSED.set(Some(problem));
    Error::InvalidCertificate(reason)
}

/// Keeps for [`explain`] what the lists say of a good chain, and gives the error that makes rustls send the right alert.
fn refused_by_lists(explanation: Explanation, chain: Vec<CertificateDer<'static>>) -> Error {
    let problem = CertificateProblem::new(explanation, CertificateFault::RevocationUnknown, chain);
    let reason = match problem.fault() {
        CertificateFault::Revoked => CertificateError::Revoked,
        // Of an unknown status rustls would tell the peer that its authority is not known (unknown_ca), and it is.
        _ => CertificateError::Other(OtherError(Arc::new(webpki::Error::UnknownRevocationStatus))),
    };
    REFUSED.set(Some(problem));
    Error::InvalidCertificate(reason)
}

/// Refuses the peer's own certificate for what webpki does not look at, and keeps that for [`explain`]. The peer is told
/// that it has no access, which says least about what would have been right.
pub(super) fn refuse_leaf(
    fault: CertificateFault,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Error {
    REFUSED.set(Some(CertificateProblem::of_leaf(fault, owned(leaf, intermediates))));
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// Keeps for [`explain`] that what the peer signed in the handshake does not verify with its certificate's key.
pub(crate) fn bad_signature(error: Error, certificate: &CertificateDer<'_>) -> Error {
    if let Error::InvalidCertificate(reason) = &error {
        let fault = match (reason, public_key(certificate)) {
            (CertificateError::BadSignature, key) => {
                key.and_then(|key| weak(key.content)).unwrap_or(CertificateFault::BadHandshakeSignature)
            }
            (CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }, Some(key)) => {
                CertificateFault::UnsupportedKey { key: describe_key(key.content) }
            }
            (reason, _) => fault_of(reason),
        };
        REFUSED.set(Some(CertificateProblem::alone(fault, vec![certificate.clone().into_owned()])));
    }
    error
}

pub(super) fn owned(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Vec<CertificateDer<'static>> {
    std::iter::once(leaf).chain(intermediates).map(|one| one.clone().into_owned()).collect()
}

fn since_1970(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

fn is_about_dates(reason: &CertificateError) -> bool {
    matches!(
        reason,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

/// What webpki says, as far as it says it.
fn fault_of(reason: &CertificateError) -> CertificateFault {
    match reason {
        CertificateError::ExpiredContext { time, not_after } => {
            CertificateFault::Expired { checked: since_1970(*time), not_after: since_1970(*not_after) }
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            CertificateFault::NotYetValid { checked: since_1970(*time), not_before: since_1970(*not_before) }
        }
        // Without dates: webpki says so of a validity that is none.
        CertificateError::Expired => CertificateFault::NeverValid,
        CertificateError::NotValidForNameContext { expected, .. } => {
            CertificateFault::WrongName { expected: expected.to_str().into_owned(), presented: Vec::new() }
        }
        CertificateError::UnknownIssuer => {
            CertificateFault::UnknownIssuer { issuer: None, presented: 0, roots: String::new() }
        }
        CertificateError::BadSignature => CertificateFault::BadSignature { issuer: None },
        CertificateError::BadEncoding => {
            CertificateFault::Malformed { part: "it is not encoded as a certificate must be" }
        }
        CertificateError::Revoked => CertificateFault::Revoked,
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => CertificateFault::RevocationUnknown,
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => CertificateFault::IsAuthority,
            Some(webpki::Error::EndEntityUsedAsCa) => CertificateFault::NotAuthority,
            Some(webpki::Error::MaximumPathDepthExceeded) => CertificateFault::TooLong { intermediates: 0 },
            _ => CertificateFault::Other(TlsCause::new(reason.clone())),
        },
        other => CertificateFault::Other(TlsCause::new(other.clone())),
    }
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
        let distinct = distinct(end_entity, intermediates);
        let verify = || self.verifier.verify_server_cert(end_entity, &distinct, server_name, ocsp_response, now);
        let passable = self.explainer.refuse_maze(end_entity, &distinct);
        let verified = passable
            .and_then(|()| verify())
            .map_err(|error| refused(error, &self.explainer, end_entity, intermediates, Some(server_name), now))?;
        if let Some(on_verified) = &self.on_verified {
            on_verified(&owned(end_entity, intermediates));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.verifier.verify_tls12_signature(message, certificate, signature);
        checked.map_err(|error| bad_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.verifier.verify_tls13_signature(message, certificate, signature);
        checked.map_err(|error| bad_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl ClientCertVerifier for ClientChain {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let distinct = distinct(end_entity, intermediates);
        let passable = self.explainer.refuse_maze(end_entity, &distinct);
        let verified = passable
            .and_then(|()| self.verifier.verify_client_cert(end_entity, &distinct, now))
            .map_err(|error| refused(error, &self.explainer, end_entity, intermediates, None, now))?;
        if let Some(revocation) = &self.revocation {
            let checked = revocation.check(end_entity, intermediates, now);
            checked.map_err(|explanation| refused_by_lists(explanation, owned(end_entity, intermediates)))?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.verifier.verify_tls12_signature(message, certificate, signature);
        checked.map_err(|error| bad_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.verifier.verify_tls13_signature(message, certificate, signature);
        checked.map_err(|error| bad_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
