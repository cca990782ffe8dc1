//! A program that fails is made short, and fails still.

use std::time::Duration;

use lem_rs::ReadMode;
use lem_ssl_tests::model::{Guard, How, Op, Program, play, shrink};

/// A program that has both: a write of at least a thousand bytes, and an abort.
fn has_both(program: &Program) -> bool {
    let steps = || program.tasks.iter().flatten().flatten();
    steps().any(|step| matches!(step, Op::Write(1_000.., _))) && steps().any(|step| *step == Op::Abort)
}

#[test]
fn what_is_left_is_what_it_takes() {
    let long = (0..).map(Program::of).find(|program| has_both(program) && program.steps() > 15).unwrap();
    let short = shrink(&long, has_both);
    assert_eq!(short.steps(), 2, "{short}");
    assert!(has_both(&short), "{short}");
    let size = short.tasks.iter().flatten().flatten().find_map(|step| match step {
        Op::Write(size, guard) => Some((*size, *guard)),
        _ => None,
    });
    assert!(matches!(size, Some((1_000..2_000, Guard::None))), "{short}");
}

#[test]
fn what_cannot_be_shorter_stays() {
    let program = Program::of(1);
    assert_eq!(shrink(&program, |_| false), program);
}

#[test]
fn a_program_that_was_cut_short_still_runs() {
    let mut program = Program::of(2);
    program.tasks = [Vec::new(), vec![vec![Op::Read(ReadMode::All, How::Owned, Guard::Timeout(Duration::ZERO))]]];
    let played = play(&program, true);
    assert_eq!(played.failure, None, "{program}{}", played.trace);
}
