//! Many random scripts into rustls and into our records; see `lem_ssl_tests::differential`.
//!
//! ```text
//! cargo run --release -p lem-ssl-tests --bin differential -- SCRIPTS [SEED]
//! ```

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use lem_rs::sim::Rng;
use lem_ssl_tests::differential::compare;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let (scripts, seed) = match (numbers.next(), numbers.next()) {
        (Some(Ok(scripts)), None) => (scripts, 1),
        (Some(Ok(scripts)), Some(Ok(seed))) => (scripts, seed),
        _ => {
            eprintln!("usage: differential SCRIPTS [SEED]");
            return ExitCode::FAILURE;
        }
    };
    let mut rng = Rng::new(seed);
    let mut differences = BTreeMap::new();
    for number in 0..scripts {
        let bytes = rng.bytes(2 + number as usize % 90);
        match compare(&bytes) {
            Ok(Some(difference)) => *differences.entry(difference).or_insert(0_u64) += 1,
            Ok(None) => {}
            Err(difference) => {
                eprintln!("script {number} of seed {seed}: {bytes:?}\n{difference}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{scripts} scripts; argued differences: {differences:?}");
    ExitCode::SUCCESS
}
