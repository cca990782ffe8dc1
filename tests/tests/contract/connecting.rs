//! `connect(address, [port])`: what an address may be, that only the task waits, and that every wait has a deadline.

use std::cell::Cell;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Address, Error, Phase, Plain, Stream, ToAddress, spawn, timeout, yield_now};
use lem_ssl_rs::{CertificateFault, Context, Roots, Server, TlsError};

use crate::support::{at_once, both, check, client_context, patient_builder, server_context};

async fn server_and_client() -> (Server, u16, Context) {
    let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().ip().unwrap().port();
    (server, port, client_context(patient_builder()))
}

/// Takes connections into its queue and says nothing.
fn silent_peer() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[track_caller]
fn means(address: impl ToAddress, host: &str, port: u16) {
    assert_eq!(address.to_address().unwrap(), Address::Name { host: host.into(), port });
}

#[test]
fn connect_takes_a_host_and_a_port() {
    check(async {
        let (server, port, context) = server_and_client().await;
        for address in [
            format!("localhost:{port}"),
            format!("127.0.0.1:{port}"),
            format!("https://localhost:{port}/path?query"),
            format!("LOCALHOST:{port}"),
        ] {
            let (client, accepted) = both(context.connect(&address), server.accept()).await;
            client.unwrap_or_else(|error| panic!("{address}: {error}"));
            accepted.unwrap();
        }
    });
}

#[test]
fn a_second_port_takes_precedence() {
    check(async {
        let (server, port, context) = server_and_client().await;
        for address in ["localhost", "localhost:1", "localhost:https", "127.0.0.1", "127.0.0.1:1", "https://localhost"]
        {
            let (client, accepted) = both(context.connect((address, port)), server.accept()).await;
            client.unwrap_or_else(|error| panic!("{address}: {error}"));
            accepted.unwrap();
        }
    });
}

#[test]
fn an_address_may_name_its_port() {
    means("host.test:https", "host.test", 443);
    means("host.test:imaps", "host.test", 993);
    means("https://host.test/path", "host.test", 443);
    means("host.test:443", "host.test", 443);
    means(("host.test", 443), "host.test", 443);
    means(("host.test:https", 8443), "host.test", 8443);
    assert_eq!("[::1]:443".to_address().unwrap(), Address::Ip("[::1]:443".parse().unwrap()));
    assert_eq!("192.0.2.1:443".to_address().unwrap(), Address::Ip("192.0.2.1:443".parse().unwrap()));
}

/// The original dialled port 0, loopback, or the number modulo 65536.
#[test]
fn a_text_that_is_no_address_is_an_error_and_nothing_is_dialled() {
    check(async {
        let context = client_context(patient_builder());
        for text in
            ["", "host.test", ":443", "host.test:70000", "host.test:65979", "host.test:", "host.test:-1", "[::1"]
        {
            let error = at_once(context.connect(text)).await.expect("nothing is waited for").unwrap_err();
            assert!(matches!(error, Error::Address(_)), "{text:?}: {error:?}");
            let error = at_once(Stream::<Plain>::connect(text)).await.expect("nothing is waited for").unwrap_err();
            assert!(matches!(error, Error::Address(_)), "{text:?}: {error:?}");
        }
    });
}

#[test]
fn while_one_task_connects_the_others_go_on() {
    check(async {
        let (_silent, port) = silent_peer();
        let context = client_context(patient_builder());
        let task = spawn(async move { context.connect(("127.0.0.1", port)).await });
        let turns = Rc::new(Cell::new(0));
        let counting = turns.clone();
        let counter = async move {
            while counting.get() < 1000 {
                counting.set(counting.get() + 1);
                yield_now().await;
            }
        };
        spawn(counter).await.unwrap();
        assert_eq!(turns.get(), 1000);
        assert!(!task.is_finished(), "the peer has said nothing");
        task.cancel();
    });
}

#[test]
fn connect_returns_a_stream_only_when_the_peer_is_verified() {
    check(async {
        let (server, port, context) = server_and_client().await;
        let stranger = Context::new().unwrap();
        let error = stranger.connect(("localhost", port)).await.unwrap_err();
        let problem = TlsError::certificate(&error).unwrap_or_else(|| panic!("{error:?}"));
        assert!(matches!(problem.fault(), CertificateFault::SelfSigned), "{problem:?}");
        // The server has no stream of that either: the first that it accepts is the next client's.
        let (client, accepted) = both(context.connect(("localhost", port)), server.accept()).await;
        client.unwrap().write("verified").await.unwrap();
        assert_eq!(accepted.unwrap().read(8).await.unwrap(), b"verified");
        assert!(at_once(server.accept()).await.is_none());
    });
}

#[test]
fn a_context_without_roots_connects_to_nobody() {
    check(async {
        let (_server, port, _) = server_and_client().await;
        let context = Context::builder().roots(Roots::None).build().unwrap();
        let error = context.connect(("localhost", port)).await.unwrap_err();
        assert!(matches!(TlsError::of(&error), Some(TlsError::Config(_))), "{error:?}");
    });
}

#[test]
fn a_refused_connection_names_the_address_and_the_reason() {
    check(async {
        let (listener, port) = silent_peer();
        drop(listener);
        let context = client_context(patient_builder());
        let secured = context.connect(("127.0.0.1", port)).await.map(drop);
        let plain = Stream::<Plain>::connect(("127.0.0.1", port)).await.map(drop);
        for error in [secured.unwrap_err(), plain.unwrap_err()] {
            assert!(matches!(error, Error::Connect(_)), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("connection refused"), "{text}");
        }
    });
}

#[test]
fn a_handshake_has_a_deadline_and_the_error_names_the_phase() {
    check(async {
        let (_silent, port) = silent_peer();
        let short = Duration::from_millis(30);
        for builder in [
            Context::builder().handshake_deadline(short),
            Context::builder().handshake_deadline(Duration::from_secs(600)).connect_deadline(short),
        ] {
            let error = client_context(builder).connect(("127.0.0.1", port)).await.unwrap_err();
            assert_eq!(error.timed_out(), Some(Phase::Handshake), "{error}");
            assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
        }
    });
}

#[test]
fn a_dropped_connect_closes_its_connection() {
    check(async {
        let (silent, port) = silent_peer();
        let context = client_context(patient_builder());
        timeout(Duration::from_millis(30), context.connect(("127.0.0.1", port))).await.unwrap_err();
        let (mut connection, _) = silent.accept().unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut received = Vec::new();
        // The client's first message, and then the end: without it, this read would run into its time.
        connection.read_to_end(&mut received).unwrap();
        assert_eq!(received.first(), Some(&22), "a handshake record");
    });
}

#[test]
fn a_context_is_shared_by_all_its_connections_and_by_threads() {
    fn is_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    check(async {
        let (server, port, context) = server_and_client().await;
        is_shareable(&context);
        let (one, other) = (context.clone(), context);
        let accepting = async { (server.accept().await.unwrap(), server.accept().await.unwrap()) };
        let connecting = both(one.connect(("localhost", port)), other.connect(("localhost", port)));
        let ((one, other), _accepted) = both(connecting, accepting).await;
        one.unwrap();
        other.unwrap();
    });
}

#[test]
fn timeout_serves_every_other_wait() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        let late = timeout(Duration::from_millis(1), server.accept()).await.map(drop).unwrap_err();
        assert_eq!(late.phase(), Phase::Operation);
        assert_eq!(late.to_string(), "operation timed out after 1 ms");
        assert!(!server.is_busy());
    });
}
