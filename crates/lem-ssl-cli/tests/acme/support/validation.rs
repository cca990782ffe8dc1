//! How an authority validates a name (TLS-ALPN-01, RFC 8737 section 3).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use graviola::hashing::{Hash, Sha256};
use lem_ssl_rs::danger::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use lem_ssl_rs::danger::rustls::{self, DigitallySignedStruct, SignatureScheme};
use lem_ssl_rs::pki_types::{CertificateDer, ServerName, UnixTime};
use lem_ssl_rs::{Certificate, Context, Roots, danger, timeout};

/// Connects, and looks at what is shown. The error is what an authority tells.
pub(super) async fn validate(target: SocketAddr, name: &str, authorization: &str) -> Result<(), String> {
    let builder = Context::builder().roots(Roots::None).alpn(["acme-tls/1"]);
    let context = danger::server_verifier(builder, Arc::new(Anything)).build().unwrap();
    let connected = timeout(Duration::from_secs(10), context.connect_as(target, name)).await;
    let stream = connected.map_err(|_| "no answer".to_owned())?.map_err(|error| error.to_string())?;
    let info = stream.info().unwrap();
    if info.alpn.as_deref() != Some(b"acme-tls/1") {
        return Err("another protocol".to_owned());
    }
    let shown = info.peer_certificates;
    let names = Certificate::read(&shown[0]).unwrap().names().to_vec();
    // id-pe-acmeIdentifier, critical, and inside of it an octet string with the hash.
    let extension = [&[6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32][..], &hash(authorization)].concat();
    let has_answer = shown[0].windows(extension.len()).any(|window| window == extension);
    if shown.len() == 1 && names == [name] && has_answer {
        Ok(())
    } else {
        Err(format!("another answer, for {names:?}"))
    }
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::hash(text.as_bytes()).as_ref().to_vec()
}

#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
