//! Sessions that the server itself remembers: for clients that know no tickets, and where a session is to be resumed once.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::SharedSecret;
use rustls::server::StoresServerSessions;
use rustls::time_provider::TimeProvider;

use super::SystemClock;
use super::keys::{MAX_TICKET, PERIOD};

/// Remembers the newest sessions, within bounds of their number, their size and their age: what clients make us store costs
/// others a full handshake at most.
pub(crate) struct SessionMemory {
    sessions: Mutex<Sessions>,
    clock: Arc<dyn TimeProvider>,
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<Vec<u8>, Session>,
    /// The identifiers with the numbers of their sessions, the oldest first. Those of sessions that were taken, or stored
    /// again, stay until it is their turn.
    order: VecDeque<(Vec<u8>, u64)>,
    next: u64,
    /// What all sessions take, with their identifiers.
    bytes: usize,
}

struct Session {
    number: u64,
    begun: u64,
    /// Overwritten when it is dropped.
    secrets: SharedSecret,
}

impl SessionMemory {
    pub(crate) fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    pub(super) fn with_clock(clock: Arc<dyn TimeProvider>) -> Self {
        Self { sessions: Mutex::default(), clock }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Option<u64> {
        self.clock.current_time().map(|time| time.as_secs())
    }

    fn is_fresh(&self, session: &Session) -> bool {
        self.now().is_some_and(|now| session.is_fresh(now))
    }
}

impl Session {
    /// Whether it is not too old. A clock that was set back makes none younger.
    fn is_fresh(&self, now: u64) -> bool {
        now.checked_sub(self.begun).is_some_and(|age| age < MAX_AGE)
    }
}

impl Sessions {
    fn remove(&mut self, id: &[u8]) -> Option<Session> {
        let session = self.by_id.remove(id)?;
        self.bytes -= id.len() + session.secrets.secret_bytes().len();
        Some(session)
    }

    /// Forgets the oldest until the bounds hold.
    fn shrink(&mut self, now: u64) {
        while let Some((id, number)) = self.order.front() {
            let session = self.by_id.get(id).filter(|session| session.number == *number);
            let is_full = self.order.len() > MAX_SESSIONS || self.bytes > MAX_BYTES;
            if !is_full && session.is_some_and(|session| session.is_fresh(now)) {
                return;
            }
            let is_stored = session.is_some();
            let Some((id, _)) = self.order.pop_front() else { return };
            if is_stored {
                self.remove(&id);
            }
        }
    }
}

impl StoresServerSessions for SessionMemory {
    fn put(&self, id: Vec<u8>, value: Vec<u8>) -> bool {
        let secrets = SharedSecret::from(value);
        // As with tickets: large certificates of clients are inside.
        let (size, now) = (id.len() + secrets.secret_bytes().len(), self.now());
        let Some(begun) = now.filter(|_| size <= MAX_TICKET) else { return false };
        let sessions = &mut *self.sessions();
        sessions.remove(&id);
        let number = sessions.next;
        sessions.next += 1;
        sessions.bytes += size;
        sessions.order.push_back((id.clone(), number));
        sessions.by_id.insert(id, Session { number, begun, secrets });
        sessions.shrink(begun);
        true
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let sessions = self.sessions();
        let session = sessions.by_id.get(id)?;
        self.is_fresh(session).then(|| session.secrets.secret_bytes().to_vec())
    }

    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        let session = self.sessions().remove(id)?;
        self.is_fresh(&session).then(|| session.secrets.secret_bytes().to_vec())
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// Shows how many there are; never a secret.
impl fmt::Debug for SessionMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMemory").field("sessions", &self.sessions().by_id.len()).finish_non_exhaustive()
    }
}

/// A session takes some 200 bytes, and as many more as the client's certificates have.
pub(super) const MAX_SESSIONS: usize = 4096;

/// Enough for all of them with small certificates.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// As long as a ticket is good for at least.
pub(super) const MAX_AGE: u64 = PERIOD;
