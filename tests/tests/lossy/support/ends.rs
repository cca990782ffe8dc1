//! A server on one side of the wire, clients on the other.

use std::net::SocketAddr;
use std::time::Duration;

use lem_ssl_rs::{Context, Error, Identity, Roots, Server, Stream, Version};
use lem_ssl_tests::pki::{Authority, Leaf};

use super::Wire;

/// A server on one side of the wire, clients on the other.
pub(crate) struct Ends {
    pub(crate) server: Server,
    client: Context,
    address: SocketAddr,
}

/// How long both ends wait for each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) connect: Duration,
    pub(crate) handshake: Duration,
    pub(crate) close: Duration,
}

impl Deadlines {
    /// Longer than it takes to lose packets again and again.
    pub(crate) const LONG: Self = Self {
        connect: Duration::from_secs(120),
        handshake: Duration::from_secs(120),
        close: Duration::from_secs(120),
    };
}

impl Ends {
    pub(crate) async fn open(version: Version, deadlines: Deadlines) -> Self {
        let root = Authority::new("Test Root");
        let issued = root.issue(Leaf::server(&["localhost"]));
        let common = Context::builder()
            .versions([version])
            .connect_deadline(deadlines.connect)
            .handshake_deadline(deadlines.handshake)
            .close_deadline(deadlines.close);
        let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
        let server = common.clone().roots(Roots::None).identity(identity).build().unwrap();
        let server = server.listen(SocketAddr::from((Wire::NEAR, 0))).await.unwrap();
        let address = SocketAddr::from((Wire::FAR, server.local_addr().ip().unwrap().port()));
        let client = common.roots(Roots::Pem(root.certificate_pem().into())).build().unwrap();
        Self { server, client, address }
    }

    /// A client connects.
    pub(crate) async fn connect(&self) -> Result<Stream, Error> {
        self.client.connect_as(self.address, "localhost").await
    }

    /// Both ends of a connection.
    pub(crate) async fn pair(&self) -> (Stream, Stream) {
        // The server's handshakes go on by themselves.
        let client = self.connect().await.unwrap();
        (client, self.server.accept().await.unwrap())
    }
}
