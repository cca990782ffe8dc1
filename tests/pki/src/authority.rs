//! Issuers: roots and intermediates.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, RevokedCertParams, SanType,
    SerialNumber,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use super::issued::{Issued, armour, certificate_pem};
use super::key::{Key, KeyKind};
use super::leaf::Leaf;

/// A root or an intermediate that issues certificates.
pub struct Authority {
    issuer: Issuer<'static, Key>,
    kind: KeyKind,
    certificate: CertificateDer<'static>,
    serial: SerialNumber,
    /// What follows a leaf of ours in its chain: for a root nothing, for an intermediate its own
    /// certificate and those of the intermediates above it.
    chain: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// A root of this common name, valid for years around now, with a key on P-256.
    pub fn new(common_name: &str) -> Self {
        Self::with_key(common_name, KeyKind::EcdsaP256)
    }

    /// A root of this common name with a key of this kind; its intermediates have the same kind.
    pub fn with_key(common_name: &str, kind: KeyKind) -> Self {
        let key = Key::generate(kind);
        let params = authority_params(common_name, &key);
        let certificate = params.self_signed(&key).expect("a root is well formed").der().clone();
        let serial = params.serial_number.clone().expect("every certificate of ours has one");
        Self { issuer: Issuer::new(params, key), kind, certificate, serial, chain: Vec::new() }
    }

    /// An authority below this one.
    #[must_use]
    pub fn intermediate(&self, common_name: &str) -> Self {
        self.intermediate_until(common_name, SystemTime::now() + TEN_YEARS)
    }

    /// An authority below this one that ran out yesterday.
    #[must_use]
    pub fn expired_intermediate(&self, common_name: &str) -> Self {
        self.intermediate_until(common_name, SystemTime::now() - 24 * HOUR)
    }

    fn intermediate_until(&self, common_name: &str, not_after: SystemTime) -> Self {
        let key = Key::generate(self.kind);
        let mut params = authority_params(common_name, &key);
        params.not_after = whole_second(not_after);
        let certificate = params.signed_by(&key, &self.issuer).expect("an intermediate is well formed");
        let certificate = certificate.der().clone();
        let serial = params.serial_number.clone().expect("every certificate of ours has one");
        let mut chain = vec![certificate.clone()];
        chain.extend_from_slice(&self.chain);
        Self { issuer: Issuer::new(params, key), kind: self.kind, certificate, serial, chain }
    }

    /// Issues what `leaf` asks for, with a new key.
    ///
    /// # Panics
    ///
    /// When a name is neither an address nor ASCII.
    pub fn issue(&self, leaf: Leaf<'_>) -> Issued {
        let key = Key::generate(leaf.key);
        let (params, serial) = leaf_params(&leaf, &key);
        let certificate = params.signed_by(&key, &self.issuer).expect("a leaf is well formed");
        let mut chain = vec![certificate.der().clone()];
        chain.extend_from_slice(&self.chain);
        Issued::new(chain, &key, serial)
    }

    /// A list, as PEM, that says that these leaves of ours were revoked an hour ago; valid for years.
    pub fn revocation_list_pem(&self, revoked: &[&Issued]) -> String {
        self.list_pem(revoked.iter().map(|issued| &issued.serial))
    }

    /// As [`revocation_list_pem`](Self::revocation_list_pem), of authorities below this one.
    pub fn revocation_list_of_authorities_pem(&self, revoked: &[&Self]) -> String {
        self.list_pem(revoked.iter().map(|authority| &authority.serial))
    }

    fn list_pem<'s>(&self, revoked: impl Iterator<Item = &'s SerialNumber>) -> String {
        let now = SystemTime::now();
        let entry = |serial: &SerialNumber| RevokedCertParams {
            serial_number: serial.clone(),
            revocation_time: whole_second(now - HOUR),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: whole_second(now - HOUR),
            next_update: whole_second(now + TEN_YEARS),
            crl_number: serial_number(),
            issuing_distribution_point: None,
            revoked_certs: revoked.map(entry).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(self.issuer.key().identifier()),
        };
        let list = params.signed_by(&self.issuer).expect("a revocation list is well formed");
        armour("X509 CRL", list.der())
    }

    /// The authority's own certificate as PEM: what a client that trusts it is given.
    pub fn certificate_pem(&self) -> String {
        certificate_pem(&self.certificate)
    }

    /// Its `SubjectPublicKeyInfo`.
    pub fn public_key(&self) -> Vec<u8> {
        self.issuer.key().subject_public_key_info()
    }

    /// The authority's own certificate as DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }
}

/// Shows the name, never the key.
impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("issuer", &self.issuer)
            .field("kind", &self.kind)
            .field("intermediates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// A certificate that no one vouches for but itself, and that is no authority.
///
/// # Panics
///
/// When a name is neither an address nor ASCII.
pub fn self_signed(leaf: Leaf<'_>) -> Issued {
    let key = Key::generate(leaf.key);
    let (params, serial) = leaf_params(&leaf, &key);
    let certificate = params.self_signed(&key).expect("a leaf is well formed");
    Issued::new(vec![certificate.der().clone()], &key, serial)
}

fn authority_params(common_name: &str, key: &Key) -> CertificateParams {
    let now = SystemTime::now();
    let mut params = params(common_name, key, (now - TEN_YEARS, now + TEN_YEARS));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What a leaf says, and its serial number.
fn leaf_params(leaf: &Leaf<'_>, key: &Key) -> (CertificateParams, SerialNumber) {
    let common_name = leaf.names.first().copied().unwrap_or("nameless");
    let mut params = params(common_name, key, (leaf.not_before, leaf.not_after));
    params.is_ca = IsCa::ExplicitNoCa;
    params.subject_alt_names = leaf.names.iter().copied().map(alternative_name).collect();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![if leaf.client { ExtendedKeyUsagePurpose::ClientAuth } else { ExtendedKeyUsagePurpose::ServerAuth }];
    if leaf.padding > 0 {
        let ballast = CustomExtension::from_oid_content(BALLAST_OID, vec![0; leaf.padding]);
        params.custom_extensions.push(ballast);
    }
    let serial = serial_number();
    params.serial_number = Some(serial.clone());
    (params, serial)
}

/// What all certificates have in common.
///
/// Strict verifiers want both key identifiers. rcgen cannot derive them, nor the serial number,
/// without a hash function of its own.
fn params(common_name: &str, key: &Key, (not_before, not_after): (SystemTime, SystemTime)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = whole_second(not_before);
    params.not_after = whole_second(not_after);
    params.serial_number = Some(serial_number());
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.identifier());
    params.use_authority_key_identifier_extension = true;
    params
}

fn alternative_name(name: &str) -> SanType {
    match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if name.contains("://") => SanType::URI(name.try_into().expect("a URI is ASCII")),
        Err(_) => SanType::DnsName(name.try_into().expect("a DNS name is ASCII")),
    }
}

/// Random, positive, and of the same encoded length always.
fn serial_number() -> SerialNumber {
    let mut bytes = [0; 16];
    graviola::random::fill(&mut bytes).expect("the system gives randomness");
    bytes[0] = bytes[0] & 0x3f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn whole_second(time: SystemTime) -> OffsetDateTime {
    let seconds = time.duration_since(UNIX_EPOCH).expect("certificates are not that old").as_secs();
    let seconds = i64::try_from(seconds).expect("certificates are not that new");
    OffsetDateTime::from_unix_timestamp(seconds).expect("certificates are not that new")
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// From the arc of RFC 5612 that is reserved for examples.
const BALLAST_OID: &[u64] = &[1, 3, 6, 1, 4, 1, 32473, 1];
