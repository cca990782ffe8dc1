//! What opening costs, in bytes that could be received meanwhile, at about a quarter of a nanosecond each. The times were
//! measured on an AMD EPYC.

/// What a record costs beside its bytes: 0.25 microseconds for its nonce, its tag and an allocation.
const RECORD: usize = 1024;

/// A byte of padding is looked at by itself, which takes as long as opening so many more.
const PADDING: usize = 3;

/// What a record without content may cost more: the next step of the key schedule takes 2 microseconds, and the answer
/// as much again.
const MESSAGE: usize = 16 * 1024;

/// What a ticket costs: 0.6 microseconds or more for its secret and for storing it. A record may hold 900.
const TICKET: usize = 4 * 1024;

/// One call costs no more than this beside the bytes themselves: about a tenth of a millisecond.
pub(super) const MAX: usize = 256 * 1024;

/// What a record is longer than its content without padding: 5 of header, 8 of nonce, 16 of tag, 1 of type, at most.
const MAX_OVERHEAD: usize = 32;

/// What a record of `length` bytes has cost, out of which so many bytes of content and so many tickets came.
#[inline]
pub(super) fn of_record(length: usize, content: usize, tickets: usize) -> usize {
    let rest = match content {
        0 => MESSAGE,
        content => PADDING * length.saturating_sub(content + MAX_OVERHEAD),
    };
    RECORD + rest + TICKET * tickets
}

/// What a record of refused early data has cost, which was copied and tried, but is of no other use.
pub(super) fn of_dropped(length: usize) -> usize {
    RECORD + length
}
