//! Opening records: one at a time, so that what they cost is known, and bounded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lem_rs::transport::{InputBuffer, Outbox};
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::alert::{self, send_alert};
use super::connection::{Connection, encode};
use super::{KeyAnswer, Opened, Pace, Then};

// Costs are told in bytes that could be received meanwhile, at about a quarter of a nanosecond each. The times were
// measured on an AMD EPYC.

/// What a record costs beside its bytes: 0.25 microseconds for its nonce, its tag and an allocation.
const RECORD_COST: usize = 1024;

/// A byte of padding is looked at by itself, which takes as long as opening so many more.
const PADDING_COST: usize = 3;

/// What a record without content may cost more: the next step of the key schedule takes 2 microseconds, and the answer
/// as much again.
const MESSAGE_COST: usize = 16 * 1024;

/// What a ticket costs: 0.6 microseconds or more for its secret and for storing it. A record may hold 900.
const TICKET_COST: usize = 4 * 1024;

/// One call costs no more than this beside the bytes themselves: about a tenth of a millisecond.
const MAX_COST: usize = 256 * 1024;

const HEADER: usize = 5;

/// What a record is longer than its content without padding: 5 of header, 8 of nonce, 16 of tag, 1 of type, at most.
const MAX_OVERHEAD: usize = 32;

/// What a session keeps between two calls of [`open`].
#[derive(Debug)]
pub(super) struct Progress {
    /// How many bytes at the front rustls has seen and needs to see again: a handshake message that is not complete.
    pub(super) held: usize,
    pub(super) key_answer: KeyAnswer,
}

/// The length of the record at the front, if all of it is there.
pub(super) fn next_record(bytes: &[u8]) -> Option<usize> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    (rest.len() >= length).then_some(HEADER + length)
}

/// Where the last complete record ends.
fn complete_records(mut bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(length) = next_record(bytes) {
        end += length;
        bytes = &bytes[length..];
    }
    end
}

/// Where what comes out of records goes.
pub(super) struct Sink<'a> {
    pub(super) input: &'a mut InputBuffer,
    /// `None` for an end that receives no early data.
    pub(super) early: Option<&'a mut Vec<u8>>,
    pub(super) outbox: &'a mut Outbox,
    /// Whether we may still send.
    pub(super) may_send: bool,
}

/// See [`Session::open`](super::Session::open).
pub(super) fn open<C: Connection>(
    connection: &mut C,
    progress: &mut Progress,
    pace: Pace,
    received: &mut [u8],
    mut sink: Sink<'_>,
) -> Opened {
    let (mut used, mut content, mut cost) = (0, 0, 0);
    loop {
        let rest = &mut received[used..];
        let held = progress.held;
        let complete = match pace {
            Pace::Whole => complete_records(&rest[held..]),
            Pace::Stepwise => next_record(&rest[held..]).unwrap_or(0),
        };
        // An incomplete record is shown too: its header may be wrong.
        let fed = match pace {
            Pace::Stepwise if complete > 0 => held + complete,
            _ => rest.len(),
        };
        let tickets = connection.tickets();
        let follows = fed < rest.len();
        let step = advance(connection, &mut rest[..fed], follows, &mut progress.key_answer, &mut sink);
        used += step.used;
        content += step.content + step.early;
        if let Then::Failed(error) = &step.then {
            let before = alert::is_before_the_record_counts(error);
            let seen = if before { held.saturating_sub(step.used) } else { fed - step.used };
            send_alert(connection, &received[used..used + seen], error, sink.outbox, sink.may_send);
        }
        if !matches!(step.then, Then::Continues) {
            // rustls looks at nothing any more.
            progress.held = 0;
            return Opened { used, content, cost, then: step.then };
        }
        progress.held = (held + complete).saturating_sub(step.used);
        if complete > 0 {
            cost += RECORD_COST + TICKET_COST * (connection.tickets() - tickets) as usize;
            cost += match step.content {
                0 => MESSAGE_COST,
                content => PADDING_COST * complete.saturating_sub(content + MAX_OVERHEAD),
            };
        }
        if complete == 0 || cost >= MAX_COST || progress.held == received.len() - used {
            return Opened { used, content, cost, then: Then::Continues };
        }
    }
}

/// What came of the records that rustls was shown.
struct Step {
    used: usize,
    /// How many bytes of content came out.
    content: usize,
    /// How many bytes of early data came out.
    early: usize,
    then: Then,
}

/// Shows rustls `records` until it wants more; if another record `follows`, only until it has taken these.
fn advance<C: Connection>(
    connection: &mut C,
    records: &mut [u8],
    follows: bool,
    key_answer: &mut KeyAnswer,
    sink: &mut Sink<'_>,
) -> Step {
    let mut step = Step { used: 0, content: 0, early: 0, then: Then::Continues };
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
                // asked for content, and given no room for it, brings the answer out, and nothing else. A record of content
                // has asked for no new keys.
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
