//! Answers to the challenges of an authority: TLS-ALPN-01 of ACME (RFC 8737).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use lem_ssl_rs::{
    AlertDescription, Context, ContextBuilder, Identity, IdentityChoice, Roots, Server, ServerEvent, TlsError,
    UnknownName, Version, danger, spawn,
};
use lem_ssl_tests::pki::draft::{DNS_NAME, Draft, DraftKey};
use lem_ssl_tests::proxy::{Fault, Faults, Proxy};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::support::{
    both, certificates_of, check, client_builder, client_context, identity, issue, provider, root, server_builder,
    until,
};

async fn listen(builder: ContextBuilder) -> Server {
    builder.build().unwrap().listen("127.0.0.1:0").await.unwrap()
}

/// `id-pe-acmeIdentifier`.
const ACME_IDENTIFIER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 31];

pub(crate) fn challenge(name: &str) -> (CertificateDer<'static>, Identity) {
    let key = DraftKey::new();
    let answer = [&[4, 32][..], &[9; 32]].concat();
    let draft =
        Draft::new(name, name, &key).with_names(&[(DNS_NAME, name.as_bytes())]).with(ACME_IDENTIFIER, true, &answer);
    let certificate = draft.sign(&key);
    (certificate.clone(), Identity::from_der(vec![certificate], key.private()))
}

/// An authority that validates: it looks at the certificate itself.
pub(crate) fn validating(protocols: &[&str]) -> ContextBuilder {
    let builder = danger::provider(Context::builder(), provider()).roots(Roots::None).alpn(protocols.iter().copied());
    danger::server_verifier(builder, Arc::new(Authority))
}

#[derive(Debug)]
struct Authority;

impl ServerCertVerifier for Authority {
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

/// A context for `www.test`, and one for its authority's challenge, in every way that there is.
fn answering() -> (Vec<CertificateDer<'static>>, CertificateDer<'static>, Vec<ContextBuilder>) {
    let site = issue(&["www.test"]);
    let (answer, challenge) = challenge("www.test");
    let ours = identity(&site);
    let base = server_builder().unknown_name(UnknownName::First);
    let by_list = |first: &Identity, second: &Identity| base.clone().identity(first.clone()).identity(second.clone());
    let dynamic = challenge.clone();
    let by_function = base.clone().identity(ours.clone()).identity_resolver(move |hello| {
        let validates = hello.alpn().any(|protocol| protocol == b"acme-tls/1");
        IdentityChoice::from(validates.then(|| dynamic.clone()))
    });
    (site.chain_der, answer, vec![by_list(&challenge, &ours), by_list(&ours, &challenge), by_function])
}

/// What an authority is shown at this server, at the end of its handshake.
async fn shown(server: &Server, version: Version) -> CertificateDer<'static> {
    let context = validating(&["acme-tls/1"]).versions([version]).build().unwrap();
    let stream = context.connect_as(server.local_addr(), "www.test").await.unwrap();
    assert_eq!(stream.info().unwrap().alpn.as_deref(), Some(&b"acme-tls/1"[..]));
    certificates_of(&stream).remove(0)
}

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

#[test]
fn an_answer_is_shown_to_the_authority_and_to_nobody_else_whatever_the_servers_protocols_are() {
    check(async {
        let (site, answer, builders) = answering();
        for builder in builders {
            for protocols in [&[][..], &["h2"], &["h2", "acme-tls/1"]] {
                let server = listen(builder.clone().alpn(protocols.iter().copied())).await;
                for version in VERSIONS {
                    assert_eq!(shown(&server, version).await, answer, "{protocols:?} {version:?}");
                }
                // Protocols that the server has no list of are nothing that it refuses a client for.
                let visitor = client_builder().alpn(["h2"]).build().unwrap();
                let (client, accepted) =
                    both(visitor.connect_as(server.local_addr(), "www.test"), server.accept()).await;
                assert_eq!(certificates_of(&client.unwrap()), site);
                accepted.unwrap();
            }
        }
    });
}

#[test]
fn without_an_answer_for_the_name_an_authority_is_refused() {
    check(async {
        let (_, challenge) = challenge("www.test");
        let site = identity(&issue(&["www.test", "other.test"]));
        let server = listen(server_builder().identity(challenge.clone()).identity(site.clone())).await;
        let refused = async |server: &Server| {
            let context = validating(&["acme-tls/1"]).build().unwrap();
            let error = context.connect_as(server.local_addr(), "other.test").await.unwrap_err();
            let Some(TlsError::Alert { alert, .. }) = TlsError::of(&error) else { panic!("{error:?}") };
            assert_eq!(*alert, AlertDescription::UnrecognizedName);
        };
        refused(&server).await;
        // A function that knows nothing of authorities lets nobody in who says that it is one.
        let server = listen(server_builder().identity_resolver(move |_| site.clone().into())).await;
        refused(&server).await;
        // Without another identity there is nothing for visitors.
        let server = listen(server_builder().identity(challenge)).await;
        client_context().connect_as(server.local_addr(), "www.test").await.unwrap_err();
    });
}

#[test]
fn an_authority_becomes_no_client_even_where_clients_need_a_certificate() {
    check(async {
        let (_, answer, builders) = answering();
        for builder in builders {
            let roots = Roots::Pem(root().certificate_pem().into_bytes());
            let server = Rc::new(listen(builder.client_roots(roots).alpn(["h2"])).await);
            let told = Rc::new(RefCell::new(Vec::new()));
            let log = told.clone();
            server.on_event(move |event| {
                let ServerEvent::Validated { name, .. } = event else { panic!("{event}") };
                log.borrow_mut().push((*name).to_owned());
            });
            let accepting = server.clone();
            let accepted = spawn(async move { accepting.accept().await });
            for version in VERSIONS {
                assert_eq!(shown(&server, version).await, answer);
            }
            until(|| server.counters().validations == 2).await;
            assert_eq!(*told.borrow(), ["www.test", "www.test"]);
            let counters = server.counters();
            assert_eq!((counters.handshakes_finished, counters.failed.total(), counters.open), (0, 0, 0));
            server.close().unwrap();
            accepted.await.unwrap().unwrap_err();
        }
    });
}

#[test]
fn an_authority_is_answered_however_its_hello_is_cut_up() {
    check(async {
        let (_, answer, builders) = answering();
        for builder in builders {
            let server = listen(builder).await;
            for size in [1, 5, 100] {
                let target = server.local_addr().ip().unwrap();
                let faults = Faults { to_server: Fault::Split(size), ..Faults::NONE };
                let proxy = Proxy::start(target, move |_| faults).unwrap();
                let context = validating(&["acme-tls/1"]).build().unwrap();
                let stream = context.connect_as(proxy.address(), "www.test").await.unwrap();
                assert_eq!(certificates_of(&stream), std::slice::from_ref(&answer));
            }
        }
    });
}
