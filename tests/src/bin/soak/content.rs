//! What is sent: bytes that show where they belong, and at the end a checksum of all of them.
//!
//! The content of a stream is a function of the seed, the connection and the direction. A receiver compares each byte with
//! the one that must come at its place, so that even of a stream that broke every byte is checked. Both ends sum up what
//! they have sent and received, apart from that; the sender's sum is the last that it sends.

use lem_rs::sim::Rng;

/// Which way content goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Request,
    Reply,
}

/// The content of one direction of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    key: u64,
    pub(crate) length: usize,
}

/// A checksum comes after the content.
pub(crate) const TRAILER: usize = 8;

impl Content {
    pub(crate) fn new(seed: u64, number: u64, way: Way, length: usize) -> Self {
        let direction = match way {
            Way::Request => 1,
            Way::Reply => 2,
        };
        Self { key: Rng::new(seed).fork(number).fork(direction).number(), length }
    }

    /// With its checksum.
    pub(crate) fn full_length(&self) -> usize {
        self.length + TRAILER
    }

    /// So many bytes from `position` on, into `target`.
    pub(crate) fn fill(&self, position: usize, target: &mut [u8]) {
        let mut word = [0; 8];
        let mut known = None;
        for (byte, place) in target.iter_mut().zip(position..) {
            if known != Some(place / 8) {
                word = Rng::new(self.key.wrapping_add((place / 8) as u64)).number().to_le_bytes();
                known = Some(place / 8);
            }
            *byte = word[place % 8];
        }
    }
}

/// A checksum of bytes in their order: FNV-1a (Fowler, Noll and Vo), 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checksum(u64);

impl Checksum {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn trailer(self) -> [u8; TRAILER] {
        self.0.to_le_bytes()
    }
}

/// Checks content as it comes.
#[derive(Debug)]
pub(crate) struct Checker {
    content: Content,
    checksum: Checksum,
    /// So much has come, all of it right.
    position: usize,
    trailer: Vec<u8>,
}

/// A byte that is not what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where.
    pub(crate) position: usize,
}

impl Checker {
    pub(crate) fn new(content: Content) -> Self {
        Self { content, checksum: Checksum::new(), position: 0, trailer: Vec::new() }
    }

    /// The next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let (content, trailer) = bytes.split_at(bytes.len().min(self.content.length - self.position));
        let mut expected = [0; 4 * 1024];
        for piece in content.chunks(expected.len()) {
            let expected = &mut expected[..piece.len()];
            self.content.fill(self.position, expected);
            if let Some(differs) = piece.iter().zip(&*expected).position(|(found, expected)| found != expected) {
                return Err(Wrong { position: self.position + differs });
            }
            self.checksum.add(piece);
            self.position += piece.len();
        }
        self.trailer.extend_from_slice(trailer);
        let sum = self.checksum.trailer();
        if sum.starts_with(&self.trailer) { Ok(()) } else { Err(Wrong { position: self.position }) }
    }

    /// So much has come, the checksum included.
    pub(crate) fn received(&self) -> usize {
        self.position + self.trailer.len()
    }

    /// Whether all of it has come, with its checksum.
    pub(crate) fn is_whole(&self) -> bool {
        self.received() == self.content.full_length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(content: Content) -> Vec<u8> {
        let mut bytes = vec![0; content.length];
        content.fill(0, &mut bytes);
        let mut checksum = Checksum::new();
        checksum.add(&bytes);
        bytes.extend(checksum.trailer());
        bytes
    }

    #[test]
    fn what_was_sent_is_right_in_pieces_of_any_size() {
        let content = Content::new(1, 2, Way::Reply, 1_000);
        let bytes = sent(content);
        for size in [1, 3, 8, 999, 1_000, 1_001, 2_000] {
            let mut checker = Checker::new(content);
            for piece in bytes.chunks(size) {
                assert!(!checker.is_whole());
                assert_eq!(checker.feed(piece), Ok(()));
            }
            assert!(checker.is_whole());
        }
    }

    #[test]
    fn one_wrong_byte_is_found_wherever_it_is() {
        let content = Content::new(1, 2, Way::Request, 50);
        let bytes = sent(content);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(Checker::new(content).feed(&changed), Err(Wrong { position: place.min(50) }), "{place}");
        }
    }

    #[test]
    fn what_is_missing_doubled_or_too_much_is_found() {
        let content = Content::new(1, 2, Way::Request, 50);
        let bytes = sent(content);
        let mut checker = Checker::new(content);
        assert_eq!(checker.feed(&bytes[..57]), Ok(()));
        assert!(!checker.is_whole());
        assert!(Checker::new(content).feed(&[&bytes[..10], &bytes[5..]].concat()).is_err());
        assert!(Checker::new(content).feed(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn no_two_directions_or_connections_have_the_same_content() {
        let contents = [(1, Way::Request), (1, Way::Reply), (2, Way::Request)];
        let [first, second, third] = contents.map(|(number, way)| sent(Content::new(7, number, way, 16)));
        assert!(first != second && second != third && first != third);
    }
}
