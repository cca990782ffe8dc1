//! What was said on a connection.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What both ends of a connection have sent, whatever became of it on the way.
#[derive(Clone, Default)]
pub struct Transcript {
    /// What the client has sent.
    pub from_client: Vec<u8>,
    /// What the server has sent.
    pub from_server: Vec<u8>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

/// The transcript of a connection, as it is written.
#[derive(Debug, Default)]
pub(super) struct Record {
    so_far: Mutex<SoFar>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct SoFar {
    transcript: Transcript,
    /// How many of the two directions are over.
    over: usize,
}

impl Record {
    pub(super) fn said(&self, way: Way, bytes: &[u8]) {
        let transcript = &mut self.so_far().transcript;
        match way {
            Way::ToServer => transcript.from_client.extend_from_slice(bytes),
            Way::ToClient => transcript.from_server.extend_from_slice(bytes),
        }
    }

    /// One direction is over: its sender has said everything.
    pub(super) fn over(&self) {
        self.so_far().over += 1;
        self.ended.notify_all();
    }

    /// What was said; waits until both directions are over.
    pub(super) fn transcript(&self) -> Transcript {
        let over = self.ended.wait_while(self.so_far(), |so_far| so_far.over < 2);
        over.unwrap_or_else(PoisonError::into_inner).transcript.clone()
    }

    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much it is: nobody reads the rest.
impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_client, from_server } = self;
        write!(f, "{} bytes from the client, {} from the server", from_client.len(), from_server.len())
    }
}
