//! What came of all runs.

use std::fmt;
use std::time::Duration;

use lem_rs::sim::{FaultCounts, Trace};
use lem_ssl_tests::model::{Played, Program, play};

/// What came of all runs.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) seeds: u64,
    faults: FaultCounts,
    bytes: u64,
    pub(crate) failures: Vec<(u64, String)>,
    pub(crate) took: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, seed: u64, played: &Played) {
        self.seeds += 1;
        self.faults.add(&played.faults);
        self.bytes += played.bytes;
        if let Some(failure) = &played.failure {
            self.failures.push((seed, failure.clone()));
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.faults.add(&other.faults);
        self.bytes += other.bytes;
        self.failures.extend(other.failures);
        self.failures.sort();
    }
}

impl fmt::Display for Report {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, faults, bytes, failures, took } = self;
        let kinds = faults.iter().filter(|(_, count)| *count > 0).count();
        write!(
            f,
            "{seeds} seed(s) in {:.1} s: {} faults of {kinds} kinds ({faults}), {bytes} bytes checked, {} failure(s)",
            took.as_secs_f64(),
            faults.total(),
            failures.len()
        )
    }
}

/// The same failure again, after whatever makes it shorter.
pub(crate) fn replay(program: &Program) -> (Option<String>, Trace) {
    let played = play(program, true);
    (played.failure, played.trace)
}
