//! Identities that a program chooses by what a client says of itself, and keys that lie elsewhere.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lem_ssl_rs::{
    AlertDescription, CipherSuite, ClientHello, ContextBuilder, Error, Identity, IdentityChoice, Roots, Server,
    TlsError, Version, danger,
};
use lem_ssl_tests::pki::draft::{Draft, DraftKey};
use lem_ssl_tests::pki::{KeyKind, Leaf};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

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
        for (plain, encrypted) in
            [("ws", "wss"), ("imap", "imaps"), ("ldap", "ldaps"), ("mqtt", "mqtts"), ("redis", "rediss")]
        {
            let error = context.connect(&format!("{plain}://one.test")).await;
            says(error, &[&format!("{plain}:// is plain text: write {encrypted}://")]);
            let address = format!("{encrypted}://127.0.0.1:1");
            let refused = context.connect(&address).await.unwrap_err();
            assert!(!matches!(refused, Error::Address(_)), "{address}: {refused:?}");
        }
        let server = server_builder().identity(identity(&issue(&["one.test"]))).build().unwrap();
        says(server.listen("http://127.0.0.1:0").await, &words);
        let refused = context.connect("https://127.0.0.1:1").await.unwrap_err();
        assert!(!matches!(refused, Error::Address(_)), "{refused:?}");
    });
}
