//! Measuring: rounds, in which every contender has its turn.

mod child;
mod core;
mod measure;
mod size;

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};

use crate::name::Name;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::plan::{Case, Method, Output};
use crate::samples::Samples;

pub(crate) use self::core::{limit_files, stay_on};
use measure::Bench;

/// What a case came to.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) case: Case,
    /// For each output, what each contender came to, in the order of the rounds.
    pub(crate) outputs: Vec<(Output, Samples)>,
}

/// Measures the cases, each in `rounds` rounds, for those of `contenders` that take part in it, and for the lem-ssl-rs of
/// another build, if there is one.
pub(crate) fn measure(
    cases: Vec<Case>,
    contenders: &[Name],
    rounds: usize,
    quick: bool,
    before: Option<&Path>,
) -> Outcome<Vec<Result>> {
    let scratch = Scratch::new()?;
    Pki::generate()?.save(&scratch.0)?;
    let bench = Bench::new(&scratch.0, before)?;
    let mut progress = Progress { count: 0, of: cases.len() };
    let mut results = Vec::new();
    for case in cases {
        let mut taking_part: Vec<_> =
            case.contenders.iter().copied().filter(|name| contenders.contains(name)).collect();
        if before.is_some() && case.contenders.contains(&Name::Lem) && !matches!(case.method, Method::Build) {
            taking_part.insert(0, Name::Before);
        }
        let mut outputs: Vec<_> = case.outputs.iter().map(|output| (output.clone(), Samples::default())).collect();
        progress.count += 1;
        for round in 0..rounds.min(case.most_rounds(quick)) {
            for name in &taking_part {
                progress.tell(&case, round + 1, *name);
                let values = bench.measure(&case, *name).map_err(|error| {
                    let size = case.outputs.first().map(|output| output.size.as_str()).unwrap_or_default();
                    format!("{} ({size}), {name}: {error}", case.scenario)
                })?;
                for ((_, samples), value) in outputs.iter_mut().zip(values) {
                    samples.add(*name, value);
                }
            }
        }
        results.push(Result { case, outputs });
    }
    progress.end();
    Ok(results)
}

/// A directory for the certificate, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("lem-ssl-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Says on standard error how far it is.
struct Progress {
    count: usize,
    of: usize,
}

impl Progress {
    fn tell(&self, case: &Case, round: usize, name: Name) {
        let size = case.outputs.first().map(|output| output.size.as_str()).unwrap_or_default();
        let text = format!("[{}/{}] {} {size}, round {round}: {name}", self.count, self.of, case.scenario);
        let mut err = stderr().lock();
        let _ = if err.is_terminal() { write!(err, "\r\x1b[K{text}") } else { writeln!(err, "{text}") };
    }

    fn end(&self) {
        let mut err = stderr().lock();
        if err.is_terminal() {
            let _ = write!(err, "\r\x1b[K");
        }
    }
}
