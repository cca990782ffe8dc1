//! Handshake messages after the handshake: tickets and new keys (RFC 8446 section 4.6), out of records (section 5.1).

use rustls::{AlertDescription, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::violation::Violation;

/// A message that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// The body of a `NewSessionTicket`.
    Ticket(&'a [u8]),
    KeyUpdate {
        is_requested: bool,
    },
}

/// Type and length.
const HEADER: usize = 4;

/// A message may have this many bytes. Tickets carry the client's certificates at most.
const MAX_BODY: usize = u16::MAX as usize;

const NEW_SESSION_TICKET: u8 = 4;

const KEY_UPDATE: u8 = 24;

/// Takes the message at the front out; `None` until it is complete.
///
/// # Errors
/// As soon as its header can be none of a message to this end.
pub(super) fn take_message<'a>(bytes: &mut &'a [u8], is_client: bool) -> Result<Option<Message<'a>>, Violation> {
    let Some((&[kind, high, middle, low], rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    check(kind, length, is_client)?;
    let Some((body, after)) = rest.split_at_checked(length) else { return Ok(None) };
    *bytes = after;
    match (kind, body) {
        // New keys begin with a new record (section 5.1).
        (KEY_UPDATE, _) if !after.is_empty() => {
            let error = PeerMisbehaved::KeyEpochWithPendingFragment;
            Err(Violation::new(error, AlertDescription::UnexpectedMessage))
        }
        (KEY_UPDATE, &[request @ (0 | 1)]) => Ok(Some(Message::KeyUpdate { is_requested: request == 1 })),
        (KEY_UPDATE, _) => Err(Violation::new(InvalidMessage::InvalidKeyUpdate, AlertDescription::IllegalParameter)),
        _ => Ok(Some(Message::Ticket(body))),
    }
}

fn check(kind: u8, length: usize, is_client: bool) -> Result<(), Violation> {
    match kind {
        NEW_SESSION_TICKET if is_client && length > MAX_BODY => {
            Err(Violation::unreadable(InvalidMessage::HandshakePayloadTooLarge))
        }
        NEW_SESSION_TICKET if is_client => Ok(()),
        KEY_UPDATE if length == 1 => Ok(()),
        KEY_UPDATE => Err(Violation::unreadable(InvalidMessage::InvalidKeyUpdate)),
        _ => {
            let expected: &[HandshakeType] = if is_client {
                &[HandshakeType::NewSessionTicket, HandshakeType::KeyUpdate]
            } else {
                &[HandshakeType::KeyUpdate]
            };
            Err(Violation::unexpected_message(HandshakeType::from(kind), expected))
        }
    }
}

/// The beginning of a message whose rest comes with the next records.
#[derive(Debug, Default)]
pub(super) struct Joining(Option<Box<Beginning>>);

#[derive(Debug)]
struct Beginning {
    bytes: Vec<u8>,
    /// Over how many records it is spread so far.
    records: u16,
}

/// A message may be spread over this many records: twice as many as the longest has of the shortest (RFC 8449 allows 64
/// bytes, rustls 32). Each costs us more than the peer.
const MAX_RECORDS: u16 = 4096;

impl Joining {
    pub(super) fn is_under_way(&self) -> bool {
        self.0.is_some()
    }

    /// Hands all bytes that are there, and those of one record more, to `take`, which leaves the rest of them.
    ///
    /// # Errors
    /// If `take` fails, or it is too many records for one message.
    pub(super) fn join<R>(
        &mut self,
        record: &[u8],
        take: impl FnOnce(&mut &[u8]) -> Result<R, Violation>,
    ) -> Result<R, Violation> {
        let Some(mut beginning) = self.0.take() else {
            let mut rest = record;
            let taken = take(&mut rest)?;
            if !rest.is_empty() {
                self.0 = Some(Box::new(Beginning { bytes: rest.to_vec(), records: 1 }));
            }
            return Ok(taken);
        };
        beginning.bytes.extend_from_slice(record);
        let mut rest = beginning.bytes.as_slice();
        let taken = take(&mut rest)?;
        let used = beginning.bytes.len() - rest.len();
        if used == beginning.bytes.len() {
            return Ok(taken);
        }
        beginning.records = if used > 0 { 1 } else { beginning.records + 1 };
        if beginning.records > MAX_RECORDS {
            return Err(Violation::unreadable(InvalidMessage::HandshakePayloadTooLarge));
        }
        beginning.bytes.drain(..used);
        self.0 = Some(beginning);
        Ok(taken)
    }
}
