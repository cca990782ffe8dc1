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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Wrong;
    use crate::life::{BreakOff, Carrier, End, Road};

    fn counted(life: &Life, trouble: Trouble) -> (u64, u64) {
        let mut tally = Tally::default();
        let outcome = Outcome { sent: 0, checked: 0, result: Err(trouble) };
        let told = tally.count(life, Side::Client, &outcome).is_some();
        assert_eq!(told, tally.wrong + tally.unexpected > 0);
        (tally.wrong, tally.unexpected)
    }

    #[test]
    fn where_nobody_has_broken_anything_nothing_breaks() {
        let calm = Life { road: Road::Direct, end: End::Whole, carrier: Carrier::Tls13, ..Life::of(1, 1) };
        assert_eq!(counted(&calm, Trouble::Wrong(Wrong { position: 0 })), (1, 0));
        assert_eq!(counted(&calm, Trouble::Short(7)), (1, 0));
        assert_eq!(counted(&calm, Trouble::Broke(Error::Truncated(Cut::Fin))), (0, 1));
    }

    #[test]
    fn on_a_broken_road_much_may_happen_but_no_wrong_byte_and_no_part_for_the_whole() {
        let broken = Life { road: Road::Broken, end: End::Whole, carrier: Carrier::Tls13, ..Life::of(1, 1) };
        assert_eq!(counted(&broken, Trouble::Broke(Error::Truncated(Cut::Reset))), (0, 0));
        assert_eq!(counted(&broken, Trouble::Short(7)), (1, 0));
        assert_eq!(counted(&broken, Trouble::Wrong(Wrong { position: 0 })), (1, 0));
        let aborted = Life { end: End::ClientLeaves(5, BreakOff::Abort), ..broken };
        assert_eq!(counted(&aborted, Trouble::Short(5)), (1, 0), "an abort is no end");
        let dropped = Life { end: End::ClientLeaves(5, BreakOff::Drop), ..aborted };
        assert_eq!(counted(&dropped, Trouble::Short(5)), (0, 0), "it has said goodbye early");
    }
}
