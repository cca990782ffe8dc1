//! Peers that speak something else, and peers that speak nonsense.

use lem_ssl_rs::{Error, Listener, ReadMode, TlsError, spawn};

use crate::support::{Beat, Role, pki, run, says, tls, upgrade, wire};

/// Our error when the peer says `words`, in pieces, and then ends its side.
async fn told(role: Role, words: &[u8], piece: usize) -> Error {
    let pki = pki();
    let context = pki.context(role).build().unwrap();
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, role, near).await.unwrap_err() });
    let beat = Beat::new();
    if role == Role::Client {
        far.read(ReadMode::Available).await.unwrap();
    }
    for piece in words.chunks(piece) {
        // We may have hung up in the middle.
        let _ = far.write(piece).await;
        beat.once().await;
    }
    let _ = far.close_write();
    us.await.unwrap()
}

#[test]
fn a_server_that_speaks_another_protocol_is_recognised() {
    run(async {
        for (words, name) in [
            ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "an HTTP answer"),
            ("SSH-2.0-OpenSSH_9.6\r\n", "an SSH peer"),
            ("220 mail.example.test ESMTP\r\n", "STARTTLS"),
            ("220-mail.example.test ESMTP\r\n", "STARTTLS"),
            ("* OK IMAP4rev1 ready\r\n", "an IMAP server"),
            ("+OK POP3 ready\r\n", "a POP3 server"),
        ] {
            let error = told(Role::Client, words.as_bytes(), words.len()).await;
            assert!(matches!(tls(&error), TlsError::NotTls { looks_like: Some(_) }), "{words}: {error:?}");
            says(&error, &["does not speak TLS on this port", name]);
        }
    });
}

#[test]
fn an_error_of_a_handshake_names_the_address_that_was_asked_for() {
    run(async {
        let context = pki().client_context().build().unwrap();
        for (answer, words) in [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "the peer does not speak TLS on this port"),
            ("", "the peer closed the connection during the handshake"),
        ] {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().clone();
            let peer = spawn(async move {
                let stream = listener.accept().await.unwrap();
                stream.read(ReadMode::Available).await.unwrap();
                stream.write(answer).await.unwrap();
            });
            let error = context.connect_as(&address, "localhost").await.unwrap_err();
            assert!(TlsError::of(&error).is_some(), "{error:?}");
            let begin = format!("cannot connect to {address}: {words}");
            assert!(error.to_string().starts_with(&begin), "{error}");
            peer.await.unwrap();
        }
    });
}

#[test]
fn a_client_that_speaks_another_protocol_is_recognised() {
    run(async {
        for words in ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST / HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n"] {
            let error = told(Role::Server, words.as_bytes(), words.len()).await;
            says(&error, &["does not speak TLS on this port", "an HTTP request"]);
        }
        let error = told(Role::Server, b"EHLO client.test\r\n", 100).await;
        assert!(matches!(tls(&error), TlsError::NotTls { .. }), "{error:?}");
    });
}

#[test]
fn words_that_come_byte_by_byte_are_no_tls_either() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let error = told(role, b"HTTP/1.1 400 Bad Request\r\n", 1).await;
            assert!(matches!(tls(&error), TlsError::NotTls { .. }), "{error:?}");
        }
    });
}

#[test]
fn nonsense_behind_any_first_byte_is_an_error() {
    run(async {
        for role in [Role::Client, Role::Server] {
            for first in 0..=255_u8 {
                for rest in [&[0; 64][..], &[255; 64], &[3; 64], &[3, 3, 0, 4, 1, 0, 0, 0], &[3, 3, 0, 0], &[3, 1], &[]]
                {
                    let words = [&[first], rest].concat();
                    for piece in [words.len(), 7] {
                        let error = told(role, &words, piece).await;
                        let failure = tls(&error);
                        assert!(!matches!(failure, TlsError::Config(_)), "{words:?}: {error:?}");
                        if !(20..=24).contains(&first) {
                            assert!(matches!(failure, TlsError::NotTls { .. }), "{words:?}: {error:?}");
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn a_record_that_is_too_long_is_an_error() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let mut words = vec![22, 3, 3, 0xff, 0xff];
            words.resize(5 + 0xffff, 0);
            for piece in [words.len(), 5, 1000] {
                let error = told(role, &words, piece).await;
                assert!(matches!(tls(&error), TlsError::Protocol(_)), "{error:?}");
            }
        }
    });
}

#[test]
fn a_flood_of_empty_records_is_an_error() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let words = [22, 3, 3, 0, 0].repeat(10_000);
            for piece in [words.len(), 5] {
                let error = told(role, &words[..words.len().min(piece * 200)], piece).await;
                assert!(matches!(tls(&error), TlsError::Protocol(_)), "{error:?}");
            }
        }
    });
}

#[test]
fn a_handshake_message_that_never_ends_is_an_error() {
    run(async {
        // A hello of 2^24 - 1 bytes, in records of one byte: nobody may make us store that.
        let mut words = Vec::new();
        for byte in [1, 0xff, 0xff, 0xff] {
            words.extend([22, 3, 1, 0, 1, byte]);
        }
        words.extend([22, 3, 1, 0, 1, 0].repeat(100_000));
        for role in [Role::Client, Role::Server] {
            let error = told(role, &words, words.len()).await;
            assert!(matches!(tls(&error), TlsError::Protocol(_)), "{error:?}");
        }
    });
}

#[test]
fn a_long_handshake_message_in_tiny_records_is_an_error_and_no_cut() {
    run(async {
        // A hello of 60,000 bytes, which is allowed, in records of one byte: 360,000 bytes that must be kept.
        let mut words = Vec::new();
        for byte in [1, 0, 0xea, 0x60] {
            words.extend([22, 3, 1, 0, 1, byte]);
        }
        words.extend([22, 3, 1, 0, 1, 0].repeat(60_000));
        for piece in [words.len(), 50_000] {
            let error = told(Role::Server, &words, piece).await;
            assert!(matches!(tls(&error), TlsError::Protocol(_)), "{error:?}");
        }
    });
}

#[test]
fn what_came_before_the_handshake_may_be_longer_than_any_buffer_of_ours() {
    run(async {
        let mut words = Vec::new();
        for byte in [1, 0, 0xea, 0x60] {
            words.extend([22, 3, 1, 0, 1, byte]);
        }
        words.extend([22, 3, 1, 0, 1, 0].repeat(50_000));
        let (near, far) = wire();
        let length = words.len();
        let peer = spawn(async move {
            far.write("go\n").await.unwrap();
            let _ = far.write(&words).await;
            far
        });
        // An upgrade takes what the plain stream has received already: here all of it.
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"go\n");
        let mut longer = Box::pin(near.read(ReadMode::Exact(length + 1)));
        std::future::poll_fn(|cx| {
            let _ = longer.as_mut().poll(cx);
            if near.buffered() < length { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        })
        .await;
        drop(longer);
        let context = pki().server_context().build().unwrap();
        let error = context.upgrade_server(near).await.unwrap_err();
        assert!(matches!(tls(&error), TlsError::Protocol(_)), "{error:?}");
        drop(peer.await.unwrap());
    });
}
