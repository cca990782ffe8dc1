//! A back end of ours, on the machine of the test.

use lem_ssl_rs::{Context, ContextBuilder, Identity, Listener, Roots, Server, Stream, TcpStream};

use super::world::{Files, World};

/// What a tunnel connects to.
pub(crate) enum BackEnd {
    Plain(Listener),
    Tls(Server),
}

impl BackEnd {
    pub(crate) async fn plain() -> Self {
        Self::Plain(Listener::bind("127.0.0.1:0").await.unwrap())
    }

    /// One with this certificate.
    pub(crate) async fn tls(files: &Files) -> Self {
        Self::tls_with(files, |builder| builder).await
    }

    pub(crate) async fn tls_with(files: &Files, further: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Self {
        let identity = Identity::from_pem_files(&files.chain, &files.key).unwrap();
        let builder = further(Context::builder().roots(Roots::None).identity(identity));
        Self::Tls(builder.build().unwrap().listen("127.0.0.1:0").await.unwrap())
    }

    /// Its address, as a tunnel is told it.
    pub(crate) fn address(&self) -> String {
        let address = match self {
            Self::Plain(listener) => listener.local_addr(),
            Self::Tls(server) => server.local_addr(),
        };
        format!("localhost:{}", address.ip().unwrap().port())
    }

    pub(crate) async fn accept_plain(&self) -> TcpStream {
        match self {
            Self::Plain(listener) => listener.accept().await.unwrap(),
            Self::Tls(_) => panic!("it speaks TLS"),
        }
    }

    pub(crate) async fn accept_tls(&self) -> Stream {
        match self {
            Self::Plain(_) => panic!("it speaks no TLS"),
            Self::Tls(server) => server.accept().await.unwrap(),
        }
    }
}

/// A client's certificate.
pub(crate) fn client_files(world: &World) -> Files {
    world.issue("client", lem_ssl_tests::pki::Leaf::client(&["a client"]))
}

/// A client of the world's authority, with a certificate for these names; the first is its common name too.
pub(crate) fn client_as(world: &World, names: &[&str]) -> (Context, lem_ssl_tests::pki::Issued) {
    let issued = world.root.issue(lem_ssl_tests::pki::Leaf::client(names));
    let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
    (Context::builder().roots(world.roots()).identity(identity).build().unwrap(), issued)
}
