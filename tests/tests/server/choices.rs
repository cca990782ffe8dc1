//! Identities that a program chooses by what a client says of itself, and keys that lie elsewhere.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lem_ssl_rs::{
    AlertDescription, CipherSuite, ClientHello, Context, ContextBuilder, Error, Identity, IdentityChoice, Roots,
    Server, TlsError, UnknownName, Version, danger,
};
use lem_ssl_tests::pki::draft::{DNS_NAME, Draft, DraftKey};
use lem_ssl_tests::pki::{KeyKind, Leaf};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{Signer, SigningKey};
use rustls::{DigitallySignedStruct, SignatureAlgorithm, SignatureScheme};

use crate::support::{
    both, certificates_of, check, client_builder, client_context, identity, issue, provider, root, says,
    server_builder, until,
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

async fn listen(builder: ContextBuilder) -> Server {
    builder.build().unwrap().listen("127.0.0.1:0").await.unwrap()
}

/// Name, protocols, whether a suite and a signature scheme are among what the client offers.
type Seen = (Option<String>, Vec<Vec<u8>>, bool, bool);

#[test]
fn a_function_sees_what_a_client_says_of_itself_and_chooses() {
    check(async {
        let (fixed, chosen) = (issue(&["one.test"]), issue(&["one.test", "two.test"]));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, theirs) = (seen.clone(), identity(&chosen));
        let resolve = move |hello: &ClientHello<'_>| {
            let protocols = hello.alpn().map(<[u8]>::to_vec).collect();
            let suites = hello.cipher_suites().any(|it| it == CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
            let p256 = hello.signature_schemes().any(|it| it == lem_ssl_rs::SignatureScheme::EcdsaSecp256r1Sha256);
            log.lock().unwrap().push((hello.server_name().map(str::to_owned), protocols, suites, p256));
            if hello.server_name() == Some("two.test") { theirs.clone().into() } else { IdentityChoice::ByName }
        };
        let server = listen(server_builder().identity(identity(&fixed)).alpn(["h2"]).identity_resolver(resolve)).await;
        for version in VERSIONS {
            let context = client_builder().versions([version]).alpn(["h2", "x"]).build().unwrap();
            for (name, expected) in [("one.test", &fixed), ("two.test", &chosen)] {
                let (client, accepted) = both(context.connect_as(server.local_addr(), name), server.accept()).await;
                assert_eq!(certificates_of(&client.unwrap()), expected.chain_der);
                assert_eq!(accepted.unwrap().info().unwrap().requested_name.as_deref(), Some(name));
                let (asked, protocols, suites, p256) = seen.lock().unwrap().pop().unwrap();
                assert_eq!(asked.as_deref(), Some(name));
                assert_eq!(protocols, [b"h2".to_vec(), b"x".to_vec()]);
                assert!(suites && p256);
            }
        }
    });
}

#[test]
fn a_function_can_refuse_and_needs_no_other_identity() {
    check(async {
        let issued = issue(&["one.test"]);
        let ours = identity(&issued);
        let server = listen(server_builder().identity_resolver(move |hello| match hello.server_name() {
            Some("one.test") => ours.clone().into(),
            Some("by-name.test") => IdentityChoice::ByName,
            _ => IdentityChoice::Refuse,
        }))
        .await;
        let context = client_context();
        let (client, accepted) = both(context.connect_as(server.local_addr(), "one.test"), server.accept()).await;
        client.unwrap();
        accepted.unwrap();
        for (index, name) in ["other.test", "by-name.test"].into_iter().enumerate() {
            let error = context.connect_as(server.local_addr(), name).await.unwrap_err();
            let Some(TlsError::Alert { alert, .. }) = TlsError::of(&error) else { panic!("{error:?}") };
            assert_eq!(*alert, AlertDescription::UnrecognizedName);
            until(|| server.counters().failed.incompatible == index as u64 + 1).await;
        }
    });
}

#[test]
fn an_identity_that_a_function_chose_and_cannot_be_used_is_told_as_ours() {
    check(async {
        let (one, two) = (issue(&["one.test"]), issue(&["two.test"]));
        let mixed = Identity::from_der(two.chain_der, one.private_key());
        let server = listen(server_builder().identity_resolver(move |_| mixed.clone().into())).await;
        let told: Rc<RefCell<Vec<String>>> = Rc::default();
        let tell = told.clone();
        server.on_event(move |event| tell.borrow_mut().push(event.to_string()));
        client_context().connect_as(server.local_addr(), "two.test").await.unwrap_err();
        until(|| !told.borrow().is_empty()).await;
        assert!(told.borrow()[0].contains("does not belong to the first certificate"), "{told:?}");
    });
}

/// `id-pe-acmeIdentifier`.
const ACME_IDENTIFIER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 31];

fn challenge(name: &str) -> (CertificateDer<'static>, Identity) {
    let key = DraftKey::new();
    let answer = [&[4, 32][..], &[9; 32]].concat();
    let draft =
        Draft::new(name, name, &key).with_names(&[(DNS_NAME, name.as_bytes())]).with(ACME_IDENTIFIER, true, &answer);
    let certificate = draft.sign(&key);
    (certificate.clone(), Identity::from_der(vec![certificate], key.private()))
}

/// An authority that validates: it looks at the certificate itself.
fn validating(protocols: &[&str]) -> Context {
    let builder = client_builder_of(Roots::None).alpn(protocols.iter().copied());
    danger::server_verifier(builder, Arc::new(Authority)).build().unwrap()
}

fn client_builder_of(roots: Roots) -> ContextBuilder {
    danger::provider(Context::builder(), provider()).roots(roots)
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

#[test]
fn the_answer_to_a_challenge_is_shown_to_the_authority_that_validates_and_to_nobody_else() {
    check(async {
        let site = issue(&["www.test"]);
        let (answer, challenge) = challenge("www.test");
        let context = server_builder().alpn(["h2", "acme-tls/1"]).unknown_name(UnknownName::First);
        // In any order, and by a function too.
        let by_list =
            |first: &Identity, second: &Identity| context.clone().identity(first.clone()).identity(second.clone());
        let ours = identity(&site);
        let dynamic = challenge.clone();
        let by_function = context.clone().identity(ours.clone()).identity_resolver(move |hello| {
            let validates = hello.alpn().any(|protocol| protocol == b"acme-tls/1");
            IdentityChoice::from(validates.then(|| dynamic.clone()))
        });
        for builder in [by_list(&challenge, &ours), by_list(&ours, &challenge), by_function] {
            let server = listen(builder).await;
            let (client, accepted) =
                both(validating(&["acme-tls/1"]).connect_as(server.local_addr(), "www.test"), server.accept()).await;
            let client = client.unwrap();
            assert_eq!(certificates_of(&client), std::slice::from_ref(&answer));
            assert_eq!(client.info().unwrap().alpn.as_deref(), Some(&b"acme-tls/1"[..]));
            accepted.unwrap();
            let visitor = client_builder().alpn(["h2"]).build().unwrap();
            let (client, accepted) = both(visitor.connect_as(server.local_addr(), "www.test"), server.accept()).await;
            assert_eq!(certificates_of(&client.unwrap()), site.chain_der);
            accepted.unwrap();
        }
        let server = listen(by_list(&challenge, &ours)).await;
        validating(&["acme-tls/1"]).connect_as(server.local_addr(), "other.test").await.unwrap_err();
        // Without another identity there is nothing for visitors.
        let server = listen(context.clone().identity(challenge)).await;
        client_context().connect_as(server.local_addr(), "www.test").await.unwrap_err();
    });
}

#[test]
fn other_critical_extensions_are_refused_when_the_context_is_built() {
    let key = DraftKey::new();
    let draft = Draft::leaf(&["www.test"], "leaf", &key).with(&[0x2b, 6, 1, 5, 5, 7, 1, 32], true, &[5, 0]);
    let identity = Identity::from_der(vec![draft.sign(&key)], key.private());
    says(server_builder().identity(identity).build(), &["cannot be used", "marked as critical"]);
}

/// A key that lies elsewhere, and counts what it signs.
#[derive(Debug, Clone)]
struct Module {
    key: Arc<dyn SigningKey>,
    signed: Arc<AtomicUsize>,
    tells: bool,
}

impl SigningKey for Module {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = self.key.choose_scheme(offered)?;
        Some(Box::new(Counting { signer, signed: self.signed.clone() }))
    }

    fn public_key(&self) -> Option<rustls::pki_types::SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key().filter(|_| self.tells)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct Counting {
    signer: Box<dyn Signer>,
    signed: Arc<AtomicUsize>,
}

impl Signer for Counting {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        self.signer.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.signer.scheme()
    }
}

#[test]
fn a_key_that_lies_elsewhere_signs_for_servers_and_for_clients() {
    check(async {
        let signed = Arc::new(AtomicUsize::new(0));
        for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
            for tells in [true, false] {
                let module = |issued: &lem_ssl_tests::pki::Issued| {
                    let key = provider().key_provider.load_private_key(issued.private_key()).unwrap();
                    let module = Arc::new(Module { key, signed: signed.clone(), tells });
                    danger::identity_with_signer(issued.chain_der.clone(), module)
                };
                let ours = root().issue(Leaf::server(&["one.test"]).with_key(kind));
                let theirs = root().issue(Leaf::client(&["client.test"]).with_key(kind));
                let roots = Roots::Pem(root().certificate_pem().into_bytes());
                let server = listen(server_builder().identity(module(&ours)).client_roots(roots)).await;
                for version in VERSIONS {
                    signed.store(0, Ordering::Relaxed);
                    let context = client_builder().identity(module(&theirs)).versions([version]).build().unwrap();
                    let (client, accepted) =
                        both(context.connect_as(server.local_addr(), "one.test"), server.accept()).await;
                    assert_eq!(certificates_of(&client.unwrap()), ours.chain_der);
                    assert_eq!(certificates_of(&accepted.unwrap()), theirs.chain_der);
                    assert_eq!(signed.load(Ordering::Relaxed), 2, "{version:?}");
                }
            }
        }
        let wrong = issue(&["one.test"]);
        let key = provider().key_provider.load_private_key(issue(&["two.test"]).private_key()).unwrap();
        let wrong = danger::identity_with_signer(wrong.chain_der, Arc::new(Module { key, signed, tells: true }));
        says(server_builder().identity(wrong).build(), &["does not belong to the first certificate"]);
    });
}

#[test]
fn a_url_of_plain_text_is_refused_with_a_word() {
    check(async {
        let words = ["http:// is plain text: write https://, or use TcpStream"];
        let context = client_context();
        says(context.connect("http://one.test/").await, &words);
        says(context.connect(("http://one.test", 443)).await, &words);
        says(
            context.connect_as(String::from("HTTP://127.0.0.1:1"), "one.test").await,
            &["HTTP:// is plain text: write https://"],
        );
        for (plain, encrypted) in [("ws", "wss"), ("imap", "imaps"), ("ldap", "ldaps"), ("mqtt", "mqtts")] {
            let error = context.connect(&format!("{plain}://one.test")).await;
            says(error, &[&format!("{plain}:// is plain text: write {encrypted}://")]);
        }
        let server = server_builder().identity(identity(&issue(&["one.test"]))).build().unwrap();
        says(server.listen("http://127.0.0.1:0").await, &words);
        let refused = context.connect("https://127.0.0.1:1").await.unwrap_err();
        assert!(!matches!(refused, Error::Address(_)), "{refused:?}");
    });
}
