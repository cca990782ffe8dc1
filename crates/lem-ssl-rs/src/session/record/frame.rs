//! Framing: where a sealed record ends, and whether its header can be right (RFC 8446 section 5.2).

use rustls::{AlertDescription, ContentType, Error, InvalidMessage};

use super::violation::Violation;

/// The type, the version and the length of a record.
pub(in crate::session) const HEADER: usize = 5;

/// What a record may hold: 2^14 bytes (section 5.1).
pub(in crate::session) const MAX_CONTENT: usize = 1 << 14;

/// What may follow the header: the content, and 256 bytes of type, padding and tag.
pub(in crate::session) const MAX_SEALED: usize = MAX_CONTENT + 256;

/// A sealed record says that it is content, whatever is in it.
const CONTENT: u8 = 23;

/// The version in the header of each sealed record. The tag covers it, and providers compute the tag as if it were this
/// one, so it is compared here.
const VERSION: [u8; 2] = [3, 3];

/// What is sealed in the record at the front; `None` until all of it is there.
///
/// # Errors
/// For a header that cannot be right, before the rest of it or of the record is there.
#[inline]
pub(super) fn split_record(bytes: &mut [u8]) -> Result<Option<&mut [u8]>, Violation> {
    if bytes.len() < HEADER {
        return begins_a_header(bytes).map(|()| None);
    }
    let Some((header, rest)) = bytes.split_first_chunk_mut() else { return Ok(None) };
    let length = length_in(*header)?;
    Ok(rest.get_mut(..length))
}

/// Whether there is something to be done about these bytes without more of them: a record is complete, or the beginning of
/// one cannot be right.
pub(super) fn is_ready(bytes: &[u8]) -> bool {
    match bytes.split_first_chunk() {
        Some((header, rest)) => length_in(*header).map_or(true, |length| rest.len() >= length),
        None => begins_a_header(bytes).is_err(),
    }
}

#[inline]
fn length_in([kind, major, minor, high, low]: [u8; HEADER]) -> Result<usize, Violation> {
    let length = usize::from(u16::from_be_bytes([high, low]));
    if kind != CONTENT || [major, minor] != VERSION || length > MAX_SEALED {
        return Err(wrong_header(kind, length));
    }
    Ok(length)
}

#[cold]
fn begins_a_header(bytes: &[u8]) -> Result<(), Violation> {
    match *bytes {
        [kind, ..] if kind != CONTENT => Err(wrong_header(kind, 0)),
        [kind, major, ..] if major != VERSION[0] => Err(wrong_header(kind, 0)),
        [kind, _, minor, ..] if minor != VERSION[1] => Err(wrong_header(kind, 0)),
        _ => Ok(()),
    }
}

#[cold]
fn wrong_header(kind: u8, length: usize) -> Violation {
    match kind {
        CONTENT if length > MAX_SEALED => {
            Violation::new(Error::PeerSentOversizedRecord, AlertDescription::RecordOverflow)
        }
        // Of another version: no tag fits.
        CONTENT => Violation::new(Error::DecryptError, AlertDescription::BadRecordMac),
        // Records in the clear end with the handshake, and so do changes of ciphers (section 5).
        20..=24 => Violation::unexpected(ContentType::from(kind)),
        _ => Violation::new(InvalidMessage::InvalidContentType, AlertDescription::UnexpectedMessage),
    }
}

/// The length of the record at the front, if all of it is there.
pub(in crate::session) fn next_record(bytes: &[u8]) -> Option<usize> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    (rest.len() >= length).then_some(HEADER + length)
}
