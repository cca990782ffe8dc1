//! What comes on a connection before its handshake, and clients that are turned away after it.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{Endpoint, Error, Listener, ReadMode, Roots, Server, ServerEvent, ServerOptions, TcpStream, sleep};
use lem_ssl_tests::pki::Leaf;

use crate::support::{
    both, check, client_builder, client_context, echo, identity, issue, listen, raw, root, serve_with, server_builder,
    server_context, until,
};

/// A header that says whose connection it is: a line.
async fn header(stream: TcpStream) -> Result<TcpStream, Error> {
    let line = stream.read(ReadMode::Line).await?;
    let said = std::str::from_utf8(&line).ok().and_then(|line| line.trim_end().parse().ok());
    let Some(client) = said else { return Err(Error::io("read the header", ErrorKind::InvalidData.into())) };
    let local = stream.local_addr()?;
    stream.with_transport(|plain| plain.source().proxied(Endpoint::Ip(client), local));
    Ok(stream)
}

#[test]
fn a_header_before_the_handshake_says_whose_connection_it_is() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        server.before_handshake(header);
        let client = async {
            let plain = raw(&server).await;
            plain.write("192.0.2.7:1234\n").await.unwrap();
            let stream = client_context().upgrade(plain, "localhost").await.unwrap();
            stream.write("hello\n").await.unwrap();
            assert_eq!(stream.read(6).await.unwrap(), b"hello\n");
        };
        let serving = async {
            let stream = server.accept().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), Endpoint::Ip("192.0.2.7:1234".parse().unwrap()));
            assert_eq!(stream.local_addr().unwrap(), *server.local_addr());
            echo(stream).await;
        };
        both(serving, client).await;
        assert_eq!(server.counters().handshakes_finished, 1);
    });
}

#[test]
fn clients_behind_a_proxy_count_by_their_own_addresses() {
    check(async {
        let server = serve_with(&server_context(), ServerOptions::default().handshakes_per_peer(2)).await;
        server.before_handshake(header);
        server.proxies(|peer| peer.ip().is_some_and(|peer| peer.ip().is_loopback()));
        // Some have not said whose they are, and some are one client's, which has more than it may.
        let mut silent = Vec::new();
        for said in ["", "", "", "192.0.2.9:1\n", "192.0.2.9:2\n", "192.0.2.9:3\n"] {
            let plain = raw(&server).await;
            plain.write(said).await.unwrap();
            silent.push(plain);
        }
        until(|| server.counters().refused == 1).await;
        assert_eq!((server.counters().handshakes_started, server.counters().failed.other), (6, 1));
        // Another one is served.
        let plain = raw(&server).await;
        plain.write("192.0.2.7:1234\n").await.unwrap();
        let stream = client_context().upgrade(plain, "localhost").await.unwrap();
        stream.write("hello\n").await.unwrap();
        assert_eq!(stream.read(6).await.unwrap(), b"hello\n");
        assert_eq!(server.counters().refused, 1);
    });
}

#[test]
fn a_hello_that_came_in_one_piece_with_the_header_is_not_lost() {
    check(async {
        let (front, server) = (Listener::bind("127.0.0.1:0").await.unwrap(), listen(ServerOptions::default()).await);
        server.before_handshake(header);
        let address = front.local_addr().clone();
        // Holds back the hello until it can be sent together with the header.
        let between = async {
            let (client, onward) = (front.accept().await.unwrap(), raw(&server).await);
            let hello = client.read(ReadMode::Available).await.unwrap();
            onward.write(&[&b"192.0.2.7:1\n"[..], &hello].concat()).await.unwrap();
            let (from, to) = (onward.read(ReadMode::Available).await.unwrap(), client);
            to.write(&from).await.unwrap();
            let finished = to.read(ReadMode::Available).await.unwrap();
            onward.write(&finished).await.unwrap();
            (onward, to)
        };
        let client = async { client_context().connect_as(&address, "localhost").await.unwrap() };
        let (_client, _between) = both(client, both(between, server.accept())).await;
        assert_eq!(server.counters().handshakes_finished, 1);
    });
}

/// What happens to a client that says this.
async fn failure(server: &Server, said: &str) -> (String, String) {
    let events = Rc::new(RefCell::new(Vec::new()));
    let told = events.clone();
    server.on_event(move |event| {
        if let ServerEvent::HandshakeFailed { peer, error } = event {
            told.borrow_mut().push((peer.to_string(), error.to_string()));
        }
    });
    let plain = raw(server).await;
    plain.write(said).await.unwrap();
    until(|| !events.borrow().is_empty()).await;
    events.borrow_mut().remove(0)
}

#[test]
fn a_header_that_is_wrong_or_never_comes_is_a_failed_handshake_within_its_deadline() {
    check(async {
        let context = server_builder()
            .identity(identity(&issue(&["localhost"])))
            .handshake_deadline(Duration::from_millis(200))
            .build()
            .unwrap();
        let server = Server::listen(context, "127.0.0.1:0", ServerOptions::default()).await.unwrap();
        server.before_handshake(header);
        let (_, error) = failure(&server, "nonsense\n").await;
        assert!(error.starts_with("cannot read the header"), "{error}");
        let (_, error) = failure(&server, "192.0.2.7:").await;
        assert!(error.contains("timed out"), "{error}");
        // After the header it is told of the client, and not of the proxy.
        let (peer, error) = failure(&server, "192.0.2.7:1\nGET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(peer, "192.0.2.7:1", "{error}");
        let failed = server.counters().failed;
        assert_eq!((failed.other, failed.timed_out, failed.not_tls, failed.total()), (1, 1, 1, 3));
    });
}

#[test]
fn a_client_that_is_denied_gets_an_alert_even_if_it_was_sending() {
    check(async {
        for versions in [lem_ssl_rs::Version::Tls12, lem_ssl_rs::Version::Tls13] {
            let identity = identity(&issue(&["localhost"]));
            let trust = Roots::Der(vec![root().certificate_der().clone()]);
            let asking = server_builder().identity(identity).client_roots(trust).build().unwrap();
            let server = asking.listen("127.0.0.1:0").await.unwrap();
            let theirs = crate::support::identity(&root().issue(Leaf::client(&["a client"])));
            let context = client_builder().identity(theirs).versions([versions]).build().unwrap();
            let client = async {
                let stream = context.connect_as(server.local_addr(), "localhost").await.unwrap();
                stream.write(&[b'x'; 100_000]).await.unwrap();
                let error = stream.read(1).await.unwrap_err().to_string();
                assert!(error.contains("access denied"), "{error}");
            };
            let deny = async {
                let stream = server.accept().await.unwrap();
                sleep(Duration::from_millis(20)).await;
                let (tls, _) = stream.into_parts().unwrap();
                tls.deny();
            };
            both(client, deny).await;
        }
    });
}
