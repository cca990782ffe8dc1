//! Keys on P-256: the account's, which signs requests (ES256, RFC 7518 section 3.4), and those of certificates.

use graviola::hashing::{Hash, Sha256, hmac::Hmac};
use graviola::signing::ecdsa::{P256, SigningKey};
use lem_ssl_rs::pki_types::PrivatePkcs8KeyDer;
use lem_ssl_rs::pki_types::pem::PemObject;
use rcgen::{CertificateParams, DistinguishedName, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use serde_json::{Value, json};

use super::names::Names;
use crate::base64;

/// A private key.
pub(super) struct Key {
    signer: SigningKey<P256>,
    /// The uncompressed point (SEC 1 section 2.3.3).
    point: Vec<u8>,
    pkcs8: Vec<u8>,
}

const POINT: usize = 65;

/// What the account of a commercial authority is bound to (RFC 8555 section 7.3.4).
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) id: String,
    pub(super) secret: Vec<u8>,
}

impl Key {
    /// A new one.
    pub(super) fn generate() -> Result<Self, String> {
        let signer = SigningKey::<P256>::generate().map_err(|_| "the system gives no random numbers")?;
        Self::of(signer)
    }

    /// As [`pem`](Self::pem) has written it.
    pub(super) fn from_pem(text: &str) -> Result<Self, String> {
        let unreadable = "it is not a private key on P-256, as this command writes it";
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| unreadable)?;
        Self::of(SigningKey::<P256>::from_pkcs8_der(der.secret_pkcs8_der()).map_err(|_| unreadable)?)
    }

    fn of(signer: SigningKey<P256>) -> Result<Self, String> {
        let mut buffer = [0; 256];
        let spki = signer.to_spki_der(&mut buffer).map_err(|_| "the key cannot be written")?;
        // The point stands at the end of the SubjectPublicKeyInfo (RFC 5480 section 2).
        let point = spki[spki.len().saturating_sub(POINT)..].to_vec();
        let pkcs8 = signer.to_pkcs8_der(&mut buffer).map_err(|_| "the key cannot be written")?.to_vec();
        Ok(Self { signer, point, pkcs8 })
    }

    pub(super) fn pem(&self) -> String {
        base64::pem("PRIVATE KEY", &self.pkcs8)
    }

    /// The public key (RFC 7518 section 6.2.1).
    fn jwk(&self) -> Value {
        let (x, y) = self.point[1..].split_at(POINT / 2);
        json!({ "crv": "P-256", "kty": "EC", "x": base64::url(x), "y": base64::url(y) })
    }

    /// Of the public key (RFC 7638). The members are in the order of their names, without spaces.
    pub(super) fn thumbprint(&self) -> String {
        base64::url(Sha256::hash(self.jwk().to_string().as_bytes()).as_ref())
    }

    /// A request to `url` (RFC 8555 section 6.2). Who asks is said by the account's URL, or else by the key.
    pub(super) fn sign(&self, url: &str, nonce: &str, account: Option<&str>, payload: Option<&Value>) -> String {
        let mut protected = json!({ "alg": "ES256", "nonce": nonce, "url": url });
        match account {
            Some(account) => protected["kid"] = account.into(),
            None => protected["jwk"] = self.jwk(),
        }
        let (protected, payload) = (base64::url(protected.to_string()), encoded(payload));
        let mut signature = [0; 64];
        let signed = self.signer.sign::<Sha256>(&[signing_input(&protected, &payload).as_bytes()], &mut signature);
        // It fails for want of random numbers only; the server will say that nothing is signed.
        let signature = signed.map(base64::url).unwrap_or_default();
        json!({ "protected": protected, "payload": payload, "signature": signature }).to_string()
    }

    /// What a request for an account at `url` says of the binding.
    pub(super) fn bound(&self, url: &str, binding: &Binding) -> Value {
        let protected = base64::url(json!({ "alg": "HS256", "kid": binding.id, "url": url }).to_string());
        let payload = encoded(Some(&self.jwk()));
        let mut hmac = Hmac::<Sha256>::new(&binding.secret);
        hmac.update(signing_input(&protected, &payload));
        let signature = base64::url(hmac.finish().as_ref());
        json!({ "protected": protected, "payload": payload, "signature": signature })
    }

    /// A request for a certificate (RFC 2986) for these names, in DER.
    pub(super) fn request(&self, names: &Names) -> Result<Vec<u8>, String> {
        let failed = |error: rcgen::Error| format!("the request for a certificate cannot be made: {error}");
        let mut params = CertificateParams::new(names.as_slice()).map_err(failed)?;
        // The names stand where they belong; a common name would be one of them again, and has at most 64 characters.
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(self).map_err(failed)?.der().to_vec())
    }
}

fn encoded(payload: Option<&Value>) -> String {
    payload.map_or_else(String::new, |payload| base64::url(payload.to_string()))
}

fn signing_input(protected: &str, payload: &str) -> String {
    format!("{protected}.{payload}")
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut buffer = [0; 128];
        let signed = self.signer.sign_asn1::<Sha256>(&[message], &mut buffer);
        signed.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// Never the key.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// Never the secret.
impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binding").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use graviola::signing::ecdsa::VerifyingKey;

    #[test]
    fn a_key_is_read_back_and_signs_what_its_public_half_verifies() {
        let key = Key::from_pem(&Key::generate().unwrap().pem()).unwrap();
        let text = key.sign("https://a.test/x", "n", Some("https://a.test/1"), Some(&json!({ "a": 1 })));
        let request: Value = serde_json::from_str(&text).unwrap();
        let part = |name: &str| request[name].as_str().unwrap();
        let protected: Value = serde_json::from_slice(&base64::decode(part("protected")).unwrap()).unwrap();
        assert_eq!(
            protected,
            json!({"alg": "ES256", "kid": "https://a.test/1", "nonce": "n", "url": "https://a.test/x"})
        );
        let public = VerifyingKey::<P256>::from_x962_uncompressed(&key.point).unwrap();
        let signed = signing_input(part("protected"), part("payload"));
        public.verify::<Sha256>(&[signed.as_bytes()], &base64::decode(part("signature")).unwrap()).unwrap();
        assert!(Key::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").is_err());
    }

    #[test]
    fn members_of_a_public_key_are_in_the_order_of_rfc_7638() {
        let text = Key::generate().unwrap().jwk().to_string();
        assert!(text.starts_with(r#"{"crv":"P-256","kty":"EC","x":""#), "{text}");
    }
}
