//! Which identity a client is shown.

use std::cell::RefCell;
use std::rc::Rc;

use lem_ssl_rs::{Context, Server, TlsError, UnknownName, Version};
use lem_ssl_tests::pki::{Issued, KeyKind, Leaf};
use rustls::SignatureScheme;
use rustls::version::{TLS12, TLS13};

use crate::support::{
    Recorder, both, certificates_of, check, client_builder, client_context, identity, issue, recorded_handshake, root,
    says, server_builder, until,
};

async fn server_of(identities: &[&Issued], unknown: UnknownName) -> Server {
    let with = |builder: lem_ssl_rs::ContextBuilder, issued: &&Issued| builder.identity(identity(issued));
    let builder = identities.iter().fold(server_builder().unknown_name(unknown), with);
    builder.build().unwrap().listen("127.0.0.1:0").await.unwrap()
}

/// A client that verifies is shown `issued` when it asks for `name`; the server knows what it asked for.
async fn is_shown(server: &Server, name: &str, issued: &Issued) {
    let context = client_context();
    let (client, accepted) = both(context.connect_as(server.local_addr(), name), server.accept()).await;
    assert_eq!(certificates_of(&client.unwrap()), issued.chain_der, "for {name}");
    let requested = accepted.unwrap().info().unwrap().requested_name;
    assert_eq!(requested, Some(name.to_ascii_lowercase()));
}

const EVERY_SCHEME: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// What a client that verifies nothing is shown when it asks for `name`.
async fn shown(server: &Server, name: &str) -> Result<Recorder, lem_ssl_rs::Error> {
    recorded_handshake(server, name, &TLS13, EVERY_SCHEME).await
}

#[test]
fn the_name_that_a_client_asks_for_chooses_the_identity() {
    check(async {
        let (one, two) = (issue(&["one.test"]), issue(&["two.test", "three.test"]));
        let server = server_of(&[&one, &two], UnknownName::First).await;
        is_shown(&server, "two.test", &two).await;
        is_shown(&server, "one.test", &one).await;
        is_shown(&server, "three.test", &two).await;
    });
}

#[test]
fn names_are_compared_without_regard_to_case() {
    check(async {
        let (one, two) = (issue(&["one.test"]), issue(&["Two.Test", "*.Wild.test"]));
        let server = server_of(&[&one, &two], UnknownName::Refuse).await;
        is_shown(&server, "TWO.test", &two).await;
        is_shown(&server, "two.test", &two).await;
        is_shown(&server, "A.wILD.TEST", &two).await;
        is_shown(&server, "ONE.TEST", &one).await;
    });
}

#[test]
fn a_wildcard_stands_for_one_label() {
    check(async {
        let wild = issue(&["*.wild.test"]);
        let server = server_of(&[&wild], UnknownName::Refuse).await;
        is_shown(&server, "a.wild.test", &wild).await;
        for name in ["a.b.wild.test", "wild.test", "wild.test.example", "xwild.test"] {
            shown(&server, name).await.unwrap_err();
        }
    });
}

#[test]
fn an_exact_name_goes_before_a_wildcard() {
    check(async {
        let (wild, exact) = (issue(&["*.wild.test"]), issue(&["exact.wild.test"]));
        for identities in [[&wild, &exact], [&exact, &wild]] {
            let server = server_of(&identities, UnknownName::First).await;
            is_shown(&server, "exact.wild.test", &exact).await;
            is_shown(&server, "other.wild.test", &wild).await;
        }
    });
}

#[test]
fn an_unknown_name_gets_the_first_identity_by_default() {
    check(async {
        let (one, two) = (issue(&["one.test"]), issue(&["two.test"]));
        let server = server_of(&[&one, &two], UnknownName::default()).await;
        assert_eq!(shown(&server, "unknown.test").await.unwrap().leaf, one.leaf_der().to_vec());
        // An address in the place of a name: such a client asks for none.
        assert_eq!(shown(&server, "127.0.0.1").await.unwrap().leaf, one.leaf_der().to_vec());
        for _ in 0..2 {
            server.accept().await.unwrap();
        }
    });
}

#[test]
fn an_unknown_name_is_refused_if_that_was_asked_for() {
    check(async {
        let (one, two) = (issue(&["one.test"]), issue(&["two.test"]));
        let server = server_of(&[&one, &two], UnknownName::Refuse).await;
        let error = client_context().connect_as(server.local_addr(), "unknown.test").await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { during_handshake: true, .. })), "{error:?}");
        shown(&server, "127.0.0.1").await.unwrap_err();
        until(|| server.counters().failed.total() == 2).await;
        assert_eq!(server.counters().handshakes_finished, 0);
        is_shown(&server, "two.test", &two).await;
    });
}

#[test]
fn a_client_that_asks_for_an_address_has_requested_no_name() {
    check(async {
        let server = server_of(&[&issue(&["127.0.0.1"])], UnknownName::First).await;
        let context = client_context();
        let (client, accepted) = both(context.connect(server.local_addr()), server.accept()).await;
        client.unwrap();
        assert_eq!(accepted.unwrap().info().unwrap().requested_name, None);
    });
}

#[test]
fn a_name_of_one_connection_is_not_told_of_the_next() {
    check(async {
        let issued = issue(&["one.test", "127.0.0.1"]);
        let server = server_of(&[&issued], UnknownName::First).await;
        is_shown(&server, "one.test", &issued).await;
        let context = client_context();
        let (client, accepted) = both(context.connect(server.local_addr()), server.accept()).await;
        client.unwrap();
        assert_eq!(accepted.unwrap().info().unwrap().requested_name, None);
    });
}

#[test]
fn of_two_keys_for_one_name_a_client_gets_the_one_that_it_can_verify() {
    check(async {
        let with = |kind| root().issue(Leaf::server(&["one.test"]).with_key(kind));
        let (ecdsa, rsa, ed25519) = (with(KeyKind::EcdsaP256), with(KeyKind::Rsa2048), with(KeyKind::Ed25519));
        let server = server_of(&[&ecdsa, &rsa, &ed25519], UnknownName::First).await;
        let cases = [
            (&TLS13, &[SignatureScheme::RSA_PSS_SHA256][..], &rsa),
            (&TLS12, &[SignatureScheme::RSA_PKCS1_SHA256], &rsa),
            (&TLS13, &[SignatureScheme::ECDSA_NISTP256_SHA256], &ecdsa),
            (&TLS12, &[SignatureScheme::ECDSA_NISTP256_SHA256], &ecdsa),
            (&TLS13, &[SignatureScheme::ED25519], &ed25519),
            // Who understands all gets the first.
            (&TLS13, EVERY_SCHEME, &ecdsa),
            (&TLS12, EVERY_SCHEME, &ecdsa),
        ];
        for name in ["one.test", "unknown.test"] {
            for (version, schemes, issued) in cases {
                let seen = recorded_handshake(&server, name, version, schemes).await.unwrap();
                assert_eq!(seen.leaf, issued.leaf_der().to_vec(), "{name} {version:?} {schemes:?}");
            }
        }
    });
}

#[test]
fn a_key_that_tls_1_2_has_no_suite_for_is_shown_in_tls_1_3_only() {
    check(async {
        let ed25519 = root().issue(Leaf::server(&["localhost"]).with_key(KeyKind::Ed25519));
        let server = server_of(&[&ed25519], UnknownName::First).await;
        is_shown(&server, "localhost", &ed25519).await;
        let told: Rc<RefCell<Vec<String>>> = Rc::default();
        let tell = told.clone();
        server.on_event(move |event| tell.borrow_mut().push(event.to_string()));
        let old = client_builder().versions([Version::Tls12]).build().unwrap();
        says(old.connect_as(server.local_addr(), "localhost").await, &["no protocol version, suite or signature"]);
        until(|| server.counters().failed.incompatible == 1).await;
        assert!(told.borrow()[0].ends_with("or none that goes with the kind of the server's key"), "{told:?}");
    });
}

#[test]
fn a_server_of_tls_1_2_alone_says_that_it_cannot_use_such_a_key() {
    check(async {
        let ed25519 = root().issue(Leaf::server(&["localhost"]).with_key(KeyKind::Ed25519));
        let context = server_builder().identity(identity(&ed25519)).versions([Version::Tls12]).build().unwrap();
        says(context.listen("127.0.0.1:0").await, &["private key", "TLS 1.2", "enable TLS 1.3"]);
    });
}

#[test]
fn a_client_that_can_verify_none_of_the_keys_is_incompatible() {
    check(async {
        let server = server_of(&[&issue(&["one.test"])], UnknownName::First).await;
        recorded_handshake(&server, "one.test", &TLS13, &[SignatureScheme::ED25519]).await.unwrap_err();
        until(|| server.counters().failed.total() == 1).await;
        assert_eq!(server.counters().failed.incompatible, 1);
    });
}

#[test]
fn an_ocsp_response_is_stapled_to_the_identity_that_it_belongs_to() {
    check(async {
        let (one, two) = (issue(&["one.test"]), issue(&["two.test"]));
        let stapled = identity(&one).with_ocsp_response(b"what the issuer says".to_vec());
        let context: Context = server_builder().identity(stapled).identity(identity(&two)).build().unwrap();
        let server = context.listen("127.0.0.1:0").await.unwrap();
        for version in [&TLS12, &TLS13] {
            let seen = recorded_handshake(&server, "one.test", version, EVERY_SCHEME).await.unwrap();
            assert_eq!((seen.leaf, seen.ocsp), (one.leaf_der().to_vec(), b"what the issuer says".to_vec()));
            let seen = recorded_handshake(&server, "two.test", version, EVERY_SCHEME).await.unwrap();
            assert_eq!((seen.leaf, seen.ocsp), (two.leaf_der().to_vec(), Vec::new()));
        }
    });
}

#[test]
fn an_identity_whose_key_is_anothers_is_refused_when_the_context_is_built() {
    let (one, two) = (issue(&["one.test"]), issue(&["two.test"]));
    let mixed = lem_ssl_rs::Identity::from_der(two.chain_der, one.private_key());
    let built = server_builder().identity(identity(&one)).identity(mixed).build();
    says(built, &["does not belong to the first certificate"]);
}

#[test]
fn a_verifying_client_is_content_with_every_identity_of_a_server() {
    check(async {
        let names = ["one.test", "*.two.test", "three.test"];
        let issued = names.map(|name| issue(&[name]));
        let server = server_of(&[&issued[0], &issued[1], &issued[2]], UnknownName::Refuse).await;
        for versions in [[Version::Tls12], [Version::Tls13]] {
            let context = client_builder().versions(versions).build().unwrap();
            for name in ["one.test", "x.two.test", "three.test"] {
                let (client, _) = both(context.connect_as(server.local_addr(), name), server.accept()).await;
                client.unwrap();
            }
        }
    });
}

#[test]
fn a_refusal_for_an_unknown_name_is_told_as_ours() {
    check(async {
        let server = server_of(&[&issue(&["one.test"])], UnknownName::Refuse).await;
        let told = Rc::new(RefCell::new(Vec::new()));
        let log = told.clone();
        server.on_event(move |event| log.borrow_mut().push(event.to_string()));
        client_context().connect_as(server.local_addr(), "other.test").await.unwrap_err();
        until(|| !told.borrow().is_empty()).await;
        assert!(told.borrow()[0].ends_with("the client asks for a name that no identity of this server is for"));
        assert_eq!((server.counters().failed.incompatible, server.counters().failed.protocol), (1, 0));
    });
}
