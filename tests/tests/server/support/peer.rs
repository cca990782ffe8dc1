//! A client that is rustls itself, with its own ideas of signatures; it trusts anybody, and remembers what it saw.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use lem_ssl_rs::{Error, Server, unblock};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};

use super::certificates::provider;

/// What a server has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recorder {
    pub(crate) leaf: Vec<u8>,
    pub(crate) ocsp: Vec<u8>,
}

/// Shakes hands as a client that asks for `name` and understands these signatures only; says what it was shown. The
/// signature is verified.
pub(crate) async fn recorded_handshake(
    server: &Server,
    name: &str,
    version: &'static SupportedProtocolVersion,
    schemes: &[SignatureScheme],
) -> Result<Recorder, Error> {
    let address = server.local_addr().ip().unwrap();
    let (name, schemes) = (name.to_owned(), schemes.to_vec());
    unblock(move || shake_hands(address, name, version, schemes)).await.unwrap()
}

fn shake_hands(
    address: SocketAddr,
    name: String,
    version: &'static SupportedProtocolVersion,
    schemes: Vec<SignatureScheme>,
) -> Result<Recorder, Error> {
    let verifier = Arc::new(Verifier { schemes, seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).map_err(|error| Error::io("shake hands", error))?;
    }
    let seen = verifier.seen.lock().unwrap().clone();
    Ok(seen)
}

#[derive(Debug)]
struct Verifier {
    schemes: Vec<SignatureScheme>,
    seen: Mutex<Recorder>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.seen.lock().unwrap() = Recorder { leaf: end_entity.to_vec(), ocsp: ocsp_response.to_vec() };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
