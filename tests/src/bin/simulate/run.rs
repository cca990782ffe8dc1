//! Runs seeds.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lem_ssl_tests::model::{Program, play, shrink};

use crate::options::Options;
use crate::report::{Report, replay};

/// After so many failures there is enough to look at.
const MAX_FAILURES: usize = 10;

/// So many of them are shrunk: it takes a while.
const MAX_SHRUNK: usize = 2;

/// One seed, with its log.
pub(crate) fn one(seed: u64, quiet: bool) -> Report {
    let begun = Instant::now();
    let program = Program::of(seed);
    let played = play(&program, true);
    if !quiet {
        print!("{program}\n{}", played.trace);
    }
    let mut report = Report::default();
    report.add(seed, &played);
    report.took = begun.elapsed();
    tell(&report);
    report
}

/// Many seeds, on all threads.
pub(crate) fn many(options: &Options) -> Report {
    let begun = Instant::now();
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = Mutex::new(Report::default());
    thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                let report = share(options, &next, &done);
                total.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(report);
            });
        }
        if !options.quiet {
            progress(options.seeds, &done);
        }
    });
    let mut report = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.took = begun.elapsed();
    tell(&report);
    for (seed, _) in report.failures.iter().take(MAX_SHRUNK) {
        tell_short(*seed);
    }
    report
}

/// What one thread does.
fn share(options: &Options, next: &AtomicU64, done: &AtomicU64) -> Report {
    let mut report = Report::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.seeds {
            return report;
        }
        let seed = options.start.wrapping_add(number);
        report.add(seed, &play(&Program::of(seed), false));
        done.fetch_add(1, Ordering::Relaxed);
        if report.failures.len() >= MAX_FAILURES {
            // The other threads find nothing left to do either.
            next.store(options.seeds, Ordering::Relaxed);
            done.store(options.seeds, Ordering::Relaxed);
        }
    }
}

/// Says how far it is: on a terminal in one line, elsewhere every few seconds.
fn progress(seeds: u64, done: &AtomicU64) {
    let terminal = std::io::stderr().is_terminal();
    let (pause, every) = (Duration::from_millis(100), if terminal { 2 } else { 100 });
    let mut ticks = 0;
    while done.load(Ordering::Relaxed) < seeds {
        thread::sleep(pause);
        ticks += 1;
        if ticks % every == 0 {
            let (begin, end) = if terminal { ("\r", "") } else { ("", "\n") };
            eprint!("{begin}{} of {seeds} seeds{end}", done.load(Ordering::Relaxed).min(seeds));
        }
    }
    if terminal {
        eprint!("\r{:40}\r", "");
    }
}

fn tell(report: &Report) {
    for (seed, failure) in &report.failures {
        println!("seed {seed} failed: {failure}");
        println!("    cargo run --release -p lem-ssl-tests --bin simulate -- --seed {seed}");
    }
}

fn tell_short(seed: u64) {
    let program = Program::of(seed);
    let steps = program.steps();
    let short = shrink(&program, |program| play(program, false).failure.is_some());
    let (failure, trace) = replay(&short);
    println!("\nseed {seed}, {steps} steps, shrunk to {}: {}", short.steps(), failure.unwrap_or_default());
    print!("{short}");
    println!("  the end of its log:");
    let events = trace.events();
    for event in &events[events.len().saturating_sub(30)..] {
        println!("  {event}");
    }
}
