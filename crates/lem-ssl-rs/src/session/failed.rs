//! What is left of a connection that an error has ended: no secrets (RFC 8446 section 6.2).

use super::agreed::{Agreed, Facts};
use super::{End, Session};

pub(super) struct Failed {
    is_server: bool,
    facts: Facts,
}

impl Failed {
    pub(super) fn is_server(&self) -> bool {
        self.is_server
    }

    pub(super) fn agreed(&self) -> Agreed<'_> {
        self.facts.agreed()
    }
}

impl Session {
    /// Drops the keys of a connection that has failed. Those of a handshake, and those that rustls has kept, go with the
    /// session.
    #[cold]
    pub(super) fn forget(&mut self) {
        self.end = match std::mem::replace(&mut self.end, End::Lost) {
            End::Ours(ours) => {
                let is_server = ours.records.is_server();
                End::Failed(Box::new(Failed { is_server, facts: ours.facts }))
            }
            end => end,
        };
    }
}
