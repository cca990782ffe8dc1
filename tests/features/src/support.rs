//! A client and a server in one machine, made with what a program has.

use std::future::Future;
use std::sync::OnceLock;

use lem_ssl_pki::{Authority, Issued, Leaf};
use lem_ssl_rs::{Context, ContextBuilder, Error, Identity, Machine, Roots, Stream, danger, spawn};

/// Whether the library brings a provider.
pub(crate) const HAS_PROVIDER: bool = cfg!(any(feature = "graviola", feature = "ring", feature = "aws-lc-rs"));

pub(crate) struct Pki {
    pub(crate) root: Authority,
    pub(crate) server: Issued,
    pub(crate) client: Issued,
}

pub(crate) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Authority::new("Test Root");
        let server = root.issue(Leaf::server(&["localhost", "127.0.0.1"]));
        let client = root.issue(Leaf::client(&["client.test"]));
        Pki { root, server, client }
    })
}

/// With the library's provider, or where it has none with one that we give.
pub(crate) fn builder() -> ContextBuilder {
    let builder = Context::builder();
    if HAS_PROVIDER { builder } else { danger::provider(builder, rustls_graviola::default_provider().into()) }
}

pub(crate) fn roots() -> Roots {
    Roots::Pem(pki().root.certificate_pem().into_bytes())
}

pub(crate) fn client() -> ContextBuilder {
    builder().roots(roots())
}

pub(crate) fn server() -> ContextBuilder {
    builder().roots(Roots::None).identity(identity(&pki().server))
}

pub(crate) fn identity(issued: &Issued) -> Identity {
    Identity::from_der(issued.chain_der.clone(), issued.private_key())
}

pub(crate) fn run<T>(main: impl Future<Output = T>) -> T {
    Machine::new().unwrap().run(main).unwrap()
}

/// Both ends of a connection over the loopback interface; the server's comes second.
pub(crate) async fn connected(client: &Context, server: &Context) -> (Stream, Stream) {
    let (client, server) = try_connected(client, server).await;
    (client.unwrap(), server.unwrap())
}

/// The same, of ends that may not like each other.
pub(crate) async fn try_connected(
    client: &Context,
    server: &Context,
) -> (Result<Stream, Error>, Result<Stream, Error>) {
    let listener = lem_ssl_rs::Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().to_string();
    let server = server.clone();
    let serving = spawn(async move { server.upgrade_server(listener.accept().await?).await });
    let plain = lem_ssl_rs::TcpStream::connect(address).await.unwrap();
    let connected = client.upgrade(plain, "localhost").await;
    (connected, serving.await.unwrap())
}
