//! Who is at the other end, and how it goes away.

use lem_ssl_pki::{Authority, KeyKind, Leaf};
use lem_ssl_rs::{CertificateFault, Error, ReadMode, Roots, TlsError, Version, spawn};

use crate::support::{builder, client, connected, identity, pki, roots, run, server, try_connected};

#[test]
fn a_certificate_is_accepted_for_its_own_name_only() {
    run(async {
        let other = identity(&pki().root.issue(Leaf::server(&["other.test"])));
        let server = builder().roots(Roots::None).identity(other).build().unwrap();
        let (refused, served) = try_connected(&client().build().unwrap(), &server).await;
        let error = refused.unwrap_err();
        let Some(TlsError::Certificate(problem)) = error.protocol_ref() else { panic!("{error}") };
        assert!(matches!(problem.fault(), CertificateFault::WrongName { .. }), "{error}");
        assert!(served.unwrap_err().to_string().starts_with("the peer refused the handshake"));
    });
}

#[test]
fn a_stranger_is_refused() {
    run(async {
        let stranger = identity(&Authority::new("Nobody's").issue(Leaf::server(&["localhost"])));
        let server = builder().roots(Roots::None).identity(stranger).build().unwrap();
        let (refused, _) = try_connected(&client().build().unwrap(), &server).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("which is not among the trusted roots"), "{error}");
    });
}

#[test]
fn every_kind_of_key_serves() {
    for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa2048] {
        run(async {
            let issued = pki().root.issue(Leaf::server(&["localhost"]).with_key(kind));
            let server = builder().roots(Roots::None).identity(identity(&issued)).build().unwrap();
            let (near, far) = connected(&client().build().unwrap(), &server).await;
            far.write("hello\n").await.unwrap();
            assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"hello\n", "{kind:?}");
        });
    }
}

#[test]
fn a_client_shows_who_it_is_and_resumes_its_session() {
    for version in [Version::Tls12, Version::Tls13] {
        run(async {
            let client = client().versions([version]).identity(identity(&pki().client)).build().unwrap();
            let server = server().client_roots(roots()).build().unwrap();
            for resumed in [false, true] {
                let (near, far) = connected(&client, &server).await;
                // The ticket comes with what the server says first.
                far.write("hello\n").await.unwrap();
                assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"hello\n");
                let info = far.info().unwrap();
                assert_eq!(info.peer_certificates, pki().client.chain_der);
                assert_eq!(info.resumed, resumed, "{version:?}");
            }
        });
    }
}

#[test]
fn an_end_is_told_apart_from_a_cut() {
    run(async {
        let (near, far) = connected(&client().build().unwrap(), &server().build().unwrap()).await;
        far.write("last words").await.unwrap();
        let cutting = spawn(async move { far.abort() });
        assert_eq!(near.read(10).await.unwrap(), b"last words");
        cutting.await.unwrap();
        assert!(matches!(near.read(ReadMode::Available).await, Err(Error::Truncated(_))));
    });
}
