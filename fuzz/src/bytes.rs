//! Decisions, read out of bytes.

/// The fuzzer's bytes, taken from the front. Simple, so that a corpus stays readable.
#[derive(Debug, Clone)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// These.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next; zero behind the last.
    pub fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// A number of two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// All of them in pieces, each behind a length of two bytes.
    pub fn pieces(mut self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::from_fn(move || {
            let (length, rest) = self.0.split_first_chunk::<2>()?;
            let (piece, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
            self.0 = rest;
            Some(piece)
        })
    }

    /// As many as the next byte says, or as there are.
    pub fn chunk(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte()).min(self.0.len());
        let (chunk, rest) = self.0.split_at(count);
        self.0 = rest;
        chunk
    }
}

impl Iterator for Bytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}
