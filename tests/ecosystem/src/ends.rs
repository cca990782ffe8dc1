//! Two ends on this machine.

use std::time::Duration;

use lem_ssl_rs::{Context, Identity, Roots, Server, Stream, timeout};
use lem_ssl_tests::watched_machine;

/// The name that the server's certificate is for.
const NAME: &str = "localhost";

/// A server and a client that trusts it.
#[derive(Debug)]
pub struct Ends {
    /// Listens at a port that was free.
    pub server: Server,
    /// Connects to it.
    pub client: Context,
    /// What the client trusts.
    pub roots: String,
}

impl Ends {
    /// Both speak all of these protocols, by ALPN.
    ///
    /// # Panics
    /// If that fails.
    pub async fn new(protocols: &[&str]) -> Self {
        let identity = Identity::self_signed([NAME]).expect("an identity can be made");
        let roots = identity.chain_pem();
        let server = Context::builder().roots(Roots::None).identity(identity).alpn(protocols.iter().copied());
        let client = Context::builder().roots(Roots::Pem(roots.clone().into())).alpn(protocols.iter().copied());
        let server = server.build().expect("a server's context").listen("127.0.0.1:0").await.expect("a port is free");
        Self { server, client: client.build().expect("a client's context"), roots }
    }

    /// From here on the client offers this protocol only.
    ///
    /// # Panics
    /// If that fails.
    pub fn speak(&mut self, protocol: &str) {
        let roots = Roots::Pem(self.roots.clone().into());
        self.client = Context::builder().roots(roots).alpn([protocol]).build().expect("a client's context");
    }

    /// Where the server listens.
    pub fn port(&self) -> u16 {
        self.server.local_addr().ip().map_or(0, |address| address.port())
    }

    /// Connects.
    ///
    /// # Panics
    /// If that fails.
    pub async fn connect(&self) -> Stream {
        self.client.connect_as(("127.0.0.1", self.port()), NAME).await.expect("the server answers")
    }

    /// The two ends of one connection: the server's, and the client's.
    ///
    /// # Panics
    /// If that fails.
    pub async fn pair() -> (Stream, Stream) {
        let ends = Self::new(&[]).await;
        let (near, far) = futures_util::join!(ends.server.accept(), ends.connect());
        (near.expect("the handshake succeeds"), far)
    }
}

/// Runs a test on a machine that finds tasks which nobody can wake.
///
/// # Panics
/// If it fails, or hangs.
#[track_caller]
pub fn run<T>(test: impl Future<Output = T>) -> T {
    const MAX: Duration = Duration::from_secs(120);
    watched_machine().run(timeout(MAX, test)).expect("nothing waits in vain").expect("the test hangs")
}

/// Bytes of which no two neighbourhoods are alike.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..size as u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
