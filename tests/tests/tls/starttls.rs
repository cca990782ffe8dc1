//! Going over to TLS on a connection that began in plain text.

use lem_ssl_rs::{ReadMode, TlsError, UnixStream, Version, spawn};

use crate::support::{Role, pki, run, tls, upgrade, wire};

/// The server's side up to the go-ahead, with `extra` behind it in the same piece.
async fn agree(plain: &UnixStream, extra: &str) {
    plain.write("220 ready\r\n").await.unwrap();
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "STARTTLS");
    plain.write(&format!("220 go ahead\r\n{extra}")).await.unwrap();
}

/// The client's side up to the go-ahead, with `extra` behind its request in the same piece.
async fn ask(plain: &UnixStream, extra: &str) {
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "220 ready");
    plain.write(&format!("STARTTLS\r\n{extra}")).await.unwrap();
    assert_eq!(plain.read_line_trimmed().await.unwrap(), "220 go ahead");
}

#[test]
fn both_ends_go_over_to_tls_after_they_have_agreed() {
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            let server = pki().server_context().versions([version]).build().unwrap();
            let client = pki().client_context().build().unwrap();
            let (near, far) = wire();
            let serving = spawn(async move {
                agree(&near, "").await;
                let stream = upgrade(&server, Role::Server, near).await.unwrap();
                let line = stream.read(ReadMode::Line).await.unwrap();
                stream.write(&line).await.unwrap();
                stream.shutdown().await.unwrap();
            });
            ask(&far, "").await;
            let stream = upgrade(&client, Role::Client, far).await.unwrap();
            stream.write("hello\n").await.unwrap();
            assert_eq!(stream.read(ReadMode::All).await.unwrap(), b"hello\n");
            stream.close().unwrap();
            serving.await.unwrap();
        }
    });
}

#[test]
fn text_that_was_slipped_in_behind_the_go_ahead_is_an_error() {
    run(async {
        let client = pki().client_context().build().unwrap();
        let (near, far) = wire();
        let serving = spawn(async move {
            agree(&near, "250 injected\r\n").await;
            near
        });
        ask(&far, "").await;
        let error = upgrade(&client, Role::Client, far).await.unwrap_err();
        assert!(matches!(tls(&error), TlsError::NotTls { .. }), "{error:?}");
        drop(serving.await.unwrap());
    });
}

#[test]
fn text_that_was_slipped_in_behind_the_request_is_an_error() {
    run(async {
        let server = pki().server_context().build().unwrap();
        let (near, far) = wire();
        let asking = spawn(async move {
            ask(&far, "MAIL FROM:<evil@example.test>\r\n").await;
            far
        });
        agree(&near, "").await;
        let error = upgrade(&server, Role::Server, near).await.unwrap_err();
        assert!(matches!(tls(&error), TlsError::NotTls { .. }), "{error:?}");
        drop(asking.await.unwrap());
    });
}

#[test]
fn a_hello_that_came_with_the_request_is_the_beginning_of_the_handshake() {
    run(async {
        let server = pki().server_context().build().unwrap();
        let client = pki().client_context().build().unwrap();
        let (near, far) = wire();
        let connecting = spawn(async move {
            // It does not wait for the go-ahead: the server said beforehand that there would be one.
            far.write("STARTTLS\r\n").await.unwrap();
            upgrade(&client, Role::Client, far).await.map(|stream| drop(stream.close()))
        });
        // All has arrived before the server takes its line, so the hello is what was received and not read.
        let mut everything = Box::pin(near.read(ReadMode::Exact(10_000)));
        std::future::poll_fn(|cx| {
            let _ = everything.as_mut().poll(cx);
            if near.buffered() <= 10 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        })
        .await;
        drop(everything);
        assert_eq!(near.read_line_trimmed().await.unwrap(), "STARTTLS");
        let stream = upgrade(&server, Role::Server, near).await.unwrap();
        connecting.await.unwrap().unwrap();
        stream.close().unwrap();
    });
}

#[test]
fn a_plain_stream_that_is_closed_cannot_go_over() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let context = pki().context(role);
            let (near, far) = wire();
            near.close_write().unwrap();
            let error = upgrade(&context.build().unwrap(), role, near).await.unwrap_err();
            assert_eq!(error.to_string(), "closed");
            drop(far);
        }
    });
}
