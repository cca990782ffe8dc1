//! A server and a proxy in front of it, for one conversation after the other.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lem_ssl_rs::danger::rustls::NamedGroup;
use lem_ssl_rs::danger::rustls::crypto::CryptoProvider;
use lem_ssl_rs::{
    ContextBuilder, Error, Identity, JoinHandle, Queue, Roots, Server, ServerEvent, Stream, Version, danger, spawn,
    unblock,
};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use lem_ssl_tests::proxy::{Faults, Proxy};
use lem_ssl_tests::records::builder;

use super::Conversation;
use super::conversation::{Goodbye, Saw, answer, ask};

/// How long anybody waits for the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For longer than anything takes on the slowest machine.
    Long,
    /// So that it comes to an end. For faults that leave both ends waiting.
    Short,
}

impl Patience {
    fn time(self) -> Duration {
        match self {
            Self::Long => Duration::from_secs(60),
            Self::Short => Duration::from_secs(2),
        }
    }
}

/// How the conversations of a lane are held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) version: Version,
    pub(crate) patience: Patience,
    pub(crate) goodbye: Goodbye,
}

/// A server, a proxy in front of it, and clients that come one after the other.
pub(crate) struct Lane {
    manner: Manner,
    server: Rc<Server>,
    accepting: JoinHandle<Result<(), Error>>,
    proxy: Arc<Proxy>,
    /// What the server saw of each connection.
    served: Queue<Saw>,
    tally: Cell<Tally>,
}

/// What a server must have counted.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    finished: u64,
    failed: u64,
}

impl Lane {
    /// A lane on which the conversations suffer these faults, in turn, and none after that.
    pub(crate) async fn open(manner: Manner, plans: Vec<Faults>) -> Self {
        let Manner { version, patience, goodbye } = manner;
        let context = server_context(version).handshake_deadline(patience.time()).build().unwrap();
        let server = Rc::new(context.listen("127.0.0.1:0").await.unwrap());
        let target = server.local_addr().ip().unwrap();
        let served = Queue::new();
        let failed = served.clone();
        server.on_event(move |event| match event {
            ServerEvent::HandshakeFailed { error, .. } => failed.put(Saw::NoHandshake((*error).clone())),
            other => panic!("{other}"),
        });
        let (accepting, streams) = (server.clone(), served.clone());
        let handler = move |stream: Stream| {
            let streams = streams.clone();
            async move { streams.put(answer(stream, patience.time(), goodbye).await) }
        };
        let accepting = spawn(async move { accepting.autospawn(handler).await });
        let plan = move |number| plans.get(number).copied().unwrap_or(Faults::NONE);
        let proxy = Arc::new(Proxy::recording(target, plan).unwrap());
        Self { manner, server, accepting, proxy, served, tally: Cell::default() }
    }

    /// Holds the next conversation.
    pub(crate) async fn converse(&self) -> Conversation {
        let Manner { version, patience, goodbye } = self.manner;
        let patience = patience.time();
        // A context of its own, so that no session is resumed: every conversation has the same records.
        let context = client_context(version).handshake_deadline(patience).connect_deadline(patience);
        let client = match context.build().unwrap().connect_as(self.proxy.address(), "localhost").await {
            Ok(stream) => ask(stream, patience, goodbye).await,
            Err(error) => Saw::NoHandshake(error),
        };
        let server = self.served.get().await.unwrap();
        let mut tally = self.tally.get();
        let number = (tally.finished + tally.failed) as usize;
        match server {
            Saw::Stream { .. } => tally.finished += 1,
            Saw::NoHandshake(_) => tally.failed += 1,
        }
        self.tally.set(tally);
        let proxy = self.proxy.clone();
        let transcript = unblock(move || proxy.transcript(number)).await.unwrap();
        Conversation { version, client, server, transcript }
    }

    /// Ends it, and looks whether the server has kept its books.
    pub(crate) async fn close(self) {
        let drained = self.server.drain(Duration::from_secs(60)).await;
        assert_eq!((drained.closed, drained.unclaimed), (0, 0));
        let over = self.accepting.await.unwrap().unwrap_err();
        assert!(matches!(over, Error::Interrupted), "{over}");
        let (counters, tally) = (self.server.counters(), self.tally.get());
        assert_eq!(counters.handshakes_finished, tally.finished, "streams and handlers");
        assert_eq!(counters.failed.total(), tally.failed, "{:?}", counters.failed);
        assert_eq!((counters.accepted, counters.open), (tally.finished + tally.failed, 0));
    }
}

fn client_context(version: Version) -> ContextBuilder {
    let roots = Roots::Pem(pki().0.certificate_pem().into());
    danger::provider(builder(), provider()).versions([version]).roots(roots)
}

fn server_context(version: Version) -> ContextBuilder {
    let issued = &pki().1;
    let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
    danger::provider(builder(), provider()).versions([version]).roots(Roots::None).identity(identity)
}

fn pki() -> &'static (Authority, Issued) {
    static PKI: OnceLock<(Authority, Issued)> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Authority::new("Test Root");
        let server = root.issue(Leaf::server(&["localhost"]));
        (root, server)
    })
}

/// Cryptography with the one key exchange that is fast and short: thousands of handshakes are made, one for each byte.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let short = || {
        let mut provider = rustls_graviola::default_provider();
        provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
        Arc::new(provider)
    };
    PROVIDER.get_or_init(short).clone()
}
