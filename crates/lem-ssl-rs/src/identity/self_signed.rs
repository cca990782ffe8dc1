//! Throwaway identities: for tests, examples and first steps.

use graviola::hashing::{Hash, Sha256};
use graviola::signing::ecdsa::{P256, SigningKey};
use graviola::signing::eddsa::Ed25519SigningKey;
use rcgen::{
    CertificateParams, CustomExtension, DnType, KeyIdMethod, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData,
    SerialNumber,
};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};

use super::Identity;
use crate::error::{ConfigError, ConfigPart, Error};

impl Identity {
    /// Makes a new key and a certificate for `names` (host names and IP addresses), signed by that key: valid for
    /// 90 days from yesterday on, so that clocks may differ.
    ///
    /// No client trusts it unless it is told to: give it [`chain_pem`](Self::chain_pem) as its roots. For tests,
    /// examples and first steps; a service should have a certificate that somebody vouches for.
    ///
    /// # Errors
    /// If a name is none, or the operating system gives no random numbers.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Roots};
    /// let identity = Identity::self_signed(["localhost", "127.0.0.1"])?;
    /// let roots = Roots::Pem(identity.chain_pem().into());
    /// let server = Context::builder().roots(Roots::None).identity(identity).build()?;
    /// let client = Context::builder().roots(roots).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn self_signed<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Result<Self, Error> {
        Self::signed_by_itself(names.into_iter().map(Into::into).collect(), Key::p256, None)
    }

    /// As [`self_signed`](Self::self_signed), with an Ed25519 key: for the simulated world (`sim`), where the sizes of all
    /// that is sent are to be a function of the seed. Its signatures all have one length, and so have its certificates.
    ///
    /// With graviola it is served in TLS 1.3 only; see [`Identity`].
    ///
    /// # Errors
    /// As [`self_signed`](Self::self_signed).
    pub fn self_signed_ed25519<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Result<Self, Error> {
        Self::signed_by_itself(names.into_iter().map(Into::into).collect(), Key::ed25519, None)
    }

    /// The certificate that answers the challenge TLS-ALPN-01 of ACME (RFC 8737): for `name`, whose key authorization
    /// (RFC 8555 section 8.1) is `key_authorization`.
    ///
    /// A server with this identity beside its others shows it to an authority that validates, which offers the protocol
    /// `acme-tls/1`, and to nobody else. The server's protocols need not name that one, and the authority is not asked for a
    /// certificate where clients are; it never becomes a stream
    /// ([`ServerEvent::Validated`](crate::ServerEvent::Validated) tells of it).
    ///
    /// # Errors
    /// As [`self_signed`](Self::self_signed).
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity};
    /// # let identity = Identity::self_signed(["www.example.org"])?;
    /// let challenge = Identity::acme_challenge("www.example.org", "token.thumbprint")?;
    /// let context = Context::builder()
    ///     .identity(identity)
    ///     .identity(challenge)
    ///     .alpn(["h2", "http/1.1"])
    ///     .build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn acme_challenge(name: &str, key_authorization: &str) -> Result<Self, Error> {
        let answer = move || CustomExtension::new_acme_identifier(Sha256::hash(key_authorization.as_bytes()).as_ref());
        Self::signed_by_itself(vec![name.to_owned()], Key::p256, Some(&answer))
    }

    /// With an extension that is made when it is known that this CPU can hash.
    fn signed_by_itself(
        names: Vec<String>,
        generate: fn() -> Option<Key>,
        extension: Option<&dyn Fn() -> CustomExtension>,
    ) -> Result<Self, Error> {
        let failed =
            |problem: &str| ConfigError::new(ConfigPart::Identity, format!("cannot make an identity: {problem}"));
        // graviola panics where it cannot run.
        if !graviola::util::is_cpu_supported() {
            let problem = "this CPU lacks instructions that the cryptography of this feature needs (AES, AVX2, BMI2 and \
                           ADX on x86_64): load one that was made elsewhere";
            return Err(failed(problem).into());
        }
        for name in &names {
            check_name(name).map_err(|problem| failed(&problem))?;
        }
        let title = names.first().ok_or_else(|| failed("it needs at least one name"))?.clone();
        let mut random = [0; 20];
        graviola::random::fill(&mut random).map_err(|_| failed("there are no random numbers"))?;
        // RFC 5280 section 4.1.2.2: at most 20 octets, positive. Always 20, so that certificates have one length.
        random[0] = random[0] & 0x7f | 0x40;
        let key = generate().ok_or_else(|| failed("there are no random numbers"))?;

        let mut params = CertificateParams::new(names).map_err(|error| failed("a name is not valid").because(error))?;
        params.distinguished_name.push(DnType::CommonName, title);
        params.serial_number = Some(SerialNumber::from_slice(&random));
        params.key_identifier_method = KeyIdMethod::PreSpecified(random[1..].to_vec());
        let now = std::time::SystemTime::now();
        params.not_before = (now - DAY).into();
        params.not_after = (now + VALIDITY).into();
        params.custom_extensions.extend(extension.map(|extension| extension()));
        let certificate = params.self_signed(&key).map_err(|error| failed("it cannot be signed").because(error))?;
        let private = PrivatePkcs8KeyDer::from(key.pkcs8);
        Ok(Self::new(
            vec![certificate.der().clone()],
            private.into(),
            "a self-signed identity".into(),
            "a self-signed identity".into(),
        ))
    }
}

/// A name that no client could ask for is a mistake: a list that was split wrongly, an empty variable.
fn check_name(name: &str) -> Result<(), String> {
    // One label of a wildcard may stand for any (RFC 9525 section 6.3).
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let is_good = match ServerName::try_from(bare) {
        Ok(ServerName::DnsName(_)) => !bare.ends_with('.'),
        Ok(_) => bare.len() == name.len(),
        Err(_) => false,
    };
    let hint = match name {
        _ if is_good => return Ok(()),
        "" => return Err("a name is empty".into()),
        name if !name.is_ascii() => ": write an international name in its \"xn--\" form",
        _ => "",
    };
    Err(format!("{name:?} is neither a host name nor an IP address{hint}"))
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
const VALIDITY: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 60 * 60);

/// A key that rcgen signs with: by the same pure-Rust cryptography that the connections use.
struct Key {
    signer: Signer,
    /// The content of the public key's bit string.
    public: Vec<u8>,
    pkcs8: Vec<u8>,
}

enum Signer {
    P256(SigningKey<P256>),
    Ed25519(Ed25519SigningKey),
}

impl Key {
    fn p256() -> Option<Self> {
        /// The uncompressed point (SEC 1 section 2.3.3).
        const POINT: usize = 65;
        let signer = SigningKey::<P256>::generate().ok()?;
        let mut buffer = [0; 256];
        // The point stands at the end of the SubjectPublicKeyInfo (RFC 5480 section 2).
        let spki = signer.to_spki_der(&mut buffer).ok()?;
        let public = spki.get(spki.len().checked_sub(POINT)?..)?.to_vec();
        let pkcs8 = signer.to_pkcs8_der(&mut buffer).ok()?.to_vec();
        Some(Self { signer: Signer::P256(signer), public, pkcs8 })
    }

    fn ed25519() -> Option<Self> {
        let signer = Ed25519SigningKey::generate().ok()?;
        let public = signer.public_key().as_bytes().to_vec();
        let mut buffer = [0; 256];
        let pkcs8 = signer.to_pkcs8_der(&mut buffer).ok()?.to_vec();
        Some(Self { signer: Signer::Ed25519(signer), public, pkcs8 })
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        match self.signer {
            Signer::P256(_) => &PKCS_ECDSA_P256_SHA256,
            Signer::Ed25519(_) => &PKCS_ED25519,
        }
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; 128];
        match &self.signer {
            Signer::P256(key) => {
                let signature = key.sign_asn1::<Sha256>(&[message], &mut buffer);
                signature.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
            }
            Signer::Ed25519(key) => Ok(key.sign(message).to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_client_could_ask_for_is_refused_by_name() {
        for good in ["localhost", "a.test", "*.a.test", "192.0.2.7", "::1", "a_b.test", "xn--mnchen-3ya.test"] {
            assert!(Identity::self_signed([good]).is_ok(), "{good}");
        }
        for (wrong, says) in [
            ("", "a name is empty"),
            ("a b", "\"a b\" is neither"),
            ("münchen.test", "\"xn--\" form"),
            ("*", "\"*\" is neither"),
            ("*.192.0.2.7", "\"*.192.0.2.7\" is neither"),
            ("a..test", "\"a..test\" is neither"),
            ("a.test.", "\"a.test.\" is neither"),
            ("https://a.test", "is neither"),
            ("a.test:443", "is neither"),
        ] {
            let error = Identity::self_signed(["localhost", wrong]).expect_err(wrong).to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn identities_with_ed25519_keys_have_one_length() {
        let length = || Identity::self_signed_ed25519(["a.test"]).expect("a name").chain()[0].len();
        let first = length();
        // One serial number in 128 would be shorter if nothing was done about it.
        assert!((0..1_000).all(|_| length() == first));
    }
}
