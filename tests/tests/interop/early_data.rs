//! Early data (0-RTT) of OpenSSL's client.

use std::path::Path;

use lem_ssl_rs::{Context, ContextBuilder, Early, Roots, Server, ServerOptions};

use crate::support::certificates::Certificates;
use crate::support::openssl::s_client;
use crate::support::program::Program;
use crate::support::{greet, listen_with, run};

async fn listen(builder: ContextBuilder, certificates: &Certificates) -> (Server, u16) {
    let context = builder.roots(Roots::None).identity(certificates.server.identity()).build().unwrap();
    let server = context.listen_with("127.0.0.1:0", ServerOptions::default().early_data(true)).await.unwrap();
    let port = server.local_addr().ip().unwrap().port();
    (server, port)
}

/// More than half of what may come, so that counting twice what is refused would be too much.
fn request() -> String {
    "early data\n".repeat(1_100)
}

/// The files of a client that comes back.
struct Files {
    session: String,
    early: String,
}

impl Files {
    fn new(certificates: &Certificates) -> Self {
        let session = certificates.scratch.path().join("session.pem").display().to_string();
        Self { session, early: certificates.scratch.write("early", request()).display().to_string() }
    }

    /// The first visit, which leaves a session.
    fn first(&self, port: u16, roots: &Path) -> Program {
        s_client(port, roots, &["-ign_eof", "-sess_out", &self.session])
    }

    /// The second one, which begins with early data.
    fn again(&self, port: u16, roots: &Path) -> Program {
        s_client(port, roots, &["-ign_eof", "-sess_in", &self.session, "-early_data", &self.early])
    }
}

/// Reads what came early, and greets; says what came early.
async fn serve(mut early: Early) -> String {
    let mut said = Vec::new();
    while let Some(data) = early.read().await.unwrap() {
        said.extend(data.accept_replay());
    }
    let (stream, left) = early.finish().await.unwrap();
    assert!(left.is_empty());
    assert_eq!(greet(&stream).await, "hello");
    String::from_utf8(said).unwrap()
}

#[test]
fn openssl_s_early_data_are_received_apart_from_the_stream() {
    let certificates = Certificates::new();
    let files = Files::new(&certificates);
    run(async {
        let (server, port) = listen(Context::builder().early_data(16_384), &certificates).await;
        let mut peer = files.first(port, &certificates.roots_file);
        peer.tell("hello\n");
        assert_eq!(serve(server.accept_early().await.unwrap()).await, "");
        assert!(peer.succeeds().await.contains("Max Early Data: 16384"));

        let mut peer = files.again(port, &certificates.roots_file);
        peer.tell("hello\n");
        assert_eq!(serve(server.accept_early().await.unwrap()).await, request());
        let said = peer.succeeds().await;
        assert!(said.contains("Early data was accepted") && said.contains("you said: hello"), "{said}");

        // The session that it kept is used up: the same file gives a full handshake.
        let mut peer = files.again(port, &certificates.roots_file);
        peer.tell("hello\n");
        assert_eq!(serve(server.accept_early().await.unwrap()).await, "");
        let said = peer.succeeds().await;
        assert!(said.contains("Early data was rejected") && said.contains("you said: hello"), "{said}");
        assert_eq!((server.counters().handshakes_early, server.counters().failed.total()), (1, 0));
    });
}

#[test]
fn by_default_openssl_is_not_invited_to_send_early_data_and_is_refused_when_it_does() {
    let certificates = Certificates::new();
    let files = Files::new(&certificates);
    run(async {
        let (early, port) = listen(Context::builder().early_data(16_384), &certificates).await;
        let mut peer = files.first(port, &certificates.roots_file);
        peer.tell("hello\n");
        serve(early.accept_early().await.unwrap()).await;
        peer.succeeds().await;

        let (server, port) = listen_with(Context::builder(), &certificates.server).await;
        let mut peer = files.again(port, &certificates.roots_file);
        peer.tell("hello\n");
        assert_eq!(greet(&server.accept().await.unwrap()).await, "hello");
        let said = peer.succeeds().await;
        assert!(said.contains("Early data was rejected") && said.contains("you said: hello"), "{said}");
        assert!(!said.contains("Max Early Data: 1"), "it issues no session that allows any: {said}");
    });
}
