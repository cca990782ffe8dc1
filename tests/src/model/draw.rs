//! Where the decisions come from that make a program.

use std::ops::RangeInclusive;
use std::time::Duration;

use lem_rs::sim::{Link, Rng};

/// Makes decisions.
pub(super) trait Draw {
    /// A number in the range.
    fn between(&mut self, range: RangeInclusive<u64>) -> u64;

    /// A size in the range whose magnitude is evenly spread.
    fn magnitude(&mut self, range: RangeInclusive<usize>) -> usize;

    /// True with this probability.
    fn chance(&mut self, probability: f64) -> bool;

    /// A link between the ends.
    fn link(&mut self) -> Link;

    /// As [`between`](Self::between), for lengths.
    fn size(&mut self, range: RangeInclusive<usize>) -> usize {
        self.between(*range.start() as u64..=*range.end() as u64) as usize
    }

    /// A duration between nothing and `most`.
    fn within(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.between(0..=u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Draw for Rng {
    fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        Self::between(self, range)
    }

    fn magnitude(&mut self, range: RangeInclusive<usize>) -> usize {
        Self::magnitude(self, range)
    }

    fn chance(&mut self, probability: f64) -> bool {
        Self::chance(self, probability)
    }

    fn link(&mut self) -> Link {
        Link::any(self)
    }
}

/// Decisions that a fuzzer made: each takes as few bytes off the front as it needs, so that a change of one byte changes
/// one decision. Behind the last byte everything is as small as it may be.
#[derive(Debug, Clone)]
pub(super) struct Dealt<'a>(pub(super) &'a [u8]);

impl Dealt<'_> {
    /// A number of so many bytes.
    pub(super) fn number(&mut self, bytes: u32) -> u64 {
        (0..bytes).fold(0, |number, _| {
            let (first, rest) = self.0.split_first().map_or((0, &[][..]), |(first, rest)| (*first, rest));
            self.0 = rest;
            number << 8 | u64::from(first)
        })
    }
}

impl Draw for Dealt<'_> {
    fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        let span = u128::from(last.saturating_sub(first)) + 1;
        let bytes = (u128::BITS - (span - 1).leading_zeros()).div_ceil(8);
        first + (u128::from(self.number(bytes)) % span) as u64
    }

    fn magnitude(&mut self, range: RangeInclusive<usize>) -> usize {
        let (first, last) = range.into_inner();
        let (least, most) = (first.max(1).ilog2(), last.max(1).ilog2());
        let low = 1_usize << self.between(u64::from(least)..=u64::from(most));
        self.size(low.max(first)..=low.saturating_mul(2).saturating_sub(1).min(last))
    }

    fn chance(&mut self, probability: f64) -> bool {
        // No byte at all means no, whatever the probability.
        probability > 0.0 && (255 - self.number(1)) as f64 <= probability * 256.0 - 1.0
    }

    fn link(&mut self) -> Link {
        Link::any(&mut Rng::new(self.number(2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dealt_stays_in_its_range_and_reaches_its_ends() {
        let drawn: Vec<u64> = (0..=255).map(|byte| Dealt(&[byte]).between(3..=5)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&5)));
        assert!((0..=255).all(|byte| (1..=70_000).contains(&Dealt(&[byte, byte, byte]).magnitude(1..=70_000))));
        assert_eq!(Dealt(&[]).between(7..=u64::MAX), 7);
        assert!(!Dealt(&[]).chance(0.9) && Dealt(&[255]).chance(0.1));
    }

    #[test]
    fn one_decision_takes_no_more_bytes_than_it_needs() {
        let mut dealt = Dealt(&[1, 2, 3, 4]);
        dealt.between(0..=255);
        assert_eq!(dealt.0, [2, 3, 4]);
        dealt.between(0..=256);
        assert_eq!(dealt.0, [4]);
        dealt.between(5..=5);
        assert_eq!(dealt.0, [4]);
    }
}
