//! What is written: bytes that say where they belong.

use lem_rs::sim::Rng;

/// The bytes of one direction of a connection. Each is a function of its position, so that a byte that is lost, doubled
/// or moved shows at once; all are printable, so that they make lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    seed: u64,
    line: u64,
}

/// One draw makes so many bytes.
const BLOCK: u64 = 8;

impl Content {
    /// Bytes with a `'\n'` after about `line` others.
    pub fn new(seed: u64, line: u64) -> Self {
        Self { seed, line: line.max(1) }
    }

    /// The bytes from `position` on.
    pub fn bytes(&self, position: u64, count: usize) -> Vec<u8> {
        let first = position / BLOCK;
        let last = (position + count as u64).div_ceil(BLOCK);
        let skipped = (position % BLOCK) as usize;
        (first..last).flat_map(|block| self.block(block)).skip(skipped).take(count).collect()
    }

    fn block(&self, number: u64) -> [u8; BLOCK as usize] {
        let mut rng = Rng::new(self.seed).fork(number);
        let mut block = rng.number().to_le_bytes().map(|byte| b'!' + byte % 94);
        if rng.between(0..=self.line / BLOCK) == 0 {
            block[rng.size(0..=BLOCK as usize - 1)] = b'\n';
        }
        block
    }
}
