//! The bytes that were received and that no read has taken yet.

/// Received bytes, in order. Belongs to the stream, never to a future.
///
/// Between two reads an empty buffer owns no memory, so an idle stream keeps none.
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

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.consume(self.len());
    }

    /// Takes everything out.
    pub fn take_all(&mut self) -> Vec<u8> {
        self.take(self.len())
    }

    /// Takes `count` bytes out. Taking all of an untouched buffer costs no copy, unless its memory is much larger.
    ///
    /// # Panics
    /// If fewer bytes wait: the reader decides how many there are.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let fits = self.bytes.capacity() <= FIT_ABOVE || count >= self.bytes.capacity() / 4;
        if self.start == 0 && count == self.bytes.len() && fits {
            self.searched = 0;
            return std::mem::take(&mut self.bytes);
        }
        let taken = self.as_slice()[..count].to_vec();
        self.consume(count);
        taken
    }

    /// Like [`take`](Self::take), into the caller's vector, whose memory is reused. What it held is replaced.
    ///
    /// If this buffer has borrowed the vector's memory, the vector gets it back, and what is left over moves into
    /// `spare`.
    pub(crate) fn take_into(&mut self, count: usize, target: &mut Vec<u8>, spare: impl FnOnce() -> Vec<u8>) {
        target.clear();
        if self.start == 0 && count == self.bytes.len() {
            self.searched = 0;
            std::mem::swap(&mut self.bytes, target);
        } else if self.start == 0 && target.capacity() == 0 {
            let mut rest = spare();
            rest.extend_from_slice(&self.bytes[count..]);
            self.bytes.truncate(count);
            *target = std::mem::replace(&mut self.bytes, rest);
            self.searched = self.searched.saturating_sub(count);
        } else {
            target.extend_from_slice(&self.as_slice()[..count]);
            self.consume(count);
        }
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
            *memory = self.release();
        }
    }

    /// Receives into `spare` from now on, if there is no memory yet.
    pub(crate) fn ensure_memory(&mut self, spare: impl FnOnce() -> Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = spare();
        }
    }

    /// Moves a little that waits in a large memory into one of its size, and hands out the large one: a peer that never
    /// ends its line must not hold much more than it sent.
    pub(crate) fn shrink_to_fit(&mut self, freed: impl FnOnce(Vec<u8>)) {
        let (there, memory) = (self.len(), self.bytes.capacity());
        if there > 0 && memory > FIT_ABOVE && there < memory / 4 {
            let fitting = self.as_slice().to_vec();
            self.start = 0;
            freed(std::mem::replace(&mut self.bytes, fitting));
        }
    }

    /// Gives the memory of an empty buffer up; keeps that of others.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        if self.is_empty() { std::mem::take(self).bytes } else { Vec::new() }
    }

    /// The position of the first `'\n'`, if one is there.
    pub(crate) fn find_newline(&mut self) -> Option<usize> {
        let found = newline_in(&self.as_slice()[self.searched..]);
        match found {
            Some(offset) => Some(self.searched + offset),
            None => {
                self.searched = self.len();
                None
            }
        }
    }

    /// How many of the bytes that wait are complete lines.
    pub(crate) fn whole_lines(&self) -> usize {
        self.as_slice().iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)
    }

    /// Puts bytes in front of those that wait.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let rest = std::mem::replace(&mut self.bytes, bytes.to_vec());
            self.bytes.extend_from_slice(&rest[self.start..]);
            self.start = 0;
            self.searched = 0;
        }
    }

    /// Forgets `count` bytes at the front.
    ///
    /// # Panics
    /// If fewer bytes wait.
    pub(crate) fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "took {count} bytes of {}", self.len());
        self.start += count;
        self.searched = self.searched.saturating_sub(count);
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        // Without this, a reader that always leaves a little would let the dead front grow for ever.
        if self.start > COMPACT_ABOVE && self.start > self.bytes.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.bytes.drain(..self.start);
        self.start = 0;
    }
}

/// The position of the first `'\n'`, sixteen bytes at a time: lines are short, so a wider step would mostly be set-up.
#[inline]
fn newline_in(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 16;
    let (steps, rest) = bytes.as_chunks::<STEP>();
    for (at, step) in steps.iter().enumerate() {
        // Without a way out in the middle the compiler makes one comparison of sixteen bytes of this.
        if step.iter().fold(false, |any, &byte| any | (byte == b'\n')) {
            return Some(at * STEP + newline_within(step));
        }
    }
    let found = rest.iter().position(|&byte| byte == b'\n')?;
    Some(bytes.len() - rest.len() + found)
}

/// Where the first `'\n'` of sixteen bytes stands that hold one; without a branch, which would go wrong every other time.
#[inline]
fn newline_within(step: &[u8; 16]) -> usize {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const NEWLINES: u64 = u64::from_le_bytes([b'\n'; 8]);
    let (halves, _) = step.as_chunks::<8>();
    let marks = |half: [u8; 8]| {
        // A byte of `differences` is zero where a '\n' stands. Subtracting one from each byte borrows into the high bit
        // of a zero byte; of other bytes only above one, so the lowest mark is always right.
        let differences = u64::from_le_bytes(half) ^ NEWLINES;
        differences.wrapping_sub(LOW) & !differences & HIGH
    };
    let (first, second) = (marks(halves[0]), marks(halves[1]));
    let (marks, before) = if first != 0 { (first, 0) } else { (second, 8) };
    before + marks.trailing_zeros() as usize / 8
}

/// Memory up to this size is left as it is, however little of it is used.
const FIT_ABOVE: usize = 4 * 1024;

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
    fn an_emptied_buffer_gives_its_memory_up() {
        let mut buffer = InputBuffer::default();
        buffer.extend(b"abcdef");
        assert_eq!(buffer.release().capacity(), 0, "it is not empty");
        buffer.take(3);
        buffer.take(3);
        assert!(buffer.release().capacity() >= 6);
        assert_eq!(buffer.release().capacity(), 0);
    }

    #[test]
    fn lent_memory_comes_back_with_the_result_and_what_is_left_over_moves_out() {
        let mut buffer = InputBuffer::default();
        let mut target = Vec::with_capacity(64);
        assert!(buffer.borrow_memory(&mut target));
        buffer.extend(b"abcdef");
        buffer.take_into(4, &mut target, || Vec::with_capacity(16));
        assert_eq!((target.as_slice(), target.capacity()), (&b"abcd"[..], 64));
        assert_eq!((buffer.as_slice(), buffer.bytes.capacity()), (&b"ef"[..], 16));
        buffer.take_into(1, &mut target, || panic!("nothing has to move"));
        assert_eq!((target.as_slice(), target.capacity()), (&b"e"[..], 64));
        assert_eq!(buffer.take_all(), b"f");
    }

    /// A buffer with so much memory, and so many bytes in it.
    fn buffer_of(memory: usize, bytes: usize) -> InputBuffer {
        let mut buffer = InputBuffer { bytes: Vec::with_capacity(memory), ..InputBuffer::default() };
        buffer.extend(&vec![b'x'; bytes]);
        assert_eq!(buffer.bytes.capacity(), memory);
        buffer
    }

    #[test]
    fn what_is_taken_out_whole_brings_its_memory_unless_that_is_large_and_nearly_unused() {
        for (memory, bytes, moves) in
            [(FIT_ABOVE, 1, true), (2 * FIT_ABOVE, FIT_ABOVE / 2, true), (2 * FIT_ABOVE, FIT_ABOVE / 2 - 1, false)]
        {
            let taken = buffer_of(memory, bytes).take_all();
            assert_eq!((taken.len(), taken.capacity() == memory), (bytes, moves), "{bytes} of {memory}");
        }
    }

    #[test]
    fn a_little_that_waits_in_a_large_memory_moves_into_one_of_its_size() {
        for (memory, bytes, moves) in [
            (FIT_ABOVE, 1, false),
            (2 * FIT_ABOVE, 0, false),
            (2 * FIT_ABOVE, FIT_ABOVE / 2 - 1, true),
            (2 * FIT_ABOVE, FIT_ABOVE / 2, false),
        ] {
            let mut buffer = buffer_of(memory, bytes);
            let mut freed = 0;
            buffer.shrink_to_fit(|memory| freed = memory.capacity());
            assert_eq!(freed, if moves { memory } else { 0 }, "{bytes} of {memory}");
            assert_eq!((buffer.len(), buffer.bytes.capacity() < memory), (bytes, moves), "{bytes} of {memory}");
        }
    }

    #[test]
    fn what_was_taken_keeps_no_memory_however_often_a_little_is_left() {
        let mut buffer = InputBuffer::default();
        for _ in 0..1000 {
            buffer.extend(&[b'x'; 1000]);
            buffer.consume(buffer.len() - 1);
        }
        assert!(buffer.bytes.capacity() <= 4 * COMPACT_ABOVE, "{}", buffer.bytes.capacity());
        // Much that waits is not moved for a front that is smaller.
        buffer.extend(&[b'x'; 4 * COMPACT_ABOVE]);
        buffer.consume(COMPACT_ABOVE + 1);
        assert!(buffer.start > 0);
    }
}
