//! A server's connections, so that a drain can wait for them and end those that are left.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use lem_rs::transport::{SourceHandle, Transport};
use lem_rs::{Queue, StreamHandle};

use crate::transport::{Stream, Tls};

/// The connections that were handed out, or can be.
pub(super) struct Registry {
    /// By number: they are ended in the order in which they came.
    entries: RefCell<BTreeMap<u64, Entry>>,
    next: Cell<u64>,
    /// Connections that are not gone, from the moment they were accepted.
    connections: Cell<usize>,
    /// How many of them there may be.
    limit: Cell<usize>,
    /// Handlers that run.
    handlers: Cell<u64>,
    /// Signalled whenever a connection or a handler is gone, and when there may be more of them.
    changed: Queue<()>,
    is_over: Cell<bool>,
}

#[derive(Clone)]
struct Entry {
    state: State,
    handle: Handle,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Handed out with its early data; its handshake is not finished.
    Early,
    /// Its handshake is finished, and it was not accepted yet.
    Ready,
    /// Accepted.
    Open,
    /// Accepted, and our `close_notify` is queued: what is left is to be delivered.
    Closing,
}

/// Ends a connection that somebody else uses.
#[derive(Clone)]
pub(super) enum Handle {
    Handshake(SourceHandle),
    Stream(StreamHandle<Tls>, SourceHandle),
}

impl Handle {
    pub(super) fn of_handshake(tls: &Tls) -> Self {
        Self::Handshake(tls.source().handle())
    }

    /// `None` if the stream is closed.
    pub(super) fn of_stream(stream: &Stream) -> Option<Self> {
        stream.with_transport(|tls| Self::Stream(stream.handle(), tls.source().handle()))
    }

    /// Closes the stream; false if there is none that is open: it was closed, or taken apart.
    fn close(&self) -> bool {
        match self {
            Self::Handshake(_) => false,
            Self::Stream(stream, _) => stream.close().is_ok(),
        }
    }

    /// Cuts the connection off, so that the peer does not take what it got for complete; false if it is gone.
    fn cut(&self) -> bool {
        let (Self::Handshake(source) | Self::Stream(_, source)) = self;
        source.cut()
    }
}

impl Entry {
    /// Ends a connection at the deadline; false if it is about to end by itself.
    fn end(&self) -> bool {
        match self.state {
            State::Early => self.handle.cut(),
            // One that cannot be closed and has not said goodbye was taken apart.
            State::Ready | State::Open => self.handle.close() || self.handle.cut(),
            State::Closing => self.handle.close(),
        }
    }
}

impl Registry {
    /// Of connections of which so many may be open.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: RefCell::default(),
            next: Cell::new(0),
            connections: Cell::new(0),
            limit: Cell::new(limit),
            handlers: Cell::new(0),
            changed: Queue::new(),
            is_over: Cell::new(false),
        }
    }

    /// A number for a new connection, which has no entry yet; it counts until it is [removed](Self::remove).
    pub(super) fn begin(&self) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        self.connections.set(self.connections.get() + 1);
        id
    }

    /// Whether no further connection may be open.
    pub(super) fn is_full(&self) -> bool {
        self.connections.get() >= self.limit.get()
    }

    /// How many connections may be open.
    pub(super) fn limit(&self) -> usize {
        self.limit.get()
    }

    /// Sets how many connections may be open.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.set(limit);
        self.wake();
    }

    /// A handler runs, until [`end_handler`](Self::end_handler).
    pub(super) fn begin_handler(&self) {
        self.handlers.set(self.handlers.get() + 1);
    }

    /// A handler has returned, or panicked.
    pub(super) fn end_handler(&self) {
        self.handlers.set(self.handlers.get() - 1);
        self.wake();
    }

    /// How many handlers run.
    pub(super) fn handlers(&self) -> u64 {
        self.handlers.get()
    }

    /// Waits until something may have changed.
    pub(super) async fn changed(&self) {
        // The queue is private and never reset.
        let _ = self.changed.get().await;
    }

    /// Lets everybody who waits look again.
    pub(super) fn wake(&self) {
        self.changed.signal(&());
    }

    /// The connection is handed out with its early data.
    pub(super) fn mark_early(&self, id: u64, handle: Handle) {
        self.insert(id, State::Early, Some(handle));
    }

    /// The handshake is finished; the stream can be accepted.
    pub(super) fn mark_ready(&self, id: u64, stream: &Stream) {
        self.insert(id, State::Ready, Handle::of_stream(stream));
    }

    /// The stream was accepted.
    pub(super) fn mark_open(&self, id: u64, stream: &Stream) {
        self.insert(id, State::Open, Handle::of_stream(stream));
    }

    fn insert(&self, id: u64, state: State, handle: Option<Handle>) {
        let Some(handle) = handle else { return };
        let before = self.entries.borrow_mut().insert(id, Entry { state, handle });
        drop(before);
    }

    /// The connection's `close_notify` is queued.
    pub(super) fn mark_closing(&self, id: u64) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(&id)
            && entry.state == State::Open
        {
            entry.state = State::Closing;
        }
    }

    /// The connection is gone.
    pub(super) fn remove(&self, id: u64) {
        let gone = self.entries.borrow_mut().remove(&id);
        drop(gone);
        self.connections.set(self.connections.get() - 1);
        self.wake();
    }

    /// How many streams are open, accepted or not.
    pub(super) fn open(&self) -> u64 {
        self.count(|state| state != State::Early)
    }

    /// How many connections were accepted and are not gone.
    pub(super) fn accepted(&self) -> u64 {
        self.count(|state| state != State::Ready)
    }

    fn count(&self, counts: impl Fn(State) -> bool) -> u64 {
        self.entries.borrow().values().filter(|entry| counts(entry.state)).count() as u64
    }

    /// Waits until no connection is left that was handed out, and no handler.
    pub(super) async fn emptied(&self) {
        while !self.entries.borrow().is_empty() || self.handlers.get() > 0 {
            self.changed().await;
        }
    }

    /// Ends the connections that are left, and says how many it ended. Early connections yield no stream any more.
    pub(super) fn end_all(&self) -> u64 {
        self.is_over.set(true);
        let left: Vec<_> = self.entries.borrow().values().cloned().collect();
        left.iter().filter(|entry| entry.end()).count() as u64
    }

    /// Whether [`end_all`](Self::end_all) was called.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }
}
