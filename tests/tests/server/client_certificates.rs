//! Servers that ask their clients who they are.

use std::rc::Rc;

use lem_ssl_rs::{
    AlertDescription, CertificateFault, ClientAuth, Context, ContextBuilder, Error, Roots, Server, ServerOptions,
    Stream, TlsError, Version,
};
use lem_ssl_tests::pki::{Authority, Issued, Leaf, self_signed};

use crate::support::{
    at_once, both, certificates_of, check, client_builder, identity, issue, root, says, server_builder, until,
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn asking() -> ContextBuilder {
    let roots = Roots::Pem(root().certificate_pem().into_bytes());
    server_builder().identity(identity(&issue(&["localhost"]))).client_roots(roots)
}

async fn listen(builder: ContextBuilder) -> Rc<Server> {
    Rc::new(builder.build().unwrap().listen_with("127.0.0.1:0", ServerOptions::default()).await.unwrap())
}

fn client(version: Version, issued: Option<&Issued>) -> Context {
    let builder = client_builder().versions([version]);
    issued.map(identity).into_iter().fold(builder, ContextBuilder::identity).build().unwrap()
}

async fn is_welcome(server: &Server, client: &Context) -> Stream {
    let (connected, accepted) = both(client.connect_as(server.local_addr(), "localhost"), server.accept()).await;
    let (connected, accepted) = (connected.unwrap(), accepted.unwrap());
    connected.write("hello").await.unwrap();
    assert_eq!(accepted.read(5).await.unwrap(), b"hello");
    accepted
}

/// The client is refused: at once (TLS 1.2), or by the alert that its first read finds (TLS 1.3). Nobody accepts it,
/// and it is counted as refused for its certificate. Returns what the server says of it.
async fn is_refused(server: &Server, client: &Context) -> String {
    let before = server.counters();
    let told = Rc::new(std::cell::RefCell::new(String::new()));
    let tell = told.clone();
    server.on_event(move |event| *tell.borrow_mut() = event.to_string());
    let refused = match client.connect_as(server.local_addr(), "localhost").await {
        Ok(stream) => stream.read(1).await.map(drop),
        Err(error) => Err(error),
    };
    let error = refused.unwrap_err();
    assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { .. })), "{error:?}");
    until(|| server.counters().failed.certificate == before.failed.certificate + 1).await;
    let after = server.counters();
    assert_eq!(after.failed.total(), before.failed.total() + 1);
    assert_eq!(after.handshakes_finished, before.handshakes_finished);
    assert!(at_once(server.accept()).await.is_none());
    told.take()
}

#[test]
fn clients_are_not_asked_unless_that_was_configured() {
    check(async {
        let issued = root().issue(Leaf::client(&["client.test"]));
        let server = listen(server_builder().identity(identity(&issue(&["localhost"])))).await;
        for version in VERSIONS {
            let accepted = is_welcome(&server, &client(version, Some(&issued))).await;
            assert_eq!(certificates_of(&accepted), []);
        }
    });
}

#[test]
fn a_client_with_a_certificate_of_the_roots_is_welcome_and_known() {
    check(async {
        let issued = root().intermediate("Between").issue(Leaf::client(&["client.test"]));
        for auth in [ClientAuth::Required, ClientAuth::Optional] {
            let server = listen(asking().client_auth(auth)).await;
            for version in VERSIONS {
                let accepted = is_welcome(&server, &client(version, Some(&issued))).await;
                assert_eq!(certificates_of(&accepted), issued.chain_der);
            }
        }
    });
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    check(async {
        let server = listen(asking()).await;
        for version in VERSIONS {
            is_refused(&server, &client(version, None)).await;
        }
    });
}

#[test]
fn a_client_that_only_writes_learns_from_its_shutdown_that_it_was_refused() {
    check(async {
        let server = listen(asking()).await;
        // A client of TLS 1.2 learns it before.
        let stream = client(Version::Tls13, None).connect_as(server.local_addr(), "localhost").await.unwrap();
        // The refusal may have come by now.
        let _ = stream.write("all that there is to say").await;
        let error = stream.shutdown().await.unwrap_err();
        let Some(TlsError::Alert { alert, .. }) = TlsError::of(&error) else { panic!("{error:?}") };
        assert_eq!(*alert, AlertDescription::CertificateRequired);
    });
}

#[test]
fn a_client_without_a_certificate_is_welcome_where_it_is_optional() {
    check(async {
        let server = listen(asking().client_auth(ClientAuth::Optional)).await;
        for version in VERSIONS {
            let accepted = is_welcome(&server, &client(version, None)).await;
            assert_eq!(certificates_of(&accepted), []);
        }
    });
}

#[test]
fn a_client_with_a_bad_certificate_is_always_refused() {
    check(async {
        let leaf = Leaf::client(&["client.test"]);
        let bad = [
            ("stranger", Authority::new("Stranger").issue(leaf), "not among the trusted roots"),
            ("self-signed", self_signed(leaf), "self-signed"),
            ("expired", root().issue(leaf.expired()), "expired"),
            ("not yet valid", root().issue(leaf.not_yet_valid()), "valid only from"),
            ("a server's", root().issue(Leaf::server(&["client.test"])), "is not for clients"),
        ];
        for auth in [ClientAuth::Required, ClientAuth::Optional] {
            let server = listen(asking().client_auth(auth)).await;
            for (what, issued, words) in &bad {
                for version in VERSIONS {
                    let told = is_refused(&server, &client(version, Some(issued))).await;
                    assert!(told.contains(words), "{what}: {told}");
                }
            }
            is_welcome(&server, &client(Version::Tls13, Some(&root().issue(leaf)))).await;
        }
    });
}

#[test]
fn roots_for_clients_add_up() {
    check(async {
        let other = Authority::new("Another Root");
        let server = listen(asking().client_roots(Roots::Pem(other.certificate_pem().into_bytes()))).await;
        for authority in [root(), &other] {
            let issued = authority.issue(Leaf::client(&["client.test"]));
            is_welcome(&server, &client(Version::Tls13, Some(&issued))).await;
        }
    });
}

#[test]
fn the_error_of_a_refused_client_says_which_check_failed() {
    check(async {
        let server = listen(asking()).await;
        let fault = Rc::new(std::cell::RefCell::new(None));
        let tell = fault.clone();
        server.on_event(move |event| {
            if let lem_ssl_rs::ServerEvent::HandshakeFailed { error, .. } = event {
                let problem =
                    TlsError::certificate(error).map(|problem| (problem.fault().clone(), problem.chain().len()));
                *tell.borrow_mut() = problem;
            }
        });
        let expired = root().issue(Leaf::client(&["client.test"]).expired());
        let stream = client(Version::Tls13, Some(&expired)).connect_as(server.local_addr(), "localhost").await;
        drop(stream);
        until(|| fault.borrow().is_some()).await;
        let (fault, presented) = fault.take().unwrap();
        assert!(matches!(fault, CertificateFault::Expired { .. }), "{fault:?}");
        assert_eq!(presented, 1);
    });
}

#[test]
fn roots_for_clients_that_cannot_be_read_are_an_error_when_the_context_is_built() {
    let cases = [
        ("", "no certificate"),
        ("garbage", "no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate number 1 in the PEM text cannot be read",
        ),
    ];
    for (garbage, words) in cases {
        let builder = server_builder().identity(identity(&issue(&["localhost"])));
        let built: Result<Context, Error> = builder.client_roots(Roots::Pem(garbage.into())).build();
        says(built, &[words]);
    }
}

#[test]
fn checking_clients_without_roots_for_them_is_an_error_and_not_silently_left_out() {
    let builder = || server_builder().identity(identity(&issue(&["localhost"])));
    says(builder().client_auth(ClientAuth::Required).build(), &["without roots", "client_roots"]);
    let lists = lem_ssl_rs::RevocationLists::Pem(b"anything".to_vec());
    says(builder().revocation_lists(lists).build(), &["without roots", "client_roots"]);
}
