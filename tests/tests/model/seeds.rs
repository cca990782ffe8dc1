//! Real streams agree with the model, and a seed decides everything.

use lem_rs::sim::{FaultCounts, Rng};
use lem_ssl_tests::model::{Carrier, Climate, Op, Program, play};

/// So many programs; `simulate` runs more of them.
const SEEDS: usize = 400;

/// The programs of all seeds. rustls 0.23 has an assertion, in builds such as that of the tests, that a record which does
/// not decrypt never comes after our own `close_notify`; somebody who changes what is under way can make it come.
/// `simulate`, built for release, runs those programs as well.
fn programs() -> impl Iterator<Item = Program> {
    (0..).map(Program::of).filter(|program| !(cfg!(debug_assertions) && program.setting.climate == Climate::Tampered))
}

#[test]
fn random_programs_on_real_streams_do_what_the_contract_says() {
    let (mut faults, mut bytes) = (FaultCounts::default(), 0);
    for program in programs().take(SEEDS) {
        let played = play(&program, false);
        assert_eq!(played.failure, None, "{program}{}", played.trace);
        faults.add(&played.faults);
        bytes += played.bytes;
    }
    assert!(bytes > 100_000, "only {bytes} bytes were compared");
    assert!(faults.iter().filter(|(_, count)| *count > 0).count() > 12, "only {faults}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for carrier in [Carrier::Plain, Carrier::Tls12, Carrier::Tls13, Carrier::Tls13OnRustls] {
        let of_this_kind = programs().filter(|program| program.setting.carrier == carrier);
        for program in of_this_kind.take(20) {
            let (first, second) = (play(&program, true), play(&program, true));
            assert_eq!(first.trace.to_string(), second.trace.to_string(), "{program}");
            assert_eq!((first.trace, first.bytes), (second.trace, second.bytes));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_of_a_script() {
    let scripted = |program: &Program| matches!(program.setting.carrier, Carrier::Scripted(_));
    for program in programs().filter(scripted).take(20) {
        let (first, second) = (play(&program, true), play(&program, true));
        assert_eq!(first.trace.to_string(), second.trace.to_string(), "{program}");
    }
}

#[test]
fn a_seed_makes_one_program_and_another_seed_another() {
    for seed in 0..100 {
        assert_eq!(Program::of(seed), Program::of(seed));
        assert_ne!(Program::of(seed).tasks, Program::of(seed + 1).tasks);
    }
}

#[test]
fn any_bytes_are_a_program_that_does_what_the_contract_says() {
    let mut rng = Rng::new(1);
    for length in 0..150 {
        let program = Program::from_bytes(&rng.bytes(length));
        if cfg!(debug_assertions) && program.setting.climate == Climate::Tampered {
            continue;
        }
        let played = play(&program, false);
        assert_eq!(played.failure, None, "{program}{}", played.trace);
    }
}

#[test]
fn every_kind_of_step_occurs() {
    let steps: Vec<Op> = (0..2_000).flat_map(|seed| Program::of(seed).tasks.into_iter().flatten().flatten()).collect();
    let kinds: std::collections::HashSet<_> = steps.iter().map(std::mem::discriminant).collect();
    // `KeyUpdate` is the last of them.
    assert_eq!(kinds.len(), 25, "of the kinds of steps some never occur, or there are others");
    assert!((0..2_000).any(|seed| Program::of(seed).setting.resumes));
}
