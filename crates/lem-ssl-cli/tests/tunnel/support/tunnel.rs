//! The tunnel as a process.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use lem_ssl_rs::{Context, Error, Stream, TcpStream, now, sleep};

use super::command::{Finished, Running, signal, start_by};
use super::world::World;

/// Shorter than the watchdog's, so that what was said is shown.
const PATIENCE: Duration = Duration::from_secs(50);

/// `lem-ssl tunnel`, ready.
pub(crate) struct Tunnel {
    pub(crate) running: Running,
    pub(crate) address: String,
    pub(crate) metrics: Option<String>,
}

impl Tunnel {
    /// Starts it on a free port, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_by(&[], arguments)
    }

    /// The same by way of another program.
    #[track_caller]
    pub(crate) fn start_by(by: &[&str], arguments: &[&str]) -> Self {
        let mut running = start_by(by, [&["tunnel", "--listen", "127.0.0.1:0"], arguments].concat());
        let mut lines = BufReader::new(running.stdout()).lines();
        let mut next = |what: &str| {
            let line = lines.next().and_then(Result::ok).unwrap_or_default();
            let address = line.strip_prefix(what).map(str::to_owned);
            address.unwrap_or_else(|| panic!("{line:?}, {}", running.stderr()))
        };
        let address = next("listening on ");
        let metrics = arguments.contains(&"--metrics").then(|| next("metrics on "));
        Self { running, address, metrics }
    }

    /// The same address by name.
    pub(crate) fn by_name(&self) -> String {
        format!("localhost:{}", self.address.rsplit(':').next().unwrap())
    }

    /// A client in plain text.
    pub(crate) async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.address.as_str()).await.unwrap()
    }

    /// A client that trusts the world's authority.
    pub(crate) async fn tls(&self, world: &World) -> Stream {
        self.tls_as(world, "localhost").await.unwrap()
    }

    /// One that asks for this name.
    pub(crate) async fn tls_as(&self, world: &World, name: &str) -> Result<Stream, Error> {
        client(world).connect_as(self.address.as_str(), name).await
    }

    /// Waits until it has said this, and lets the loop go on meanwhile.
    pub(crate) async fn says(&self, text: &str) {
        let end = now() + PATIENCE;
        while !self.running.stderr().contains(text) {
            assert!(now() < end, "never said {text:?}: {}", self.running.stderr());
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.running.id(), name);
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        self.running.finish()
    }
}

/// A client's context that trusts the world's authority. Each has a memory of sessions of its own.
pub(crate) fn client(world: &World) -> Context {
    Context::builder().roots(world.roots()).build().unwrap()
}
