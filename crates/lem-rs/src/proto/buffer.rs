//! The bytes that were received and that no read has taken yet.

/// Received bytes, in order. Belongs to the stream, never to a future.
///
/// An empty buffer owns no memory, so an idle stream keeps none.
#[derive(Debug, Default)]
pub struct InputBuffer {
    bytes: Vec<u8>,
    /// Where the first byte stands that was not taken. Always below `bytes.len()`, or both are zero.
    start: usize,
    /// How many of the bytes from `start` on are known to hold no `'\n'`, so that a long line is searched once.
    searched: usize,
}

impl InputBuffer {
    /// How many bytes wait to be taken.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Appends received bytes.
    pub fn extend(&mut self, received: &[u8]) {
        self.bytes.extend_from_slice(received);
    }

    /// Makes room for `more` bytes at once. The caller bounds it: a peer's word is no reason to allocate.
    pub fn reserve(&mut self, more: usize) {
        self.compact();
        self.bytes.reserve(more);
    }

    /// Takes everything out.
    pub fn take_all(&mut self) -> Vec<u8> {
        self.take(self.len())
    }

    /// Takes `count` bytes out. Taking all of an untouched buffer costs no copy.
    ///
    /// # Panics
    /// If fewer bytes wait: the reader decides how many there are.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        if self.start == 0 && count == self.bytes.len() {
            self.searched = 0;
            return std::mem::take(&mut self.bytes);
        }
        let taken = self.as_slice()[..count].to_vec();
        self.consume(count);
        taken
    }

    /// Like [`take`](Self::take), into the caller's vector, whose memory is reused. What it held is replaced.
    pub(crate) fn take_into(&mut self, count: usize, target: &mut Vec<u8>) {
        target.clear();
        if self.start == 0 && count == self.bytes.len() {
            self.searched = 0;
            std::mem::swap(&mut self.bytes, target);
        } else {
            target.extend_from_slice(&self.as_slice()[..count]);
            self.consume(count);
        }
        self.release_if_empty();
    }

    /// Receives into the caller's memory, if nothing waits here; says whether it does. What the vector held is lost then.
    #[must_use]
    pub(crate) fn borrow_memory(&mut self, memory: &mut Vec<u8>) -> bool {
        let borrows = self.bytes.capacity() == 0;
        if borrows {
            memory.clear();
            std::mem::swap(&mut self.bytes, memory);
        }
        borrows
    }

    /// Gives borrowed memory back, unless bytes wait in it: those stay.
    pub(crate) fn return_memory(&mut self, memory: &mut Vec<u8>) {
        if self.is_empty() {
            std::mem::swap(&mut self.bytes, memory);
            *self = Self::default();
        }
    }

    /// The position of the first `'\n'`, if one is there.
    pub(crate) fn find_newline(&mut self) -> Option<usize> {
        let found = position_of(b'\n', &self.as_slice()[self.searched..]);
        match found {
            Some(offset) => Some(self.searched + offset),
            None => {
                self.searched = self.len();
                None
            }
        }
    }

    fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "took {count} bytes of {}", self.len());
        self.start += count;
        self.searched = self.searched.saturating_sub(count);
        self.release_if_empty();
        // Without this, a reader that always leaves a little would let the dead front grow for ever.
        if self.start > COMPACT_ABOVE && self.start > self.bytes.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    fn release_if_empty(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

/// The first position of `wanted`, eight bytes at a time: lines are short, so a wider step would mostly be set-up.
fn position_of(wanted: u8, bytes: &[u8]) -> Option<usize> {
    const STEP: usize = size_of::<u64>();
    const LOW: u64 = u64::from_le_bytes([0x01; STEP]);
    const HIGH: u64 = u64::from_le_bytes([0x80; STEP]);
    let (steps, rest) = bytes.as_chunks::<STEP>();
    for (at, step) in steps.iter().enumerate() {
        // A byte of `differences` is zero where the wanted one stands. Subtracting one from each byte borrows into the
        // high bit of a zero byte; of other bytes only above one, so the lowest mark is always right.
        let differences = u64::from_le_bytes(*step) ^ (LOW * u64::from(wanted));
        let marks = differences.wrapping_sub(LOW) & !differences & HIGH;
        if marks != 0 {
            return Some(at * STEP + marks.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|&byte| byte == wanted)?;
    Some(bytes.len() - rest.len() + found)
}

/// Moving the rest to the front costs a copy of what is left; above this many dead bytes the copy is the smaller part.
const COMPACT_ABOVE: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_newline_is_found_wherever_it_stands_among_its_neighbours_in_value() {
        for (length, other) in (0..200).flat_map(|length| [0, 9, 11, 0x8a, 0xff].map(|other| (length, other))) {
            for at in 0..length {
                let mut bytes = vec![other; length];
                bytes[at..].fill(b'\n' ^ 1);
                bytes[at] = b'\n';
                let mut buffer = InputBuffer::default();
                buffer.extend(&bytes);
                assert_eq!(buffer.find_newline(), Some(at));
            }
        }
    }

    #[test]
    fn a_newline_that_arrives_later_is_found_behind_what_was_searched() {
        let mut buffer = InputBuffer::default();
        buffer.extend(b"abc");
        assert_eq!(buffer.find_newline(), None);
        buffer.extend(b"d\nef\n");
        assert_eq!(buffer.find_newline(), Some(4));
        assert_eq!(buffer.take(2), b"ab");
        assert_eq!(buffer.find_newline(), Some(2));
        assert_eq!(buffer.take(3), b"cd\n");
        assert_eq!(buffer.find_newline(), Some(2));
    }

    #[test]
    fn an_emptied_buffer_owns_no_memory() {
        let mut buffer = InputBuffer::default();
        buffer.extend(b"abcdef");
        buffer.take(3);
        buffer.take(3);
        assert_eq!(buffer.bytes.capacity(), 0);
        let mut target = Vec::with_capacity(64);
        buffer.extend(b"abcdef");
        buffer.take_into(6, &mut target);
        assert_eq!(target, b"abcdef");
        assert_eq!(buffer.bytes.capacity(), 0);
    }
}
