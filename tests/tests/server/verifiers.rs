//! Keys without certificates, and verifiers of clients of another kind.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use lem_ssl_rs::{
    AlertDescription, Context, ContextBuilder, Error, FleetSecret, Identity, LiveContext, Roots, Server, ServerOptions,
    SpkiHash, Tickets, TlsError, Trust, Version, danger, spawn,
};
use lem_ssl_tests::pki::{KeyKind, Leaf};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::support::{
    both, certificates_of, check, client_builder, client_context, identity, issue, provider, root, says,
    server_builder, until,
};

async fn listen(builder: ContextBuilder) -> Server {
    builder.build().unwrap().listen("127.0.0.1:0").await.unwrap()
}

#[test]
fn raw_public_keys_are_recognised_on_both_sides() {
    check(async {
        let raw = |kind| Identity::raw_public_key(root().issue(Leaf::server(&["x"]).with_key(kind)).key_pem).unwrap();
        for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519, KeyKind::Rsa2048] {
            let (ours, theirs) = (raw(kind), raw(kind));
            let pin = SpkiHash::of(&ours.chain()[0]).unwrap();
            let server = server_builder().identity(ours.clone()).versions([Version::Tls13]);
            let server = listen(danger::client_verifier(server, Arc::new(RawClients(theirs.chain()[0].clone())))).await;
            let context = |pin, own: &Identity| {
                let trust = Trust::RawPublicKeys(vec![pin]);
                let builder = danger::provider(Context::builder(), provider()).trust(trust).versions([Version::Tls13]);
                builder.identity(own.clone()).build().unwrap()
            };
            let right = context(pin, &theirs);
            let (client, accepted) = both(right.connect_as(server.local_addr(), "any.test"), server.accept()).await;
            let (client, accepted) = (client.unwrap(), accepted.unwrap());
            client.write("hello").await.unwrap();
            assert_eq!(accepted.read(5).await.unwrap(), b"hello");
            assert_eq!(certificates_of(&client), ours.chain());
            assert_eq!(certificates_of(&accepted), theirs.chain());
            assert!(client.info().unwrap().peer().unwrap().is_err(), "it is no certificate");
            let wrong = context(SpkiHash::from_bytes([1; 32]), &theirs);
            let error = wrong.connect_as(server.local_addr(), "any.test").await.unwrap_err();
            says(Err::<(), _>(error), &["which is not pinned"]);
            // A server that wants a certificate is the wrong one.
            let error = client_context().connect_as(server.local_addr(), "any.test").await.unwrap_err();
            assert!(TlsError::of(&error).is_some(), "{error:?}");
        }
        let (ours, site) = (raw(KeyKind::EcdsaP256), identity(&issue(&["one.test"])));
        let built = server_builder().identity(ours.clone()).build();
        says(built, &["TLS 1.3 only"]);
        let built = server_builder().identity(ours).identity(site).versions([Version::Tls13]).build();
        says(built, &["either certificates or raw public keys"]);
    });
}

/// Knows one client by its raw key.
#[derive(Debug)]
struct RawClients(CertificateDer<'static>);

impl rustls::server::danger::ClientCertVerifier for RawClients {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, rustls::Error> {
        match *end_entity == self.0 {
            true => Ok(rustls::server::danger::ClientCertVerified::assertion()),
            false => Err(rustls::CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::UnsolicitedCertificateTypeExtension.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = rustls::pki_types::SubjectPublicKeyInfoDer::from(certificate.as_ref());
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[test]
fn a_verifier_of_another_kind_is_asked_again_when_a_client_resumes() {
    check(async {
        let issued = root().issue(Leaf::client(&["client.test"]));
        let verifier = Verifier::new(true);
        let builder = server_builder().identity(identity(&issue(&["one.test"])));
        let server = listen(danger::client_verifier(builder, verifier.clone())).await;
        let context = client_builder().identity(identity(&issued)).build().unwrap();
        for round in 1..=2 {
            let (client, accepted) = both(context.connect_as(server.local_addr(), "one.test"), server.accept()).await;
            let (client, accepted) = (client.unwrap(), accepted.unwrap());
            accepted.write("x").await.unwrap();
            client.read(1).await.unwrap();
            assert_eq!(accepted.info().unwrap().resumed, round == 2);
            assert_eq!(verifier.asked.load(Ordering::Relaxed), round);
        }
        let roots = Roots::Pem(root().certificate_pem().into_bytes());
        let both = danger::client_verifier(server_builder().client_roots(roots), Verifier::new(true));
        says(both.build(), &["clients cannot be checked in two ways"]);
    });
}

/// Connects as a client without a certificate, and hears what the server says; an error if it is refused. Says whether
/// the session was resumed.
async fn visits(server: &Rc<Server>, client: &Context) -> Result<bool, Error> {
    let accepting = server.clone();
    let accepted = spawn(async move {
        let stream = accepting.accept().await?;
        stream.write("x").await?;
        Ok::<_, Error>(stream)
    });
    let connected = client.connect_as(server.local_addr(), "one.test").await;
    let heard = match &connected {
        Ok(stream) => stream.read(1).await,
        Err(_) => Err(Error::Closed),
    };
    if let Err(error) = heard.and(connected.map(drop)) {
        assert!(server.is_busy(), "it was refused, and accepted all the same");
        accepted.cancel();
        return Err(error);
    }
    Ok(accepted.await??.info().unwrap().resumed)
}

fn without_a_certificate(version: Version) -> Context {
    client_builder().versions([version]).build().unwrap()
}

#[test]
fn a_client_that_resumes_without_a_certificate_is_refused_where_its_verifier_has_come_to_need_one() {
    check(async {
        let site = identity(&issue(&["one.test"]));
        let fleet = || Tickets::Fleet(FleetSecret::new([7; 32]).unwrap());
        for version in [Version::Tls12, Version::Tls13] {
            for tickets in [Tickets::PerProcess, fleet()] {
                let verifier = Verifier::new(false);
                let builder = server_builder().identity(site.clone()).versions([version]).tickets(tickets);
                let server = Rc::new(listen(danger::client_verifier(builder, verifier.clone())).await);
                let client = without_a_certificate(version);
                assert!(!visits(&server, &client).await.unwrap());
                assert!(visits(&server, &client).await.unwrap(), "{version}");
                verifier.is_mandatory.store(true, Ordering::Relaxed);
                let error = visits(&server, &client).await.unwrap_err();
                let Some(TlsError::Alert { alert, .. }) = TlsError::of(&error) else { panic!("{error:?}") };
                assert_eq!(*alert, AlertDescription::CertificateRequired);
                until(|| server.counters().failed.certificate == 1).await;
            }
        }
    });
}

#[test]
fn no_session_outlives_what_a_verifier_of_another_kind_asks_for() {
    check(async {
        let site = identity(&issue(&["one.test"]));
        for version in [Version::Tls12, Version::Tls13] {
            let make = |is_mandatory| {
                let builder = server_builder().identity(site.clone()).versions([version]);
                danger::client_verifier(builder, Verifier::new(is_mandatory)).build().unwrap()
            };
            let live = LiveContext::new(make(false));
            let listening = Server::listen(live.clone(), "127.0.0.1:0", ServerOptions::default()).await;
            let (server, client) = (Rc::new(listening.unwrap()), without_a_certificate(version));
            assert!(!visits(&server, &client).await.unwrap());
            live.replace(make(false)).unwrap();
            assert!(visits(&server, &client).await.unwrap(), "{version}: nothing has changed");
            live.replace(make(true)).unwrap();
            visits(&server, &client).await.unwrap_err();
            live.replace(make(false)).unwrap();
            assert!(!visits(&server, &client).await.unwrap(), "{version}: its session was begun before");
        }
    });
}

/// rustls' own verifier, which may come to need certificates, or to need none; counts how often it is asked.
#[derive(Debug)]
struct Verifier {
    is_mandatory: AtomicBool,
    asked: AtomicUsize,
    inner: Arc<dyn rustls::server::danger::ClientCertVerifier>,
}

impl Verifier {
    fn new(is_mandatory: bool) -> Arc<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root().certificate_der().clone()).unwrap();
        let builder = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        Arc::new(Self {
            is_mandatory: is_mandatory.into(),
            asked: AtomicUsize::new(0),
            inner: builder.build().unwrap(),
        })
    }
}

impl rustls::server::danger::ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory.load(Ordering::Relaxed)
    }

    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, rustls::Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
