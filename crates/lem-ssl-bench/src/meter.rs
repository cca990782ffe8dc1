//! CPU time of the side under test.

use std::fs;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

use crate::outcome::Outcome;

/// User and system time of this process so far.
pub(crate) fn cpu_time() -> Duration {
    usage(UsageWho::RUSAGE_SELF)
}

/// User and system time of this process' children that have ended.
pub(crate) fn children_time() -> Duration {
    usage(UsageWho::RUSAGE_CHILDREN)
}

/// As [`cpu_time`], of this thread, finely enough to measure a few microseconds.
pub(crate) fn thread_time() -> Duration {
    // The clock exists on every Linux.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident() -> Outcome<u64> {
    const PAGE: u64 = 4096;
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).ok_or("/proc/self/statm has no second number")?;
    Ok(pages.parse::<u64>()? * PAGE)
}

fn usage(who: UsageWho) -> Duration {
    let Ok(usage) = getrusage(who) else { return Duration::ZERO };
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

/// Counts what the side under test has done. When it has done enough to be warm the clock starts; when it has done the
/// rest the result is printed, and the process ends, because tidying up is no part of the measurement.
#[derive(Debug)]
pub(crate) struct Meter {
    warm: u64,
    end: u64,
    seen: AtomicU64,
    began_at: AtomicU64,
    began_seen: AtomicU64,
}

impl Meter {
    pub(crate) fn new(warm: u64, total: u64) -> Self {
        Self {
            warm,
            end: warm + total,
            seen: AtomicU64::new(0),
            began_at: AtomicU64::new(0),
            began_seen: AtomicU64::new(0),
        }
    }

    /// Only one thread counts, so this needs no atomic addition, which would be dear beside a short line.
    pub(crate) fn add(&self, count: u64) {
        let before = self.seen.load(Relaxed);
        let now = before + count;
        self.seen.store(now, Relaxed);
        if before < self.warm && now >= self.warm {
            self.began_seen.store(now, Relaxed);
            self.began_at.store(cpu_time().as_nanos() as u64, Relaxed);
        } else if now >= self.end {
            let cpu = cpu_time().as_nanos() as u64 - self.began_at.load(Relaxed);
            println!("cpu {cpu} {}", now - self.began_seen.load(Relaxed));
            process::exit(0);
        }
    }
}
