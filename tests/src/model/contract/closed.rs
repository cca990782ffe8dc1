//! How a stream was closed by its owner.

use std::time::Duration;

/// When that began, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed {
    pub(super) at: Duration,
    pub(super) manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// The peer is to get everything.
    Graceful,
    /// As before, but that was aborted, unless it was over by then.
    GivenUp,
    /// It was aborted while it was open.
    Aborted,
}

impl Closed {
    /// What becomes of a stream that was closed so `before`, if it was.
    pub(super) fn after(before: Option<Self>, now: Duration, aborts: bool) -> Self {
        match (before, aborts) {
            (None, false) => Self { at: now, manner: Manner::Graceful },
            (None, true) => Self { at: now, manner: Manner::Aborted },
            (Some(Self { at, manner: Manner::Graceful }), true) => Self { at, manner: Manner::GivenUp },
            (Some(closed), _) => closed,
        }
    }

    /// Whether nothing is waited for any more.
    pub(super) fn is_aborted(self) -> bool {
        self.manner != Manner::Graceful
    }
}
