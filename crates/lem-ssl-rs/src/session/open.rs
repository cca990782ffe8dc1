//! Opening records: one at a time, so that what they cost is known, and bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lem_rs::transport::{InputBuffer, Outbox};
use rustls::PeerMisbehaved;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::alert::{self, send_alert};
use super::connection::{Connection, encode};
use super::record::next_record;
use super::refused_early::{Fate, is_too_short};
use super::{KeyAnswer, Opened, Then, cost};
use crate::identity::is_diverted;

/// What a session keeps between two calls of [`open`].
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many bytes at the front rustls has seen and needs to see again: a handshake message that is not complete.
    pub(super) held: usize,
    pub(super) key_answer: KeyAnswer,
}

/// Where what comes out of records goes.
pub(super) struct Sink<'a> {
    pub(super) input: &'a mut InputBuffer,
    /// `None` for an end that receives no early data.
    pub(super) early: Option<&'a mut Vec<u8>>,
    pub(super) outbox: &'a mut Outbox,
    /// Whether we may still send.
    pub(super) may_send: bool,
    /// Whether the records after the handshake are to be ours.
    pub(super) converts: bool,
    /// Whether another connection may still answer the client: a server has answered no hello yet.
    pub(super) may_divert: bool,
}

/// Who goes on with the records that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Rustls,
    /// The handshake is finished, and rustls holds nothing that was received or is to be sent.
    Ours,
}

impl Sink<'_> {
    /// The same, for a part of its time.
    pub(super) fn reborrow(&mut self) -> Sink<'_> {
        Sink { input: self.input, early: self.early.as_deref_mut(), outbox: self.outbox, ..*self }
    }

    /// Whether the handshake is finished, and the records that follow are to be ours.
    fn is_finished(&self, connection: &impl Connection) -> bool {
        let common = connection.common();
        self.may_send && self.converts && !common.is_handshaking() && !common.wants_write()
    }
}

/// See [`Session::open`](super::Session::open).
pub(super) fn open<C: Connection>(
    connection: &mut C,
    progress: &mut Progress,
    received: &mut [u8],
    mut sink: Sink<'_>,
) -> (Opened, Next) {
    let (mut used, mut content, mut cost) = (0, 0, 0);
    loop {
        let was_handshaking = connection.common().is_handshaking();
        let rest = &mut received[used..];
        let held = progress.held;
        let complete = next_record(&rest[held..]).unwrap_or(0);
        // An incomplete record is shown too: its header may be wrong.
        let fed = if complete > 0 { held + complete } else { rest.len() };
        let follows = fed < rest.len();
        let tickets = connection.tickets();
        let record = &rest[held..held + complete];
        let is_short = complete > 0 && is_too_short(record);
        let is_goodbye = is_plain_goodbye(record) && was_handshaking;
        let mut fate = if complete > 0 { connection.judge(record) } else { Fate::Shown };
        let mut step = Step::default();
        if let Fate::Shown | Fate::ShownFirst(_) = fate {
            let shown = Shown { records: &mut rest[..fed], follows };
            step = advance(connection, shown, &mut progress.key_answer, &mut sink);
            connection.look_for_early_keys();
        }
        if let Fate::ShownFirst(record) = &fate {
            let is_taken = step.used > 0 || matches!(step.then, Then::Failed(_));
            fate = connection.try_again(record, is_taken);
        }
        if is_goodbye && matches!(step.then, Then::Continues) {
            step.then = Then::PeerFinished;
        }
        // rustls has passed over it without counting anything, and would do so with any number of them.
        if is_short && step.used == 0 && matches!(step.then, Then::Continues) {
            fate = Fate::Unexpected;
        }
        match fate {
            Fate::Shown | Fate::ShownFirst(_) => {}
            Fate::Dropped => {
                debug_assert_eq!(held, 0, "what is held belongs to the handshake");
                step.used = complete;
            }
            Fate::TooMuch => step.then = Then::Failed(PeerMisbehaved::TooMuchEarlyDataReceived.into()),
            Fate::Unexpected => step.then = Then::Failed(PeerMisbehaved::IllegalTlsInnerPlaintext.into()),
        }
        used += step.used;
        content += step.content + step.early;
        if let Then::Failed(error) = &step.then
            && !(sink.may_divert && is_diverted())
        {
            let before = alert::is_before_the_record_counts(error);
            let seen = if before { held.saturating_sub(step.used) } else { fed - step.used };
            send_alert(connection, &received[used..used + seen], error, sink.outbox, sink.may_send);
        }
        if !matches!(step.then, Then::Continues) {
            // rustls looks at nothing any more.
            progress.held = 0;
            return (Opened { used, content, cost, then: step.then }, Next::Rustls);
        }
        progress.held = (held + complete).saturating_sub(step.used);
        if complete > 0 {
            // What is held may be opened again.
            cost += held;
            cost += match fate {
                Fate::Dropped => cost::of_dropped(complete),
                _ => {
                    let tickets = (connection.tickets() - tickets) as usize;
                    cost::of_record(complete, step.content + step.early, tickets)
                }
            };
        }
        // rustls would not give the answer to new keys that it keeps back. And once it may have taken new keys, those that the
        // handshake has told are others.
        let has_seen_no_more = was_handshaking && progress.held == 0 && progress.key_answer == KeyAnswer::Due;
        if has_seen_no_more && sink.is_finished(connection) {
            return (Opened { used, content, cost, then: Then::Continues }, Next::Ours);
        }
        if complete == 0 || cost >= cost::MAX || progress.held == received.len() - used {
            return (Opened { used, content, cost, then: Then::Continues }, Next::Rustls);
        }
    }
}

/// Whether a record is a `close_notify` in the clear. rustls does not believe it, but during a handshake it says no more
/// than the FIN that may stand in its place.
fn is_plain_goodbye(record: &[u8]) -> bool {
    matches!(record, [21, _, _, 0, 2, 1, 0])
}

/// What came of the records that rustls was shown.
#[derive(Default)]
struct Step {
    used: usize,
    /// How many bytes of content came out.
    content: usize,
    /// How many bytes of early data came out.
    early: usize,
    then: Then,
}

/// What rustls is shown.
struct Shown<'a> {
    records: &'a mut [u8],
    /// Whether there is another record behind these.
    follows: bool,
}

/// Shows rustls records until it wants more; if another record follows, only until it has taken these.
fn advance<C: Connection>(
    connection: &mut C,
    shown: Shown<'_>,
    key_answer: &mut KeyAnswer,
    sink: &mut Sink<'_>,
) -> Step {
    let Shown { records, follows } = shown;
    let mut step = Step::default();
    loop {
        let Some(status) = process(connection, &mut records[step.used..], sink.may_send) else {
            return Step { then: Then::Failed(rustls::Error::DecryptError), ..step };
        };
        let UnbufferedStatus { mut discard, state } = status;
        let mut failed = None;
        let over = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            discard += record.discard;
                            sink.input.extend(record.payload);
                            step.content += record.payload.len();
                        }
                        Err(error) => failed = Some(error),
                    }
                }
                // A record of content leaves nothing else to do.
                follows && step.used + discard == records.len()
            }
            Ok(ConnectionState::ReadEarlyData(data)) => {
                if let Some(early) = sink.early.as_deref_mut() {
                    let before = early.len();
                    match C::read_early(data, early) {
                        Ok(spent) => discard += spent,
                        Err(error) => failed = Some(error),
                    }
                    step.early += early.len() - before;
                }
                false
            }
            Ok(ConnectionState::EncodeTlsData(message)) => {
                encode(message, sink.outbox);
                false
            }
            // What was encoded stands in the outbox, which keeps the order: as good as sent.
            Ok(ConnectionState::TransmitTlsData(message)) => {
                message.done();
                false
            }
            Ok(ConnectionState::PeerClosed) => {
                step.then = Then::PeerFinished;
                false
            }
            Err(error) => {
                failed = Some(error);
                false
            }
            Ok(ConnectionState::WriteTraffic(mut writer)) => {
                // rustls keeps the answer to a KeyUpdate until there is content to send, which may be never. To be
                // asked for content, and given no room for it, brings the answer out, and nothing else. A single record of
                // content has asked for no new keys.
                if step.content == 0 && sink.may_send && *key_answer == KeyAnswer::Due {
                    let _ = writer.encrypt(&[0], &mut []);
                    if connection.common().wants_write() {
                        *key_answer = KeyAnswer::Sent;
                    }
                }
                true
            }
            // BlockedHandshake, Closed: it is the peer's turn, or nobody's.
            Ok(_) => true,
        };
        step.used += discard;
        if let Some(error) = failed {
            return Step { then: Then::Failed(error), ..step };
        }
        if over && !connection.common().wants_write() {
            return step;
        }
    }
}

/// After our goodbye, rustls asserts in debug builds that it has no alert to send: a peer must not make anybody panic by
/// sending what deserves one. `None` if it did; the connection is not used again then.
fn process<'c, 'i, C: Connection>(
    connection: &'c mut C,
    records: &'i mut [u8],
    may_send: bool,
) -> Option<UnbufferedStatus<'c, 'i, C::Data>> {
    if may_send {
        return Some(connection.process(records));
    }
    let shown = AssertUnwindSafe((connection, records));
    catch_unwind(move || {
        let shown = shown;
        let (connection, records) = shown.0;
        connection.process(records)
    })
    .ok()
}
