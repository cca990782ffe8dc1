//! What was said on a connection.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What both ends of a connection have sent, whatever became of it on the way.
#[derive(Debug, Clone, Default)]
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
    is_over: bool,
}

impl Record {
    pub(super) fn said(&self, way: Way, bytes: &[u8]) {
        let transcript = &mut self.so_far().transcript;
        match way {
            Way::ToServer => transcript.from_client.extend_from_slice(bytes),
            Way::ToClient => transcript.from_server.extend_from_slice(bytes),
        }
    }

    /// The connection is over.
    pub(super) fn end(&self) {
        self.so_far().is_over = true;
        self.ended.notify_all();
    }

    /// What was said; waits until the connection is over.
    pub(super) fn transcript(&self) -> Transcript {
        let over = self.ended.wait_while(self.so_far(), |so_far| !so_far.is_over);
        over.unwrap_or_else(PoisonError::into_inner).transcript.clone()
    }

    fn so_far(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
