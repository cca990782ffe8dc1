//! Makes a program that fails short.

use super::program::{Climate, Guard, Op, Program};

/// Tries at most this many shorter programs.
const MAX_TRIES: usize = 600;

/// The shortest program that `fails` as well, as far as a few hundred tries find it.
pub fn shrink(program: &Program, mut fails: impl FnMut(&Program) -> bool) -> Program {
    let mut best = program.clone();
    let mut tries = MAX_TRIES;
    loop {
        let before = best.clone();
        let mut candidate = 0;
        // The list grows shorter with the program: the place stays, what stands there is another one.
        while let Some(shorter) = shorter(&best).into_iter().nth(candidate) {
            if tries == 0 {
                return best;
            }
            tries -= 1;
            if fails(&shorter) {
                best = shorter;
            } else {
                candidate += 1;
            }
        }
        if best == before {
            return best;
        }
    }
}

/// Programs that are a little shorter than this one.
fn shorter(program: &Program) -> Vec<Program> {
    let calm = (program.setting.climate == Climate::Rough).then(|| {
        let mut calm = program.clone();
        calm.setting.climate = Climate::Calm;
        calm
    });
    calm.into_iter().chain(without_tasks(program)).chain(without_steps(program)).chain(smaller_steps(program)).collect()
}

fn places(program: &Program) -> Vec<(usize, usize)> {
    let ends = program.tasks.iter().enumerate();
    ends.flat_map(|(end, tasks)| (0..tasks.len()).map(move |task| (end, task))).collect()
}

fn without_tasks(program: &Program) -> impl Iterator<Item = Program> {
    places(program).into_iter().map(|(end, task)| {
        let mut shorter = program.clone();
        shorter.tasks[end].remove(task);
        shorter
    })
}

/// Without the second half of a task, without the first, and so on down to single steps.
fn without_steps(program: &Program) -> impl Iterator<Item = Program> {
    places(program).into_iter().flat_map(move |(end, task)| {
        let length = program.tasks[end][task].len();
        let sizes = std::iter::successors(Some(length.div_ceil(2)), |size| (*size > 1).then(|| size.div_ceil(2)));
        let sizes = sizes.filter(move |size| *size > 0 && *size <= length);
        sizes.flat_map(move |size| (0..length - size + 1).step_by(size).rev().map(move |from| (from, size))).map(
            move |(from, size)| {
                let mut shorter = program.clone();
                shorter.tasks[end][task].drain(from..from + size);
                shorter
            },
        )
    })
}

fn smaller_steps(program: &Program) -> impl Iterator<Item = Program> {
    places(program).into_iter().flat_map(move |(end, task)| {
        (0..program.tasks[end][task].len()).flat_map(move |step| {
            smaller(program.tasks[end][task][step]).into_iter().map(move |replaced| {
                let mut smaller = program.clone();
                smaller.tasks[end][task][step] = replaced;
                smaller
            })
        })
    })
}

fn smaller(step: Op) -> Vec<Op> {
    match step {
        Op::Read(mode, how, guard) if guard != Guard::None => vec![Op::Read(mode, how, Guard::None)],
        Op::Read(lem_rs::ReadMode::Exact(count), how, guard) if count > 1 => {
            vec![Op::Read((count / 2).into(), how, guard)]
        }
        Op::Until(delimiter, guard) if guard != Guard::None => vec![Op::Until(delimiter, Guard::None)],
        Op::Copy(guard) if guard != Guard::None => vec![Op::Copy(Guard::None)],
        Op::Peek(at_least, guard) => {
            let half = (at_least > 1).then_some(Op::Peek(at_least / 2, guard));
            let free = (guard != Guard::None).then_some(Op::Peek(at_least, Guard::None));
            half.into_iter().chain(free).collect()
        }
        Op::Lines(count, how, pause, guard) => {
            let fewer = (count > 1).then_some(Op::Lines(count / 2, how, pause, guard));
            let free = (guard != Guard::None).then_some(Op::Lines(count, how, pause, Guard::None));
            let brisk = (!pause.is_zero()).then_some(Op::Lines(count, how, std::time::Duration::ZERO, guard));
            [fewer, free, brisk].into_iter().flatten().collect()
        }
        Op::Write(size, guard) => {
            let half = (size > 1).then_some(Op::Write(size / 2, guard));
            let free = (guard != Guard::None).then_some(Op::Write(size, Guard::None));
            half.into_iter().chain(free).collect()
        }
        Op::Sleep(duration) if duration.as_micros() > 1 => vec![Op::Sleep(duration / 2)],
        _ => Vec::new(),
    }
}
