//! What is left of a connection that an error has ended: no secrets (RFC 8446 section 6.2).

use rustls::Tls13CipherSuite;

use super::agreed::{Agreed, Facts};
use super::{End, Session};

pub(super) struct Failed {
    is_server: bool,
    suite: &'static Tls13CipherSuite,
    facts: Facts,
}

impl Failed {
    pub(super) fn is_server(&self) -> bool {
        self.is_server
    }

    pub(super) fn agreed(&self) -> Agreed<'_> {
        self.facts.agreed(self.suite)
    }
}

impl Session {
    /// Drops the keys of a connection that has failed. Those of a handshake, and those that rustls has kept, go with the
    /// session.
    #[cold]
    pub(super) fn forget(&mut self) {
        if let End::Ours(ours) = &mut self.end {
            let (is_server, suite) = (ours.records.is_server(), ours.records.suite());
            let facts = ours.facts.take();
            // Dropped where they are, the keys zero themselves.
            self.end = End::Failed(Box::new(Failed { is_server, suite, facts }));
        }
    }
}
