//! What came of bytes that a session was shown, and how it goes on.

/// What [`Session::open`](super::Session::open) made of received bytes.
#[derive(Debug)]
pub(crate) struct Opened {
    /// How many bytes at the front are spent. The rest must stand at the front of the next call's bytes, unchanged.
    pub(crate) used: usize,
    /// How many bytes of content came out, early data among them.
    pub(crate) content: usize,
    /// What it has cost beside opening so many bytes, in bytes that could have been opened meanwhile.
    pub(crate) cost: usize,
    pub(crate) then: Then,
}

impl Opened {
    pub(super) fn lost() -> Self {
        Self { used: 0, content: 0, cost: 0, then: Then::Failed(rustls::Error::HandshakeNotComplete) }
    }

    /// As one call, with what comes of the rest.
    pub(super) fn and_then(self, open_rest: impl FnOnce(usize) -> Self) -> Self {
        let rest = open_rest(self.used);
        Self {
            used: self.used + rest.used,
            content: self.content + rest.content,
            cost: self.cost + rest.cost,
            then: rest.then,
        }
    }
}

/// How a session goes on.
#[derive(Debug, Default)]
pub(crate) enum Then {
    /// With more bytes, or with [the rest](super::Session::has_record) of these.
    #[default]
    Continues,
    /// The peer has said that its data is complete (`close_notify`).
    PeerFinished,
    /// Not at all. The alert that says so to the peer is in the outbox.
    Failed(rustls::Error),
}
