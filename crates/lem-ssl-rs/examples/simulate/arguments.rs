//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::num::NonZeroU64;
use std::str::FromStr;

use lexopt::prelude::{Long, Short};

use crate::bank::Booking;

pub(crate) const HELP: &str = "\
Looks for a mistake in a small protocol, in a simulated world.

Usage: simulate [--seeds N]
       simulate --seed S [--mended] [--trace]

Without --seed: tries many seeds, replays one that fails, and tries the mended program with the same.

Options:
  --seeds N      how many seeds to try; 300 without it
  --seed S       runs this one and prints what happens
  --mended       with --seed: the mended program
  --trace        with --seed: everything that happens, each segment of each connection
  -h, --help     print this text

Exit code: 0 if all is as expected; 1 if a payment was booked wrongly where it should not be, or if no seed showed the
mistake; 2 if the arguments are wrong.";

const SEEDS: u64 = 300;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Help,
    Search { seeds: u64 },
    Replay { seed: u64, booking: Booking, everything: bool },
}

impl Wish {
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let (mut seeds, mut seed) = (None, None);
        let (mut mended, mut trace) = (false, false);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Self::Help),
                Long("seeds") => seeds = Some(number::<NonZeroU64>("--seeds", &parser.value()?)?.get()),
                Long("seed") => seed = Some(number("--seed", &parser.value()?)?),
                Long("mended") => mended = true,
                Long("trace") => trace = true,
                other => return Err(other.unexpected()),
            }
        }
        match (seed, seeds) {
            (Some(_), Some(_)) => Err("--seed and --seeds exclude each other".into()),
            (None, _) if mended => Err("--mended needs --seed".into()),
            (None, _) if trace => Err("--trace needs --seed".into()),
            (None, seeds) => Ok(Self::Search { seeds: seeds.unwrap_or(SEEDS) }),
            (Some(seed), None) => {
                let booking = if mended { Booking::Careful } else { Booking::Hasty };
                Ok(Self::Replay { seed, booking, everything: trace })
            }
        }
    }
}

/// An option's value; the error names the option.
fn number<N: FromStr<Err: Display>>(option: &str, value: &OsString) -> Result<N, lexopt::Error> {
    let value = value.to_string_lossy();
    value.parse().map_err(|error| format!("{option} {value}: {error}").into())
}
