//! How long things take, in buckets, as Prometheus counts them.

use std::cell::{Cell, RefCell};
use std::time::Duration;

/// Durations, counted by how long they are.
#[derive(Debug)]
pub(super) struct Histogram {
    /// Upper ends of the buckets in seconds, ascending; what is longer is in none.
    bounds: &'static [f64],
    /// As many as there are bounds.
    buckets: RefCell<Vec<u64>>,
    count: Cell<u64>,
    sum: Cell<f64>,
}

/// For handshakes: from a resumed session on the same machine to a client across the world that has lost packets.
pub(super) const HANDSHAKES: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// For connections: from a request to a session that lasts all day.
pub(super) const CONNECTIONS: &[f64] =
    &[0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21_600.0, 86_400.0];

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, buckets: RefCell::new(vec![0; bounds.len()]), count: Cell::default(), sum: Cell::default() }
    }

    pub(super) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if let Some(at) = self.bounds.iter().position(|&bound| seconds <= bound) {
            self.buckets.borrow_mut()[at] += 1;
        }
        self.count.set(self.count.get() + 1);
        self.sum.set(self.sum.get() + seconds);
    }

    /// Every bound with the number of durations up to it.
    pub(super) fn cumulative(&self) -> Vec<(f64, u64)> {
        let buckets = self.buckets.borrow();
        let counted = self.bounds.iter().zip(buckets.iter()).scan(0, |sum, (&bound, &count)| {
            *sum += count;
            Some((bound, *sum))
        });
        counted.collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    /// In seconds.
    pub(super) fn sum(&self) -> f64 {
        self.sum.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_every_bucket_that_is_not_shorter() {
        let histogram = Histogram::new(&[0.1, 1.0, 10.0]);
        for millis in [50, 100, 101, 5000, 60_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        assert_eq!(histogram.cumulative(), [(0.1, 2), (1.0, 3), (10.0, 4)]);
        assert_eq!(histogram.count(), 5);
        assert!((histogram.sum() - 65.251).abs() < 1e-9);
    }
}
