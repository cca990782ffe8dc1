//! The alert after a failure: what rustls has queued, or, where it queues none, what it can be made to say.

use lem_rs::transport::Outbox;
use rustls::unbuffered::ConnectionState;
use rustls::{Error, PeerMisbehaved};

use super::connection::{Connection, encode};
use crate::identity::is_refused;

/// A record of a type that does not exist. To be shown it, rustls answers with `decode_error`, in every state.
const NO_RECORD: [u8; 6] = [0xff, 3, 3, 0, 1, 0];

/// A `change_cipher_spec` where none can be: rustls answers with `unexpected_message`, if no handshake message is
/// incomplete and the connection has not failed in one.
const NO_CHANGE: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// As [`NO_CHANGE`] while a handshake of TLS 1.3 is under way, where a well-formed one is ignored.
const WRONG_CHANGE: [u8; 6] = [20, 3, 3, 0, 1, 2];

/// A fatal `unrecognized_name` (RFC 6066 section 3), in the clear: a server that has seen no more than a hello has no keys.
const UNKNOWN_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// A fatal `handshake_failure`, in the clear, as [`UNKNOWN_NAME`].
const NO_COMMON_SCHEME: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// So often rustls is asked again, while it goes through messages that it had seen before the failure.
const MAX_TRIES: usize = 16;

/// Whether rustls fails with `error` before the record in question counts as seen: it would open that once more.
pub(super) fn is_before_the_record_counts(error: &Error) -> bool {
    matches!(
        error,
        Error::PeerMisbehaved(
            PeerMisbehaved::TooManyEmptyFragments
                | PeerMisbehaved::IllegalTlsInnerPlaintext
                | PeerMisbehaved::MessageInterleavedWithHandshakeMessage
                | PeerMisbehaved::TooMuchEarlyDataReceived
        )
    )
}

/// Puts the alert that tells the peer of `error` into `outbox`. `seen` is what rustls needs to see again.
///
/// rustls queues one for most failures, and has no call for the others (handshake messages that are too long or
/// interrupted, too many empty records, records without a type, too many new keys). It still seals an alert when the next
/// record is wrong: so it is shown one of ours.
pub(super) fn send_alert<C: Connection>(
    connection: &mut C,
    seen: &[u8],
    error: &Error,
    outbox: &mut Outbox,
    may_send: bool,
) {
    // Of a name that is not served rustls says `access_denied`, as of a hello that was refused for any other reason.
    if matches!(error, Error::General(_)) && is_refused() {
        outbox.push(&UNKNOWN_NAME);
        return;
    }
    if is_without_common_scheme(error) && connection.common().is_handshaking() {
        outbox.push(&NO_COMMON_SCHEME);
        return;
    }
    // A peer that has failed gets nothing any more, not even what waits (RFC 8446 section 6.2).
    if matches!(error, Error::AlertReceived(_)) {
        *outbox = Outbox::default();
    }
    if !connection.common().wants_write() && may_send {
        let handshaking = connection.common().is_handshaking();
        let wrong: &[&[u8]] = match error {
            Error::PeerMisbehaved(
                PeerMisbehaved::TooManyEmptyFragments
                | PeerMisbehaved::IllegalTlsInnerPlaintext
                | PeerMisbehaved::TooMuchEarlyDataReceived,
            ) if handshaking => &[&WRONG_CHANGE, &NO_RECORD],
            Error::PeerMisbehaved(PeerMisbehaved::TooManyEmptyFragments | PeerMisbehaved::IllegalTlsInnerPlaintext) => {
                &[&NO_CHANGE, &NO_RECORD]
            }
            Error::PeerMisbehaved(_) | Error::InvalidMessage(_) => &[&NO_RECORD],
            // The peer's own alert gets no answer.
            Error::AlertReceived(_) => &[],
            // What is our fault has no words here; while shaking hands a wrong word is better than none.
            _ if handshaking => &[&NO_RECORD],
            _ => &[],
        };
        for record in wrong {
            show(connection, &mut [seen, record].concat());
            if connection.common().wants_write() {
                break;
            }
        }
    }
    flush_alert(connection, &mut seen.to_vec(), outbox);
}

/// Whether a hello of TLS 1.2 offers no signature scheme of our key. rustls has no variant for that.
pub(crate) fn is_without_common_scheme(error: &Error) -> bool {
    matches!(error, Error::General(text) if text == "incompatible signing key")
}

/// Shows rustls a wrong record behind what it has seen.
fn show<C: Connection>(connection: &mut C, records: &mut [u8]) {
    let mut used = 0;
    for _ in 0..MAX_TRIES {
        let status = connection.process(&mut records[used..]);
        used += status.discard;
        if status.state.is_ok() || connection.common().wants_write() {
            return;
        }
    }
}

/// While a message is waiting, rustls hands that out and looks at no more records; asked once more than that, it would
/// open the next one.
fn flush_alert<C: Connection>(connection: &mut C, seen: &mut [u8], outbox: &mut Outbox) {
    while connection.common().wants_write() {
        match connection.process(seen).state {
            Ok(ConnectionState::EncodeTlsData(message)) => encode(message, outbox),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => while traffic.next_record().is_some() {},
            _ => return,
        }
    }
}
