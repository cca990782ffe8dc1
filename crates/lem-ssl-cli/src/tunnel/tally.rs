//! What the tunnel counts.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lem_ssl_rs::{Queue, now};

use super::credentials::Credentials;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Both sides have ended what they sent.
    Finished,
    /// The client's connection was cut or failed.
    ClientCut,
    /// The back end's was.
    BackEndCut,
    /// The client ended its side properly, and did not take all of what the back end sent.
    ClientLeft,
    /// The back end ended its side properly, and did not take all of what the client sent.
    BackEndLeft,
    /// Nothing moved for too long.
    Idle,
    /// The tunnel was asked to end.
    Drained,
    /// The client is a proxy, and does not say for whom it speaks.
    NoHeader,
    /// The client's certificate is on no list of those who may come in.
    Denied,
    /// No back end is for the name that the client asked for.
    NoRoute,
    /// The back end could not be connected to.
    Unreachable,
    /// The handshake with the back end failed.
    HandshakeFailed,
    /// The tunnel had no descriptor, memory or port left for a connection to the back end.
    Shortage,
    /// The system did not let the tunnel connect to the back end.
    Forbidden,
}

impl Outcome {
    pub(super) const ALL: [Self; 14] = [
        Self::Finished,
        Self::ClientCut,
        Self::BackEndCut,
        Self::ClientLeft,
        Self::BackEndLeft,
        Self::Idle,
        Self::Drained,
        Self::NoHeader,
        Self::Denied,
        Self::NoRoute,
        Self::Unreachable,
        Self::HandshakeFailed,
        Self::Shortage,
        Self::Forbidden,
    ];

    /// The name that monitoring knows it by: never given another meaning.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientCut => "client_cut",
            Self::BackEndCut => "backend_cut",
            Self::ClientLeft => "client_left",
            Self::BackEndLeft => "backend_left",
            Self::Idle => "idle",
            Self::Drained => "drained",
            Self::NoHeader => "no_header",
            Self::Denied => "denied",
            Self::NoRoute => "no_route",
            Self::Unreachable => "backend_unreachable",
            Self::HandshakeFailed => "backend_handshake",
            Self::Shortage => "shortage",
            Self::Forbidden => "forbidden",
        }
    }

    /// Whether somebody should look at it: it is about the back ends, or who tries to come in.
    pub(super) fn is_failure(self) -> bool {
        matches!(
            self,
            Self::BackEndCut
                | Self::NoHeader
                | Self::Denied
                | Self::NoRoute
                | Self::Unreachable
                | Self::HandshakeFailed
                | Self::Shortage
                | Self::Forbidden
        )
    }

    /// For the log.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientCut => "cut, by the client",
            Self::BackEndCut => "cut, by the back end",
            Self::ClientLeft => "finished, the client did not take everything",
            Self::BackEndLeft => "finished, the back end did not take everything",
            Self::Idle => "cut, nothing moved for too long",
            Self::Drained => "cut, the time to finish is over",
            Self::NoHeader => "refused, a proxy has to say for whom it speaks",
            Self::Denied => "refused, no --allow list has this client",
            Self::NoRoute => "refused, no back end is for the name that it asks for",
            Self::Unreachable | Self::HandshakeFailed => "cut, the back end cannot be reached",
            Self::Shortage => "cut, the tunnel has no descriptor, memory or port left",
            Self::Forbidden => "cut, the system does not let the tunnel connect",
        }
    }
}

/// Counts connections. Bytes are counted by route.
#[derive(Debug, Default)]
pub(super) struct Tally {
    accepted: Cell<u64>,
    open: Cell<u64>,
    ended: RefCell<[u64; Outcome::ALL.len()]>,
    /// Connections of clients with certificates, by who they are.
    clients: RefCell<BTreeMap<String, u64>>,
    emptied: Queue<()>,
}

/// So many clients are counted each by itself; the others together. An authority may have issued any number of
/// certificates.
const MAX_CLIENTS: usize = 100;

/// Those that are counted together. No subject is written like that.
const OTHER_CLIENTS: &str = "(others)";

/// A connection that is open, from the moment at which it was accepted.
#[derive(Debug)]
pub(super) struct Open {
    /// Counted from 1.
    pub(super) number: u64,
    begun: Instant,
    tally: Rc<Tally>,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) accepted: u64,
    pub(super) open: u64,
    /// In the order of [`Outcome::ALL`].
    pub(super) ended: [u64; Outcome::ALL.len()],
}

impl Tally {
    /// A client is here.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        self.accepted.set(self.accepted.get() + 1);
        self.open.set(self.open.get() + 1);
        Open { number: self.accepted.get(), begun: now(), tally: self.clone() }
    }

    /// A client that may come in.
    pub(super) fn admitted(&self, credentials: Option<&Credentials>) {
        let Some(credentials) = credentials else { return };
        let mut clients = self.clients.borrow_mut();
        let label = credentials.label();
        let is_new = clients.len() >= MAX_CLIENTS && !clients.contains_key(&label);
        *clients.entry(if is_new { OTHER_CLIENTS.to_owned() } else { label }).or_default() += 1;
    }

    /// Connections of clients with certificates, by who they are.
    pub(super) fn clients(&self) -> BTreeMap<String, u64> {
        self.clients.borrow().clone()
    }

    pub(super) fn ended(&self, outcome: Outcome) {
        let place = Outcome::ALL.iter().position(|&one| one == outcome);
        if let Some(place) = place {
            self.ended.borrow_mut()[place] += 1;
        }
    }

    /// How many connections are open.
    pub(super) fn left(&self) -> u64 {
        self.open.get()
    }

    /// Waits until none is.
    pub(super) async fn emptied(&self) {
        while self.open.get() > 0 {
            // The queue is private: nobody resets it.
            let _ = self.emptied.get().await;
        }
    }

    pub(super) fn totals(&self) -> Totals {
        Totals { accepted: self.accepted.get(), open: self.open.get(), ended: *self.ended.borrow() }
    }
}

impl Open {
    /// How long it has been open.
    pub(super) fn lasted(&self) -> Duration {
        now().saturating_duration_since(self.begun)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tally.open.set(self.tally.open.get() - 1);
        if self.tally.open.get() == 0 {
            self.tally.emptied.signal(&());
        }
    }
}
