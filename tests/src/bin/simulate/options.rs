//! The command line.

use std::thread::available_parallelism;

pub(crate) const USAGE: &str = "\
usage: simulate --seeds N [--start A] [--threads T] [--quiet]
       simulate --seed S [--quiet]

  --seeds N     run N programs, one for each seed
  --start A     the first seed; default 0
  --threads T   default: as many as there are cores
  --seed S      run this one, and print what happens in it
  --quiet       no progress, no log";

/// What to do.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) start: u64,
    pub(crate) seed: Option<u64>,
    pub(crate) threads: usize,
    pub(crate) quiet: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let threads = available_parallelism().map_or(1, usize::from);
        let mut options = Self { seeds: 0, start: 0, seed: None, threads, quiet: false };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or(format!("{argument} needs a number"))?;
                value.parse::<u64>().map_err(|_| format!("{argument} needs a number, and {value:?} is none"))
            };
            match argument.as_str() {
                "--seeds" => options.seeds = number()?,
                "--start" => options.start = number()?,
                "--seed" => options.seed = Some(number()?),
                "--threads" => options.threads = number()?.clamp(1, 1_024) as usize,
                "--quiet" => options.quiet = true,
                other => return Err(format!("{other:?} is no option")),
            }
        }
        if options.seeds == 0 && options.seed.is_none() {
            return Err("how many seeds?".into());
        }
        Ok(options)
    }
}
