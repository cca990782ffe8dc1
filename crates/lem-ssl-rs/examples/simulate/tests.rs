//! What is left when the mistake is mended: a test for each thing that has to be true.

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
