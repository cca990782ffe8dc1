//! Verifiers that look for keys that are known.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use rustls::{DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::choice::Trust;
use super::known_hosts::{KnownHosts, Memory};
use super::path::distinct;
use super::possession::{verify_tls12_possession, verify_tls13_possession};
use super::servers::{Remembers, Servers, servers};
use super::spki::Hasher;
use super::verifier::{OnVerified, bad_signature, owned, refuse_leaf};
use crate::der;
use crate::error::{CertificateFault, ConfigError, ConfigPart};
use crate::x509::SpkiHash;

/// How [`recognising`] is called.
pub(crate) type Recognising =
    fn(&Trust, RootCertStore, String, &Arc<CryptoProvider>, Option<OnVerified>) -> Result<Servers, ConfigError>;

/// What recognises servers in another way than by their chain alone.
pub(crate) fn recognising(
    trust: &Trust,
    roots: RootCertStore,
    asked: String,
    provider: &Arc<CryptoProvider>,
    on_verified: Option<OnVerified>,
) -> Result<Servers, ConfigError> {
    let wrong = |problem: &str| ConfigError::new(ConfigPart::Trust, problem);
    let some = |pins: &Vec<SpkiHash>| match pins.is_empty() {
        true => Err(wrong("no key is pinned, so no server would be recognised")),
        false => Ok(pins.clone()),
    };
    let known = match trust {
        Trust::Chain | Trust::ChainAndPins(_) => {
            let on_verified_chain = matches!(trust, Trust::Chain).then(|| on_verified.clone()).flatten();
            let chain = servers(roots.clone(), asked, provider, on_verified_chain)?;
            let chain =
                chain.ok_or_else(|| wrong("a chain is to be checked, but there are no roots that it could lead to"))?;
            let Trust::ChainAndPins(pins) = trust else { return Ok(chain) };
            Known::Way { pins: some(pins)?, chain: chain.verifier, roots }
        }
        _ if !roots.is_empty() => {
            return Err(wrong(
                "roots were chosen, but servers are recognised by their keys alone, so no chain is looked at: leave the roots \
                 out, or pin keys beside the chain",
            ));
        }
        Trust::Pins(pins) => Known::Keys(some(pins)?),
        Trust::RawPublicKeys(pins) => Known::RawKeys(some(pins)?),
        Trust::FirstUse(hosts) => {
            hosts.load()?;
            Known::Hosts(hosts.clone())
        }
    };
    let hosts = match &known {
        Known::Hosts(hosts) => Some(hosts.clone()),
        _ => None,
    };
    let hasher = Hasher::new(provider)?;
    let only_tls13 = matches!(known, Known::RawKeys(_));
    let verifier = Arc::new(Recognised { known, hasher, provider: provider.clone(), on_verified });
    let remembers = hosts.map(|hosts| Arc::new(Memory::new(hosts, hasher)) as Arc<dyn Remembers>);
    Ok(Servers { verifier, explainer: None, remembers, only_tls13 })
}

/// Which keys are right.
enum Known {
    /// One of these on the way to a root, which the chain must lead to.
    Way {
        pins: Vec<SpkiHash>,
        chain: Arc<dyn ServerCertVerifier>,
        roots: RootCertStore,
    },
    Keys(Vec<SpkiHash>),
    RawKeys(Vec<SpkiHash>),
    Hosts(KnownHosts),
}

struct Recognised {
    known: Known,
    hasher: Hasher,
    provider: Arc<CryptoProvider>,
    on_verified: Option<OnVerified>,
}

impl Recognised {
    /// Whether a way that webpki accepts has a pinned key on it.
    fn is_pinned_way(
        &self,
        pins: &[SpkiHash],
        roots: &RootCertStore,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> bool {
        let is_pinned = |spki: &[u8]| self.hasher.hash_spki(spki).is_some_and(|hash| pins.contains(&hash));
        let intermediates = distinct(leaf, intermediates);
        let Ok(leaf) = EndEntityCert::try_from(leaf) else { return false };
        if is_pinned(&leaf.subject_public_key_info()) {
            return true;
        }
        // Ways with a pinned key are the only ones that count: webpki looks for others if the first one has none.
        let has_pin = |path: &VerifiedPath<'_>| {
            let mut authorities = path.intermediate_certificates();
            let found =
                authorities.any(|one| is_pinned(&one.subject_public_key_info())) || is_pinned(&spki(path.anchor()));
            found.then_some(()).ok_or(webpki::Error::UnknownIssuer)
        };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        leaf.verify_for_usage(algorithms, &roots.roots, &intermediates, now, usage, None, Some(&has_pin)).is_ok()
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), CertificateFault> {
        // What cannot be read has no key.
        let unreadable = || CertificateFault::Malformed { part: "it has no public key that can be read" };
        let presented = match &self.known {
            Known::RawKeys(_) => self.hasher.hash_raw_key(leaf),
            Known::Way { .. } | Known::Keys(_) | Known::Hosts(_) => self.hasher.hash_certificate(leaf),
        };
        let presented = presented.ok_or_else(unreadable)?;
        let (right, pinned) = match &self.known {
            Known::Way { pins, roots, .. } => (self.is_pinned_way(pins, roots, leaf, intermediates, now), pins),
            Known::Keys(pins) | Known::RawKeys(pins) => (pins.contains(&presented), pins),
            Known::Hosts(hosts) => return hosts.check(name, presented),
        };
        if right { Ok(()) } else { Err(CertificateFault::NotPinned { presented, pinned: pinned.clone() }) }
    }
}

impl ServerCertVerifier for Recognised {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Known::Way { chain, .. } = &self.known {
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        }
        self.check(end_entity, intermediates, server_name, now)
            .map_err(|fault| refuse_leaf(fault, end_entity, intermediates))?;
        if let Some(on_verified) = &self.on_verified {
            on_verified(&owned(end_entity, intermediates));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.requires_raw_public_keys() {
            return Err(PeerIncompatible::UnsolicitedCertificateTypeExtension.into());
        }
        // webpki has read that certificate for the chain, and reads its key, too.
        if let Known::Way { chain, .. } = &self.known {
            return chain.verify_tls12_signature(message, certificate, signature);
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_possession(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Known::Way { chain, .. } = &self.known {
            return chain.verify_tls13_signature(message, certificate, signature);
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        if !self.requires_raw_public_keys() {
            return verify_tls13_possession(message, certificate, signature, algorithms);
        }
        let key = SubjectPublicKeyInfoDer::from(certificate.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
            .map_err(|error| bad_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        matches!(self.known, Known::RawKeys(_))
    }
}

impl fmt::Debug for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match &self.known {
            Known::Way { .. } => "chain and pins",
            Known::Keys(_) => "pins",
            Known::RawKeys(_) => "raw public keys",
            Known::Hosts(_) => "first use",
        };
        f.debug_struct("Recognised").field("by", &by).finish_non_exhaustive()
    }
}

/// The `SubjectPublicKeyInfo` of a root, of which only the contents are kept.
fn spki(anchor: &TrustAnchor<'_>) -> Vec<u8> {
    der::encode(der::SEQUENCE, &anchor.subject_public_key_info)
}
