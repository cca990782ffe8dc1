//! The names of roots that a client is told.

use lem_ssl_rs::{Context, Identity, Roots, Version, spawn};
use lem_ssl_tests::pki::Authority;
use lem_ssl_tests::watched_machine;

use crate::support::{pki, roots, server};

/// So many roots with names of 64 letters, which take 81 bytes each.
fn many(count: usize) -> Roots {
    let name = |number| format!("root {number:0>59}");
    let first = Authority::new(&name(0)).certificate_der().to_vec();
    // A new key for each would take long, and nobody looks at the keys.
    let at = |number: usize| {
        let (old, new) = (name(0), name(number));
        let mut der = first.clone();
        let places: Vec<_> = (0..der.len()).filter(|at| der[*at..].starts_with(old.as_bytes())).collect();
        places.into_iter().for_each(|at| der[at..at + new.len()].copy_from_slice(new.as_bytes()));
        der.into()
    };
    Roots::Der((0..count).map(at).collect())
}

async fn is_welcome(count: usize, version: Version) {
    let server = server().client_roots(roots()).client_roots(many(count)).versions([version]).build().unwrap();
    let server = server.listen("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().clone();
    let identity = Identity::from_pem(&pki().client.chain_pem, &pki().client.key_pem).unwrap();
    let client = Context::builder().roots(roots()).identity(identity).build().unwrap();
    let accepting = spawn(async move {
        let stream = server.accept().await.unwrap();
        stream.write("welcome\n").await.unwrap();
        assert_eq!(stream.info().unwrap().peer_certificates, pki().client.chain_der);
    });
    let stream = client.connect_as(&address, "localhost").await.unwrap();
    assert_eq!(stream.read(8).await.unwrap(), b"welcome\n", "{count} roots, {version:?}");
    accepting.await.unwrap();
}

#[test]
fn a_server_with_more_roots_than_it_can_tell_still_takes_clients() {
    // Below one record, above it, just below what a message holds, above that, far above.
    for count in [10, 400, 770, 820, 2000] {
        for version in [Version::Tls12, Version::Tls13] {
            watched_machine().run(is_welcome(count, version)).unwrap();
        }
    }
}

#[test]
fn no_roots_for_clients_are_an_error_that_says_so() {
    let error = server().client_roots(Roots::None).build().unwrap_err().to_string();
    assert!(error.contains("the roots for clients are empty"), "{error}");
}
