//! What happens at a server: it is counted, and reported to the callback that the user has set.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use lem_rs::{Endpoint, HandlerError, longest_poll, now};

use super::counters::Counters;
use super::options::{EventHandler, ServerEvent};
use super::registry::Registry;
use crate::error::{Error, TlsError};
use crate::meter::{Meter, Metered};

/// The counters, the callback, and the registry of connections.
pub(super) struct Monitor {
    counters: RefCell<Counters>,
    pub(super) registry: Registry,
    on_event: RefCell<Option<EventHandler>>,
    refusals: Throttle,
    stops: Throttle,
}

/// Lets an event through at most once in [`EVENT_INTERVAL`]: a flood must not fill the log.
#[derive(Default)]
struct Throttle(Cell<Option<Instant>>);

const EVENT_INTERVAL: Duration = Duration::from_secs(1);

impl Throttle {
    fn is_due(&self) -> bool {
        let now = now();
        let due = self.0.get().is_none_or(|last| now.saturating_duration_since(last) >= EVENT_INTERVAL);
        if due {
            self.0.set(Some(now));
        }
        due
    }
}

/// A handler that runs, until this is dropped: by its end, or by its panic.
pub(super) struct Handling(Rc<Monitor>);

impl Drop for Handling {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.handler_panicked();
        }
        self.0.registry.end_handler();
    }
}

impl Monitor {
    /// Of a server of which so many connections may be open.
    pub(super) fn new(connections: usize) -> Rc<Self> {
        // From now on it is measured how long tasks hold the loop.
        longest_poll();
        Rc::new(Self {
            counters: RefCell::default(),
            registry: Registry::new(connections),
            on_event: RefCell::default(),
            refusals: Throttle::default(),
            stops: Throttle::default(),
        })
    }

    /// Sets the callback.
    pub(super) fn on_event(&self, on_event: EventHandler) {
        let before = self.on_event.borrow_mut().replace(on_event);
        drop(before);
    }

    /// A new connection: its number, and what it reports with.
    pub(super) fn connection(self: &Rc<Self>) -> (u64, Metered) {
        let id = self.registry.begin();
        (id, Metered::new(self.clone(), id))
    }

    pub(super) fn snapshot(&self) -> Counters {
        let loop_lag = longest_poll().unwrap_or_default();
        Counters { open: self.registry.open(), loop_lag, ..*self.counters.borrow() }
    }

    /// Counts something that is not reported.
    pub(super) fn count(&self, what: impl FnOnce(&mut Counters)) {
        what(&mut self.counters.borrow_mut());
    }

    pub(super) fn handshake_failed(&self, peer: &Endpoint, error: &Error) {
        if let Some(TlsError::Validated { name }) = TlsError::of(error) {
            self.count(|counters| counters.validations += 1);
            return self.tell(&ServerEvent::Validated { peer, name });
        }
        self.count(|counters| counters.failed.count(error));
        self.tell(&ServerEvent::HandshakeFailed { peer, error });
    }

    /// The server was closed while the client was shaking hands.
    pub(super) fn handshake_interrupted(&self) {
        self.count(|counters| counters.failed.count(&Error::Interrupted));
    }

    pub(super) fn refused(&self, peer: &Endpoint) {
        self.count(|counters| counters.refused += 1);
        if self.refusals.is_due() {
            self.tell(&ServerEvent::Refused { peer });
        }
    }

    /// As [`refused`](Self::refused), of a client whose handshake has begun: a proxy has told who it is.
    pub(super) fn refused_late(&self, client: &Endpoint) {
        self.count(|counters| counters.failed.other += 1);
        self.refused(client);
    }

    pub(super) fn paused(&self, error: &Error) {
        self.count(|counters| counters.pauses += 1);
        self.tell(&ServerEvent::Paused(error));
    }

    /// Accepting stops: as many connections are open as may be.
    pub(super) fn at_limit(&self) {
        self.count(|counters| counters.limited += 1);
        if self.stops.is_due() {
            self.tell(&ServerEvent::AtLimit { connections: self.registry.limit() });
        }
    }

    /// A handler begins.
    pub(super) fn handling(self: &Rc<Self>) -> Handling {
        self.registry.begin_handler();
        Handling(self.clone())
    }

    pub(super) fn handler_failed(&self, peer: &Endpoint, error: &HandlerError) {
        self.count(|counters| counters.handlers_failed += 1);
        self.tell(&ServerEvent::HandlerFailed { peer, error });
    }

    /// The panic hook has reported it.
    pub(super) fn handler_panicked(&self) {
        self.count(|counters| counters.handlers_panicked += 1);
    }

    pub(super) fn failed(&self, error: &Error) {
        self.tell(&ServerEvent::Failed(error));
    }

    fn tell(&self, event: &ServerEvent<'_>) {
        let on_event = self.on_event.borrow().clone();
        if let Some(on_event) = on_event {
            // A log that panics must not end the task that accepts.
            let _ = catch_unwind(AssertUnwindSafe(|| on_event(event)));
        }
    }
}

impl Meter for Monitor {
    fn received(&self, bytes: usize) {
        self.count(|counters| counters.received += bytes as u64);
    }

    fn sent(&self, bytes: usize) {
        self.count(|counters| counters.sent += bytes as u64);
    }

    fn closing(&self, id: u64) {
        self.registry.mark_closing(id);
    }

    fn remove(&self, id: u64) {
        self.registry.remove(id);
    }
}
