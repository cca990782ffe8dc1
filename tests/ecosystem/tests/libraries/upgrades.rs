//! An HTTP/1 connection that becomes another protocol's.

use std::convert::Infallible;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, client, server};
use lem_ssl_ecosystem::http::{Body, empty};
use lem_ssl_ecosystem::{Ends, run};
use lem_ssl_rs::hyper::Io;
use lem_ssl_rs::{ReadMode, Stream, spawn};

async fn switch(_: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    Ok(response.header("connection", "upgrade").header("upgrade", "lines").body(empty()).expect("an answer"))
}

/// The server's end once it has switched, and what hyper had read beyond its part.
async fn switched(stream: Stream) -> (Stream, Bytes) {
    let connection = server::conn::http1::Builder::new().serve_connection(Io::new(stream), service_fn(switch));
    let parts = connection.without_shutdown().await.expect("HTTP ends in order");
    (parts.io.into_stream(), parts.read_buf)
}

#[test]
fn an_upgrade_gives_both_ends_their_streams_back() {
    run(async {
        let (near, far) = Ends::pair().await;
        let server = spawn(async move {
            let (stream, rest) = switched(near).await;
            assert_eq!(rest, "");
            let line = stream.read(ReadMode::Line).await.unwrap();
            stream.write(&[b"you said: ", &line[..]].concat()).await.unwrap();
            stream
        });
        let (mut sender, connection) = client::conn::http1::handshake(Io::new(far)).await.unwrap();
        let connection = spawn(connection.without_shutdown());
        let request = Request::get("/").header("connection", "upgrade").header("upgrade", "lines");
        let response = sender.send_request(request.body(empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let parts = connection.await.unwrap().unwrap();
        assert_eq!(parts.read_buf, "");
        let stream = parts.io.into_stream();
        stream.write("hello\n").await.unwrap();
        assert_eq!(stream.read(ReadMode::Line).await.unwrap(), b"you said: hello\n");
        assert!(!server.await.unwrap().is_closed());
    });
}

#[test]
fn what_follows_the_upgrade_in_one_write_is_hypers_to_hand_out() {
    run(async {
        let (near, far) = Ends::pair().await;
        let server = spawn(switched(near));
        far.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: lines\r\n\r\nearly ")
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(far.read(ReadMode::Line).await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        far.write("late\n").await.unwrap();
        let (stream, rest) = server.await.unwrap();
        let line = stream.read(ReadMode::Line).await.unwrap();
        assert_eq!([&rest[..], &line].concat(), b"early late\n");
    });
}
