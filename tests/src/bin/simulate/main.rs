//! Random programs on simulated connections, held against the reference model.
//!
//! `simulate --seeds N` runs the seeds from 0 on (`--start` for another one) on every core and ends with one line; a
//! failing seed is shrunk to a short program. `simulate --seed S` runs one seed and prints what happens in it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod options;
mod report;
mod run;

use options::Options;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let report = match options.seed {
        Some(seed) => run::one(seed, options.quiet),
        None => run::many(&options),
    };
    println!("{report}");
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
