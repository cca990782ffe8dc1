//! Peers that say why they refuse, and reset the connection: the reason is told, however early that is.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use lem_ssl_rs::{AlertDescription, Error, TlsError};

use crate::support::{pki, run, tls};

/// `handshake_failure`, in the clear.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

const TRIES: usize = 100;

/// How often a client is told of the alert by a server that does `refuse` with each connection.
async fn told(refuse: fn(TcpStream)) -> usize {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        for _ in 0..TRIES {
            refuse(listener.accept().unwrap().0);
        }
    });
    let context = pki().client_context().build().unwrap();
    let mut told = 0;
    for _ in 0..TRIES {
        let error = context.connect_as(address, "localhost").await.unwrap_err();
        match TlsError::of(&error) {
            Some(TlsError::Alert { alert: AlertDescription::HandshakeFailure, .. }) => told += 1,
            _ => eprintln!("{error:?}"),
        }
    }
    server.join().unwrap();
    told
}

fn reset(socket: &TcpStream) {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn an_alert_and_a_reset_before_we_have_said_anything() {
    run(async {
        let count = told(|mut socket| {
            socket.write_all(&ALERT).unwrap();
            reset(&socket);
        })
        .await;
        assert_eq!(count, TRIES);
    });
}

#[test]
fn an_alert_and_a_close_with_our_hello_unread() {
    run(async {
        let count = told(|mut socket| socket.write_all(&ALERT).unwrap()).await;
        assert_eq!(count, TRIES);
    });
}

#[test]
fn an_alert_and_a_reset_after_our_hello() {
    run(async {
        let count = told(|mut socket| {
            let mut hello = [0; 64];
            socket.read_exact(&mut hello).unwrap();
            socket.write_all(&ALERT).unwrap();
            reset(&socket);
        })
        .await;
        assert_eq!(count, TRIES);
    });
}

#[test]
fn a_reset_without_a_word_is_told_as_one() {
    run(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for _ in 0..TRIES {
                reset(&listener.accept().unwrap().0);
            }
        });
        let context = pki().client_context().build().unwrap();
        for _ in 0..TRIES {
            let error = context.connect_as(address, "localhost").await.unwrap_err();
            assert!(matches!(tls(&error), TlsError::HandshakeCut { reset: true }), "{error:?}");
        }
        server.join().unwrap();
        let error = context.connect_as(address, "localhost").await.unwrap_err();
        assert!(matches!(error, Error::Connect(_)), "nobody listens any more: {error:?}");
    });
}
