//! Pauses with chance in them: many that failed at once, or were told the same time, must not come back at once.

use std::time::Duration;

/// A pause of ours: from half of `most` to all of it, as `chance` (0 to 1) decides.
pub(crate) fn shortened(most: Duration, chance: f64) -> Duration {
    most.mul_f64(0.5 + 0.5 * chance)
}

/// A pause that a server has asked for: `least`, or up to a tenth longer, as `chance` (0 to 1) decides.
pub(crate) fn extended(least: Duration, chance: f64) -> Duration {
    least.saturating_add((least / 10).mul_f64(chance))
}

/// A random number from 0 to 1.
pub(crate) fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without random numbers there is no TLS either; what is at stake here is a moment.
    let _ = graviola::random::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_between_half_and_all_of_it_and_never_shorter_than_a_server_wants() {
        let pause = Duration::from_secs(20);
        assert_eq!([0.0, 0.5, 1.0].map(|chance| shortened(pause, chance).as_secs()), [10, 15, 20]);
        assert_eq!([0.0, 0.5, 1.0].map(|chance| extended(pause, chance).as_secs()), [20, 21, 22]);
        assert_eq!(extended(Duration::MAX, 1.0), Duration::MAX);
        let drawn: Vec<_> = std::iter::repeat_with(chance).take(100).collect();
        assert!(drawn.iter().all(|chance| (0.0..=1.0).contains(chance)), "{drawn:?}");
        assert!(drawn.iter().any(|chance| *chance < 0.5) && drawn.iter().any(|chance| *chance > 0.5), "{drawn:?}");
    }
}
