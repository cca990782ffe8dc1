//! What one process has seen of all its connections.

use std::collections::BTreeMap;

use lem_rs::{Cut, Error};
use lem_ssl_rs::TlsError;

use crate::life::Life;
use crate::party::{Outcome, Side, Trouble};
use crate::status::Status;

/// What one process has seen of all its connections.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connections that are under way.
    pub(crate) open: u64,
    /// Connections that are over.
    pub(crate) over: u64,
    /// Of those, the ones on which everything came, both ways.
    pub(crate) whole: u64,
    pub(crate) resumed: u64,
    pub(crate) sent: u64,
    pub(crate) checked: u64,
    /// Connections on which a byte was wrong, or a part was taken for the whole.
    pub(crate) wrong: u64,
    /// Connections that broke although nobody had broken them.
    pub(crate) unexpected: u64,
    errors: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts a connection. Says what is wrong with it, if something is that nothing in its life explains.
    pub(crate) fn count(&mut self, life: &Life, side: Side, outcome: &Outcome) -> Option<String> {
        self.over += 1;
        self.sent += outcome.sent as u64;
        self.checked += outcome.checked as u64;
        let trouble = match &outcome.result {
            Ok(()) if life.is_troubled() => return None,
            Ok(()) => {
                self.whole += 1;
                return None;
            }
            Err(trouble) => trouble,
        };
        *self.errors.entry(kind(trouble)).or_default() += 1;
        let is_wrong = match trouble {
            Trouble::Wrong(_) => true,
            Trouble::Short(_) => !life.may_end_early(),
            Trouble::Broke(_) => false,
        };
        self.wrong += u64::from(is_wrong);
        let is_unexpected = !life.is_troubled() && !is_wrong;
        self.unexpected += u64::from(is_unexpected);
        (is_wrong || is_unexpected).then(|| format!("{side:?}: {trouble}; in {life:?}"))
    }

    /// Counts a connection that came to an end before anybody knew its life.
    pub(crate) fn count_nameless(&mut self, error: &Error) {
        self.over += 1;
        *self.errors.entry(kind_of(error)).or_default() += 1;
    }

    pub(crate) fn add_to(&self, status: &mut Status) {
        status.set("open", self.open);
        status.set("over", self.over);
        status.set("whole", self.whole);
        status.set("resumed", self.resumed);
        status.set("sent", self.sent);
        status.set("checked", self.checked);
        status.set("wrong", self.wrong);
        status.set("unexpected", self.unexpected);
        for (kind, count) in &self.errors {
            status.set(&format!("error:{kind}"), *count);
        }
    }
}

fn kind(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Wrong(_) => "wrong-byte",
        Trouble::Short(_) => "ended-early",
        Trouble::Broke(error) => kind_of(error),
    }
}

fn kind_of(error: &Error) -> &'static str {
    match (error, TlsError::of(error)) {
        (Error::Closed, _) => "closed",
        (Error::Interrupted, _) => "interrupted",
        (Error::Truncated(Cut::Fin), _) => "truncated",
        (Error::Truncated(Cut::Reset), _) => "reset",
        (Error::Timeout(_), _) => "timeout",
        (Error::Connect(_), _) => "connect",
        (Error::Io { .. }, _) => "io",
        (_, Some(TlsError::HandshakeCut { .. })) => "handshake-cut",
        (_, Some(TlsError::Alert { .. })) => "alert",
        (_, Some(TlsError::Certificate(_))) => "certificate",
        (_, Some(_)) => "protocol",
        _ => "other",
    }
}
