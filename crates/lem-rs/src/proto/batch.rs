//! A batch of whole lines, handed out one by one.

use std::num::NonZeroU64;

/// Whole lines, the last of which ends the batch.
///
/// Where they end is searched for a block at a time and remembered, so that the search needs not know where a line
/// begins: a search for each line would wait for the end of the one before, and would often guess wrong how long it is.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Where the first line stands that was not handed out.
    start: usize,
    /// The block that was searched last, and where its lines end that were not handed out.
    block: usize,
    ends: u64,
}

/// As many bytes as there are bits in what [`newlines_in`] returns.
const BLOCK: usize = 64;

impl Batch {
    /// The lines in `bytes`, which are not empty and end with a `'\n'`.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let mut batch = Self { bytes, ..Self::default() };
        batch.search();
        batch
    }

    /// The bytes of the lines that were not handed out.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The next line's end, for [`hand_out`](Self::hand_out); `None` if all were handed out.
    #[inline]
    pub(crate) fn next_end(&mut self) -> Option<usize> {
        let ends = match NonZeroU64::new(self.ends) {
            Some(ends) => ends,
            None => self.search_on()?,
        };
        Some(self.block + ends.trailing_zeros() as usize + 1)
    }

    /// Hands out the line that ends before `end`.
    #[inline]
    pub(crate) fn hand_out(&mut self, end: usize) -> &[u8] {
        let line = &self.bytes[self.start..end];
        self.start = end;
        self.ends &= self.ends.wrapping_sub(1);
        line
    }

    /// How long the line is that ends before `end`.
    #[inline]
    pub(crate) fn length(&self, end: usize) -> usize {
        end - self.start
    }

    /// Whether `end` is that of the last line.
    #[inline]
    pub(crate) fn is_last(&self, end: usize) -> bool {
        end == self.bytes.len()
    }

    /// Gives the memory up, and forgets what is left.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes
    }

    /// Searches the blocks that follow, up to one in which a line ends.
    fn search_on(&mut self) -> Option<NonZeroU64> {
        while self.bytes.len() - self.block > BLOCK {
            self.block += BLOCK;
            if let Some(ends) = NonZeroU64::new(self.search()) {
                return Some(ends);
            }
        }
        None
    }

    #[inline]
    fn search(&mut self) -> u64 {
        let rest = &self.bytes[self.block..];
        self.ends = rest.first_chunk().map_or_else(|| newlines_in_less(rest), newlines_in);
        self.ends
    }
}

/// Where a `'\n'` stands, a bit for each byte, the first byte's the lowest.
#[inline]
fn newlines_in(block: &[u8; BLOCK]) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    // Written so that the compiler compares sixteen bytes at once. In the end bit `n` of byte `m` says whether byte `m`
    // of the `n`th eight is a '\n'.
    let mut marks = [0; 16];
    for (at, mark) in marks.iter_mut().enumerate() {
        let is_newline = |quarter: usize| u8::from(quarters[quarter][at] == b'\n');
        *mark = HALF[at] * (is_newline(0) | is_newline(1) << 2 | is_newline(2) << 4 | is_newline(3) << 6);
    }
    let (halves, _) = marks.as_chunks::<8>();
    transposed(u64::from_le_bytes(halves[0]) | u64::from_le_bytes(halves[1]))
}

/// The first eight of sixteen bytes have the even bits, the others the odd ones.
const HALF: [u8; 16] = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2];

/// As [`newlines_in`], at the end of a batch.
#[cold]
fn newlines_in_less(rest: &[u8]) -> u64 {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    newlines_in(&block)
}

/// Bit `n` of byte `m` becomes bit `m` of byte `n`: first within squares of two by two bits, then of such squares in
/// those of four by four, then of those.
#[inline]
fn transposed(bits: u64) -> u64 {
    let swap = |bits: u64, distance: u32, upper: u64| {
        let differences = (bits ^ (bits >> distance)) & upper;
        bits ^ differences ^ (differences << distance)
    };
    let bits = swap(bits, 7, 0x00aa_00aa_00aa_00aa);
    let bits = swap(bits, 14, 0x0000_cccc_0000_cccc);
    swap(bits, 28, 0x0000_0000_f0f0_f0f0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_newline_of_a_block_has_its_bit_whatever_stands_beside_it() {
        for other in [0, 9, 11, 0x8a, 0xff] {
            for at in 0..BLOCK {
                for second in at..BLOCK {
                    let mut block = [other; BLOCK];
                    block[at] = b'\n';
                    block[second] = b'\n';
                    assert_eq!(newlines_in(&block), 1 << at | 1 << second, "{at} and {second} among {other}");
                }
            }
        }
    }

    #[test]
    fn lines_of_every_length_come_out_as_they_went_in() {
        for (first, second) in (1..200).flat_map(|first| [1, 2, 40, 63, 64, 65, 128, 129].map(|second| (first, second)))
        {
            let lengths = [first, second, first, 1, second];
            let bytes: Vec<u8> = lengths.iter().flat_map(|length| line_of(*length)).collect();
            let mut batch = Batch::new(bytes.clone());
            for (number, length) in lengths.iter().enumerate() {
                let end = batch.next_end().unwrap();
                assert_eq!((batch.length(end), batch.is_last(end)), (*length, number == 4), "{number} of {lengths:?}");
                assert_eq!(batch.next_end(), Some(end), "looking takes nothing");
                assert_eq!(batch.hand_out(end), line_of(*length), "{number} of {lengths:?}");
                assert_eq!(batch.rest(), &bytes[end..], "{number} of {lengths:?}");
            }
            assert_eq!(batch.next_end(), None, "{lengths:?}");
        }
    }

    #[test]
    fn a_batch_without_lines_has_none_and_its_memory_comes_back() {
        let mut batch = Batch::default();
        assert_eq!((batch.next_end(), batch.rest()), (None, &b""[..]));
        let mut batch = Batch::new(line_of(100));
        assert_eq!(batch.release().len(), 100);
        assert_eq!((batch.next_end(), batch.rest()), (None, &b""[..]));
    }

    fn line_of(length: usize) -> Vec<u8> {
        let mut line = vec![b'x'; length - 1];
        line.push(b'\n');
        line
    }
}
