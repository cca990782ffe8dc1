//! A server hands out streams after a finished handshake only, and no client holds up the others.

use std::time::Duration;

use lem_rs::{Address, Plain, ReadMode, Stream, ToAddress};
use lem_ssl_rs::{Context, Error, Roots, Server, TlsError, Version};

use crate::support::{at_once, both, check, client_context, patient_builder, says, server_context};

/// A handshake's deadline that is over soon, where a test wants to see it.
const SHORT: Duration = Duration::from_millis(30);

async fn connects(server: &Server) -> (Stream<lem_ssl_rs::Tls>, Stream<lem_ssl_rs::Tls>) {
    let context = client_context(patient_builder());
    let (accepted, client) = both(server.accept(), context.connect(server.local_addr())).await;
    (accepted.unwrap(), client.unwrap())
}

async fn is_served(server: &Server) {
    let (accepted, client) = connects(server).await;
    client.write("for the server").await.unwrap();
    assert_eq!(accepted.read(14).await.unwrap(), b"for the server");
}

async fn raw(server: &Server) -> Stream<Plain> {
    let target: Address = server.local_addr().to_address().unwrap();
    Stream::connect(target).await.unwrap()
}

#[test]
fn a_silent_client_holds_up_nobody_and_is_not_accepted() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        let _silent = [raw(&server).await, raw(&server).await];
        is_served(&server).await;
        is_served(&server).await;
        assert!(at_once(server.accept()).await.is_none());
    });
}

#[test]
fn a_client_that_fails_its_handshake_is_not_accepted_and_is_told_why() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        let confused = raw(&server).await;
        confused.write("GET / HTTP/1.0\r\n\r\n").await.unwrap();
        confused.close_write().unwrap();
        let answer = confused.read(ReadMode::All).await.unwrap();
        // An alert (RFC 8446 section 6), fatal.
        assert_eq!((answer.first(), answer.get(5)), (Some(&21), Some(&2)), "{answer:?}");
        is_served(&server).await;
        assert!(at_once(server.accept()).await.is_none());
    });
}

#[test]
fn a_client_that_goes_away_in_its_handshake_harms_nobody() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        raw(&server).await.abort();
        let half = raw(&server).await;
        half.write(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        half.abort();
        is_served(&server).await;
    });
}

#[test]
fn a_silent_client_is_let_go_at_the_deadline() {
    check(async {
        let server = server_context(Context::builder().handshake_deadline(SHORT));
        let server = server.listen("127.0.0.1:0").await.unwrap();
        let silent = raw(&server).await;
        assert_eq!(silent.read(ReadMode::All).await.unwrap(), b"");
        assert!(!server.is_closed());
    });
}

#[test]
fn no_more_clients_than_allowed_shake_hands_at_once() {
    check(async {
        let options = lem_ssl_rs::ServerOptions::default().handshakes(1);
        let server = server_context(patient_builder()).listen_with("127.0.0.1:0", options).await.unwrap();
        let silent = raw(&server).await;
        let context = client_context(patient_builder());
        let mut connecting = std::pin::pin!(context.connect(server.local_addr()));
        for _ in 0..200 {
            assert!(at_once(connecting.as_mut()).await.is_none(), "the silent one has the only place");
            lem_rs::yield_now().await;
        }
        silent.close().unwrap();
        let (client, accepted) = both(connecting, server.accept()).await;
        client.unwrap();
        accepted.unwrap();
    });
}

#[test]
fn streams_that_nobody_accepted_are_cut_off_with_the_server() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        let (accepted, client) = connects(&server).await;
        let waiting = client_context(patient_builder()).connect(server.local_addr()).await.unwrap();
        // The server is through with its handshake when the client hears from it.
        waiting.write("is anybody there?").await.unwrap();
        server.close().unwrap();
        // Nobody has read the question: nothing is no complete answer to it.
        assert!(matches!(waiting.read(1).await, Err(Error::Truncated(_))));
        client.write("here").await.unwrap();
        assert_eq!(accepted.read(4).await.unwrap(), b"here");
    });
}

#[test]
fn dropping_a_server_closes_it() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        let target = server.local_addr().clone();
        let (accepted, client) = connects(&server).await;
        drop(server);
        Stream::<Plain>::connect(&target).await.unwrap_err();
        client.write("lives on").await.unwrap();
        assert_eq!(accepted.read(8).await.unwrap(), b"lives on");
    });
}

#[test]
fn without_an_identity_nothing_is_listened_for() {
    check(async {
        let context = Context::builder().roots(Roots::None).build().unwrap();
        let error = context.listen("127.0.0.1:0").await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Config(_))), "{error:?}");
        assert!(error.to_string().contains("identity"), "{error}");
    });
}

/// In TLS 1.3 a client's handshake is over before the server has judged its certificate.
#[test]
fn a_write_that_fails_says_the_alert_by_which_the_peer_ended() {
    check(async {
        let nobody = Roots::Pem(lem_ssl_tests::pki::Authority::new("Nobody").certificate_pem().into());
        let server = server_context(patient_builder().client_roots(nobody)).listen("127.0.0.1:0").await.unwrap();
        let context = client_context(patient_builder().versions([Version::Tls13]));
        let client = context.connect(server.local_addr()).await.unwrap();
        let data = vec![0; 1024 * 1024];
        let error = loop {
            if let Err(error) = client.write(&data).await {
                break error;
            }
        };
        assert!(matches!(TlsError::of(&error), Some(TlsError::Alert { .. })), "{error:?}");
        assert!(error.to_string().contains("certificate"), "{error}");
        // A read tells the same, and after that only "closed".
        assert_eq!(client.read(1).await.unwrap_err().to_string(), error.to_string());
        says(client.read(1).await, "closed");
        assert!(at_once(server.accept()).await.is_none());
    });
}
