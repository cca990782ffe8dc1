//! Numbers that look random and are a function of a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A generator of numbers that are a function of its seed, on every platform: `SplitMix64` (Steele, Lea and Flood, 2014).
/// For tests; nothing here is secret.
///
/// ```
/// use lem_rs::sim::Rng;
/// let (mut one, mut two) = (Rng::new(7), Rng::new(7));
/// assert_eq!(one.between(1..=6), two.between(1..=6));
/// ```
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The generator of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// An own generator for the part of a test called `number`: what it draws does not depend on the other parts.
    #[must_use]
    pub fn fork(&self, number: u64) -> Self {
        // Two steps apart, so that neighbouring seeds and numbers have nothing in common.
        let mut mixed = Self::new(self.state ^ Self::new(number).number());
        Self::new(mixed.number())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in the range; its start if it is empty.
    pub fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (first, last) = range.into_inner();
        let span = u128::from(last.saturating_sub(first)) + 1;
        // The product's upper half: evenly spread enough for tests, and one multiplication.
        first + ((u128::from(self.number()) * span) >> 64) as u64
    }

    /// As [`between`](Self::between), for lengths and indices.
    pub fn size(&mut self, range: RangeInclusive<usize>) -> usize {
        self.between(*range.start() as u64..=*range.end() as u64) as usize
    }

    /// A size in the range whose magnitude is evenly spread: as often of one digit as of five.
    pub fn magnitude(&mut self, range: RangeInclusive<usize>) -> usize {
        let (first, last) = range.into_inner();
        let (least, most) = (first.max(1).ilog2(), last.max(1).ilog2());
        let bits = self.between(u64::from(least)..=u64::from(most)) as u32;
        let low = 1_usize << bits;
        self.size(low.max(first)..=low.saturating_mul(2).saturating_sub(1).min(last))
    }

    /// True with this probability, between 0 and 1. Draws nothing for 0.
    pub fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds exactly.
        probability > 0.0 && ((self.number() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// A duration between nothing and `most`.
    pub fn within(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.between(0..=u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// One of these; `None` if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let last = from.len().checked_sub(1)?;
        from.get(self.size(0..=last))
    }

    /// Puts them into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.size(0..=last));
        }
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.number().to_le_bytes());
        words.take(count.div_ceil(8)).flatten().take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_of_seed_zero_are_those_of_the_published_algorithm() {
        let mut rng = Rng::new(0);
        assert_eq!([rng.number(), rng.number()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Rng::new(1);
        let drawn: Vec<u64> = (0..1_000).map(|_| rng.between(3..=5)).collect();
        assert_eq!(drawn.iter().min(), Some(&3));
        assert_eq!(drawn.iter().max(), Some(&5));
        assert!((0..1_000).all(|_| (1..=70_000).contains(&rng.magnitude(1..=70_000))));
        rng.between(0..=u64::MAX);
    }

    #[test]
    fn a_probability_of_one_always_comes_true_and_one_of_zero_never() {
        let mut rng = Rng::new(2);
        assert!((0..1_000).all(|_| rng.chance(1.0) && !rng.chance(0.0)));
    }
}
