//! Tests a protocol in the simulated world: finds a mistake that only a certain interleaving shows, replays it by its seed,
//! and shows that the mended program is free of it.
//!
//! - `bank.rs` is the protocol. It knows nothing of any simulation.
//! - `trial.rs` is a world for it, and what has to be true in the end.
//! - `arguments.rs` is the command line.
//! - `tests.rs` are the tests that remain when the mistake is mended.

use std::process::ExitCode;
use std::time::Duration;

use lem_ssl_rs::sim::{Fault, FaultCounts, Trace};

mod arguments;
mod bank;
#[cfg(test)]
mod tests;
mod trial;

use arguments::{HELP, Wish};
use bank::Booking;

fn main() -> ExitCode {
    let wish = match Wish::parse(lexopt::Parser::from_env()) {
        Ok(wish) => wish,
        Err(error) => {
            eprintln!("simulate: {error}; see simulate --help");
            return ExitCode::from(2);
        }
    };
    let as_expected = match wish {
        Wish::Help => {
            println!("{HELP}");
            true
        }
        Wish::Search { seeds } => demonstrate(seeds),
        Wish::Replay { seed, booking, everything } => replay(seed, booking, everything),
    };
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Finds the mistake, replays it, and shows that it is gone. Returns whether that is what happened.
fn demonstrate(seeds: u64) -> bool {
    let Some(seed) = search(seeds, Booking::Hasty) else {
        println!("No seed shows the mistake: try more of them.");
        return false;
    };
    println!("To see it again:  cargo run --release -p lem-ssl-rs --example simulate -- --seed {seed}\n");
    replay(seed, Booking::Hasty, false);
    println!();
    search(seeds, Booking::Careful).is_none()
}

/// Tries the seeds. Of those that fail, it returns the one in which the least happens: it is the easiest to read.
fn search(seeds: u64, booking: Booking) -> Option<u64> {
    let mut faults = FaultCounts::default();
    let mut failures = Vec::new();
    for seed in 0..seeds {
        let outcome = trial::run(seed, booking);
        faults.add(&outcome.faults);
        if let Err(why) = outcome.verdict {
            failures.push((outcome.trace.events().len(), seed, why));
        }
    }
    println!("The {booking} bank fails in {} of {seeds} seeds, of {} faults.", failures.len(), faults.total());
    let (_, seed, why) = failures.into_iter().min()?;
    println!("The shortest is seed {seed}: {why}.");
    Some(seed)
}

/// Runs a seed and prints what happens. Returns whether all is well.
fn replay(seed: u64, booking: Booking, everything: bool) -> bool {
    let outcome = trial::run(seed, booking);
    if everything {
        print!("{}", outcome.trace);
    } else {
        tell(&outcome.trace);
    }
    match &outcome.verdict {
        Ok(()) => println!("seed {seed}: every payment was booked once"),
        Err(why) => println!("seed {seed}: {why}"),
    }
    outcome.verdict.is_ok()
}

/// Prints what the program itself has told, and the worst of what was done to it.
fn tell(trace: &Trace) {
    let is_worth_telling = |fault: Fault| !fault.is_harmless() || fault.lasts() > Duration::from_secs(1);
    for event in trace.events() {
        if event.note().is_some() || event.fault().is_some_and(is_worth_telling) {
            println!("{event}");
        }
    }
}
