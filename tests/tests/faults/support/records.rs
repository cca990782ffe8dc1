//! What one end has sent, taken apart into records (RFC 8446 section 5.1).

use std::ops::Range;

/// Bytes of the wire, by their offsets in one direction.
type Span = Range<usize>;

/// The records that one end has sent.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// How many bytes there are.
    pub(crate) length: usize,
    /// The whole records.
    pub(crate) all: Vec<Span>,
    /// Those that carry the content, in order, with the content's length.
    pub(crate) data: Vec<(Span, usize)>,
    /// So many pieces of the content were not sent.
    misses_content: usize,
    /// The fields that say how long something is, outside of what is encrypted. A receiver that is told a greater
    /// length waits for it.
    pub(crate) lengths: Vec<Span>,
    /// The last byte of each record's version, which nobody looks at (RFC 8446 section 5.1: it "MUST be ignored for all
    /// purposes").
    pub(crate) versions: Vec<usize>,
    /// The type of records that say that they carry content. In TLS 1.3 the true one is inside.
    pub(crate) outer_types: Vec<usize>,
}

const HEADER: usize = 5;
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// What encryption adds to content: TLS 1.3 with any suite, TLS 1.2 with GCM, and with ChaCha20.
const ADDED: [usize; 3] = [17, 24, 16];

impl Records {
    /// Takes `bytes` apart, which carry `content`, each in a record.
    pub(crate) fn of(bytes: &[u8], content: &[&[u8]]) -> Self {
        let mut records = Self { length: bytes.len(), ..Self::default() };
        let mut content = content.iter().map(|piece| piece.len()).peekable();
        let mut encrypted = false;
        let mut start = 0;
        while let Some(&[kind, _, _, high, low]) = bytes.get(start..start + HEADER) {
            let end = start + HEADER + usize::from(u16::from_be_bytes([high, low]));
            let Some(payload) = bytes.get(start + HEADER..end) else { break };
            records.all.push(start..end);
            records.lengths.push(start + 3..start + HEADER);
            records.versions.push(start + 2);
            if kind == HANDSHAKE && !encrypted {
                records.lengths.extend(message_lengths(payload, start + HEADER));
            }
            encrypted |= kind == CHANGE_CIPHER_SPEC;
            if kind == APPLICATION_DATA {
                records.outer_types.push(start);
            }
            if kind == APPLICATION_DATA
                && let Some(length) = content.next_if(|next| ADDED.iter().any(|added| next + added == payload.len()))
            {
                records.data.push((start..end, length));
            }
            start = end;
        }
        records.misses_content = content.count();
        records
    }

    /// Whether it ends with a goodbye, behind all of the content: the sender had no more to say.
    pub(crate) fn are_all(&self) -> bool {
        let last = self.all.last().map(|span| span.start);
        self.misses_content == 0 && last > self.data.last().map(|(span, _)| span.start)
    }

    /// How much of the content is in records that are whole after the first `at` bytes.
    pub(crate) fn whole_before(&self, at: usize) -> usize {
        self.data.iter().filter(|(span, _)| span.end <= at).map(|(_, length)| length).sum()
    }

    /// Where the first record with content begins: everything before that is the handshake, and tickets.
    pub(crate) fn first_data(&self) -> Option<usize> {
        self.data.first().map(|(span, _)| span.start)
    }

    pub(crate) fn is_length(&self, at: usize) -> bool {
        self.lengths.iter().any(|span| span.contains(&at))
    }
}

/// Where handshake messages that begin at `offset` say how long they are (RFC 8446 section 4).
fn message_lengths(messages: &[u8], offset: usize) -> Vec<Span> {
    let mut lengths = Vec::new();
    let mut start = 0;
    while let Some(&[_, high, middle, low]) = messages.get(start..start + 4) {
        lengths.push(offset + start + 1..offset + start + 4);
        start += 4 + u32::from_be_bytes([0, high, middle, low]) as usize;
    }
    lengths
}
