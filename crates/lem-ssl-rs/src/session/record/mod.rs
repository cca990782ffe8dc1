//! The records of TLS 1.3 after the handshake (RFC 8446 sections 4.6, 5 and 6): bytes in, decisions out, without a
//! socket and without a clock.
//!
//! rustls shakes hands, and keeps a client's secrets and tickets ([`Kernel`]); the provider's AEAD objects open records
//! where they stand and seal them; what is between is here. `RFC8446.md` beside this file says which clause is kept where,
//! and which test shows it. rustls 0.24 is to have the same in its own interface: then this module goes.

use lem_rs::transport::{InputBuffer, Outbox};
use rustls::{
    AlertDescription, ContentType, Error, ExtractedSecrets, InvalidMessage, PeerMisbehaved, Tls13CipherSuite,
};

use super::cost;
use super::{Opened, Then, Unsealed};

mod alert;
mod frame;
mod kernel;
mod keys;
mod messages;
mod ticket;
mod violation;

pub(super) use frame::{HEADER, MAX_CONTENT, MAX_SEALED, next_record};
pub(super) use kernel::Kernel;

use alert::{CLOSE_NOTIFY, Told, fatal};
use frame::{is_ready, split_record};
use keys::{Key, Opening, Sealing};
use messages::{Joining, Message, take_message};
use violation::Violation;

/// The records of one connection.
pub(super) struct Records {
    kernel: Kernel,
    suite: &'static Tls13CipherSuite,
    opening: Opening,
    sealing: Sealing,
    joining: Joining,
    tolerance: Tolerance,
    answer: KeyAnswer,
    /// How much goes into one record.
    max_content: u16,
}

/// Whether a request for new keys is answered at once. RFC 8446 section 4.6.3: an answer must come before our next content,
/// and one is enough for all requests until then. A peer gives up after some dozens of them without content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyAnswer {
    /// None was sent since our last content.
    AtOnce,
    Sent,
    /// One was sent, and another request has come since: its answer stands before our next content.
    Owed,
}

/// What is allowed and useless, and how often a peer may still do it. The numbers are those of rustls and `BoringSSL`.
struct Tolerance {
    /// Records without content, one after the other.
    empty: u8,
    /// New keys without content between them, beside those that we have asked for.
    key_updates: u8,
    /// `user_canceled` without the `close_notify` that belongs to it; in all.
    warnings: u8,
    /// Tickets that are kept without content between them. Those above this are read, and no more.
    tickets: u8,
}

const MAX_EMPTY: u8 = 32;
const MAX_KEY_UPDATES: u8 = 32;
const MAX_WARNINGS: u8 = 4;

/// rustls' own memory has room for 8 of a server, and each that is kept costs a copy of the server's certificates: with all
/// 900 that a record may hold, that would be 60 MB.
const MAX_TICKETS: u8 = 32;

/// A `KeyUpdate`, up to the byte that says whether the peer is asked for the same.
const KEY_UPDATE: [u8; 4] = [24, 0, 0, 1];

/// More than a record is longer than its content, with a `KeyUpdate` before it.
const MAX_OVERHEAD: usize = 64;

/// What a record was.
struct Record {
    length: usize,
    content: usize,
    tickets: usize,
    is_end: bool,
}

fn take_one(left: &mut u8, what: PeerMisbehaved) -> Result<(), Violation> {
    *left = left.checked_sub(1).ok_or_else(|| Violation::too_many(what))?;
    Ok(())
}

impl Records {
    /// Goes on where rustls has stopped.
    ///
    /// # Errors
    /// If the secrets are of an unknown cipher.
    pub(super) fn new(
        secrets: ExtractedSecrets,
        kernel: Kernel,
        suite: &'static Tls13CipherSuite,
        max_content: u16,
    ) -> Result<Self, Error> {
        let ExtractedSecrets { rx: (received, rx), tx: (sent, tx) } = secrets;
        Ok(Self {
            kernel,
            suite,
            opening: Opening::new(Key::extracted(rx)?, received),
            sealing: Sealing::new(Key::extracted(tx)?, sent),
            joining: Joining::default(),
            tolerance: Tolerance {
                empty: MAX_EMPTY,
                key_updates: MAX_KEY_UPDATES,
                warnings: MAX_WARNINGS,
                tickets: MAX_TICKETS,
            },
            answer: KeyAnswer::AtOnce,
            max_content,
        })
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(self.kernel, Kernel::Server(_))
    }

    pub(super) fn suite(&self) -> &'static Tls13CipherSuite {
        self.suite
    }

    fn max_content(&self) -> usize {
        self.max_content.into()
    }

    /// See [`Session::has_record`](super::Session::has_record).
    pub(super) fn has_record(&self, kept: &[u8]) -> bool {
        is_ready(kept)
    }

    /// See [`Session::open`](super::Session::open).
    pub(super) fn open(
        &mut self,
        received: &mut [u8],
        input: &mut InputBuffer,
        outbox: &mut Outbox,
        may_send: bool,
    ) -> Opened {
        let mut opened = Opened { used: 0, content: 0, cost: 0, then: Then::Continues };
        while opened.cost < cost::MAX {
            match self.open_record(&mut received[opened.used..], input, outbox, may_send) {
                Ok(None) => break,
                Ok(Some(record)) => {
                    opened.used += record.length;
                    opened.content += record.content;
                    opened.cost += cost::of_record(record.length, record.content, record.tickets);
                    if record.is_end {
                        // What follows is ignored (section 6.1).
                        opened.used = received.len();
                        opened.then = Then::PeerFinished;
                        break;
                    }
                }
                Err(Violation { error, alert }) => {
                    match alert {
                        Some(alert) if may_send => self.fail(alert, outbox),
                        Some(_) => {}
                        // A peer that has failed gets nothing any more, not even what waits (section 6.2).
                        None => *outbox = Outbox::default(),
                    }
                    opened.then = Then::Failed(error);
                    break;
                }
            }
        }
        opened
    }

    /// Opens the record at the front; `None` until all of it is there.
    #[inline]
    fn open_record(
        &mut self,
        received: &mut [u8],
        input: &mut InputBuffer,
        outbox: &mut Outbox,
        may_send: bool,
    ) -> Result<Option<Record>, Violation> {
        let Some(sealed) = split_record(received)? else { return Ok(None) };
        let length = HEADER + sealed.len();
        let message = self.opening.open(self.suite, sealed).map_err(Violation::opening)?;
        let mut record = Record { length, content: 0, tickets: 0, is_end: false };
        if self.joining.is_under_way() && message.typ != ContentType::Handshake {
            let error = PeerMisbehaved::MessageInterleavedWithHandshakeMessage;
            return Err(Violation::new(error, AlertDescription::UnexpectedMessage));
        }
        if !message.payload.is_empty() {
            self.tolerance.empty = MAX_EMPTY;
        }
        match message.typ {
            ContentType::ApplicationData if message.payload.is_empty() => {
                take_one(&mut self.tolerance.empty, PeerMisbehaved::TooManyEmptyFragments)?;
            }
            ContentType::ApplicationData => {
                self.tolerance.key_updates = MAX_KEY_UPDATES;
                self.tolerance.tickets = MAX_TICKETS;
                record.content = message.payload.len();
                input.extend(message.payload);
            }
            ContentType::Handshake => record.tickets = self.take_messages(message.payload, outbox, may_send)?,
            ContentType::Alert => match alert::read(message.payload)? {
                Told::End => record.is_end = true,
                Told::Nothing => {
                    take_one(&mut self.tolerance.warnings, PeerMisbehaved::TooManyWarningAlertsReceived)?;
                }
            },
            other => return Err(Violation::unexpected(other)),
        }
        Ok(Some(record))
    }

    /// Takes the messages out of a record; says how many tickets there were.
    #[cold]
    fn take_messages(&mut self, record: &[u8], outbox: &mut Outbox, may_send: bool) -> Result<usize, Violation> {
        // Section 5.4. With nothing in it there would be no end of them.
        if record.is_empty() {
            return Err(Violation::new(InvalidMessage::InvalidEmptyPayload, AlertDescription::UnexpectedMessage));
        }
        let mut joining = std::mem::take(&mut self.joining);
        let tickets = joining.join(record, |rest| self.take_complete(rest, outbox, may_send))?;
        self.joining = joining;
        Ok(tickets)
    }

    fn take_complete(&mut self, rest: &mut &[u8], outbox: &mut Outbox, may_send: bool) -> Result<usize, Violation> {
        let mut tickets = 0;
        while let Some(message) = take_message(rest, !self.is_server())? {
            match (message, &mut self.kernel) {
                (Message::KeyUpdate { is_requested }, _) => self.take_key_update(is_requested && may_send, outbox)?,
                (Message::Ticket(body), Kernel::Client(kernel)) => {
                    tickets += 1;
                    match self.tolerance.tickets.checked_sub(1) {
                        Some(left) if ticket::is_worth_keeping(body) => {
                            self.tolerance.tickets = left;
                            kernel.handle_new_session_ticket(body).map_err(Violation::in_rustls)?;
                        }
                        _ => ticket::check(body)?,
                    }
                }
                // A server was told that it is unexpected.
                (Message::Ticket(_), Kernel::Server(_)) => {}
            }
        }
        Ok(tickets)
    }

    fn take_key_update(&mut self, is_to_be_answered: bool, outbox: &mut Outbox) -> Result<(), Violation> {
        take_one(&mut self.tolerance.key_updates, PeerMisbehaved::TooManyKeyUpdateRequests)?;
        let next = self.kernel.next_opening(self.suite).map_err(Violation::in_rustls)?;
        self.opening = Opening::new(next, 0);
        if is_to_be_answered {
            self.answer = match self.answer {
                KeyAnswer::AtOnce => {
                    let update = self.update_keys(false).map_err(Violation::in_rustls)?;
                    outbox.push_vec(update);
                    KeyAnswer::Sent
                }
                KeyAnswer::Sent | KeyAnswer::Owed => KeyAnswer::Owed,
            };
        }
        Ok(())
    }

    /// Takes new keys for what we seal; the record that tells the peer, sealed with the old ones.
    fn update_keys(&mut self, requests_the_same: bool) -> Result<Vec<u8>, Error> {
        let [kind, high, middle, low] = KEY_UPDATE;
        let message = [kind, high, middle, low, u8::from(requests_the_same)];
        let record = self.sealing.seal(self.suite, ContentType::Handshake, &message)?;
        self.sealing = Sealing::new(self.kernel.next_sealing(self.suite)?, 0);
        if requests_the_same {
            // A peer that has nothing else to send for years answers each of our requests.
            self.tolerance.key_updates = self.tolerance.key_updates.saturating_add(1);
        }
        Ok(record)
    }

    /// Seals `content` as one record, in memory of its own; `None` if it takes more than that.
    #[inline]
    pub(super) fn seal_one(&mut self, content: &[u8]) -> Option<Vec<u8>> {
        let is_alone =
            content.len() <= self.max_content() && self.answer != KeyAnswer::Owed && !self.sealing.are_worn(self.suite);
        let record =
            if is_alone { self.sealing.seal(self.suite, ContentType::ApplicationData, content).ok() } else { None };
        if record.is_some() {
            self.answer = KeyAnswer::AtOnce;
        }
        record
    }

    /// Seals `content` into `records`, behind the news of new keys if those are due; says how many bytes it filled.
    ///
    /// # Errors
    /// If there is too little room, or the keys cannot be used any more.
    pub(super) fn seal(&mut self, content: &[u8], records: &mut [u8]) -> Result<usize, Unsealed> {
        let count = content.len().div_ceil(self.max_content());
        let needed = content.len() + (count + 1) * MAX_OVERHEAD;
        if needed > records.len() {
            return Err(Unsealed::TooSmall(needed));
        }
        let mut filled = 0;
        let mut put = |record: Result<Vec<u8>, Error>| {
            let record = record.map_err(|_| Unsealed::Over)?;
            records.get_mut(filled..filled + record.len()).ok_or(Unsealed::Over)?.copy_from_slice(&record);
            filled += record.len();
            Ok(())
        };
        if self.answer == KeyAnswer::Owed {
            put(self.update_keys(false))?;
        }
        self.answer = KeyAnswer::AtOnce;
        for part in content.chunks(self.max_content()) {
            if self.sealing.are_worn(self.suite) {
                put(self.update_keys(true))?;
            }
            put(self.sealing.seal(self.suite, ContentType::ApplicationData, part))?;
        }
        Ok(filled)
    }

    /// Says goodbye.
    pub(super) fn finish(&mut self, outbox: &mut Outbox) {
        self.say(CLOSE_NOTIFY, outbox);
    }

    /// Tells the peer why the connection ends.
    #[cold]
    pub(super) fn fail(&mut self, alert: AlertDescription, outbox: &mut Outbox) {
        self.say(fatal(alert), outbox);
    }

    fn say(&mut self, alert: [u8; 2], outbox: &mut Outbox) {
        // Keys that seal nothing any more have no words either: the peer sees that the connection is cut off.
        if let Ok(record) = self.sealing.seal(self.suite, ContentType::Alert, &alert) {
            outbox.push_vec(record);
        }
    }

    /// Whether there are keys and counters only.
    pub(super) fn is_at_rest(&self) -> bool {
        self.opening.is_at_rest() && self.sealing.is_at_rest()
    }

    /// Keeps keys and counters only, until the next byte. What goes costs less than a microsecond to make again.
    pub(super) fn rest(&mut self) {
        self.opening.rest();
        self.sealing.rest();
    }
}
