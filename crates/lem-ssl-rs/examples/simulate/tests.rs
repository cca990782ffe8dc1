//! What is left when the mistake is mended: a test for each thing that has to be true.

use crate::arguments::Wish;
use crate::bank::Booking;
use crate::trial::run;

#[test]
fn the_careful_bank_books_every_payment_once_whatever_the_network_does() {
    for seed in 0..100 {
        let outcome = run(seed, Booking::Careful);
        outcome.verdict.unwrap_or_else(|why| panic!("seed {seed}: {why}\n{}", outcome.trace));
    }
}

#[test]
fn some_seeds_show_the_mistake_of_the_hasty_bank_and_most_do_not() {
    let failures = (0..100).filter(|seed| run(*seed, Booking::Hasty).verdict.is_err()).count();
    assert!((1..50).contains(&failures), "{failures} of 100 seeds fail");
}

#[test]
fn what_happens_is_a_function_of_the_seed() {
    for seed in 0..10 {
        let (first, second) = (run(seed, Booking::Hasty), run(seed, Booking::Hasty));
        assert_eq!(first.trace.to_string(), second.trace.to_string(), "seed {seed}");
        assert_eq!(first.verdict, second.verdict);
    }
    assert_ne!(run(0, Booking::Hasty).trace, run(1, Booking::Hasty).trace);
}

#[test]
fn arguments_that_do_not_go_together_are_refused_with_the_name_of_the_option() {
    let parse = |line: &str| Wish::parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|e| e.to_string());
    assert_eq!(parse(""), Ok(Wish::Search { seeds: 300 }));
    assert_eq!(parse("--seed 7 --mended"), Ok(Wish::Replay { seed: 7, booking: Booking::Careful, everything: false }));
    for wrong in ["--seeds 0", "--seeds many", "--seed -1", "--seed 1 --seeds 2", "--mended", "--trace --seeds 2"] {
        let error = parse(wrong).expect_err(wrong);
        let option = wrong.split_whitespace().next().unwrap_or_default();
        assert!(error.contains(option), "{wrong}: {error}");
    }
}
