//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::name::Name;
use crate::plan::Scenario;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) contenders: Vec<Name>,
    pub(crate) rounds: usize,
    pub(crate) json: bool,
    pub(crate) quick: bool,
    pub(crate) plot: Option<PathBuf>,
    /// Another build of this program, whose lem-ssl-rs takes part, too.
    pub(crate) before: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Measure(Arguments),
    Help,
    /// The work of a child process.
    Child(Vec<String>),
}

impl Command {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_args(arguments);
        let (mut scenarios, mut contenders, mut rounds) = (Vec::new(), Vec::new(), None);
        let (mut json, mut quick, mut plot, mut before) = (false, false, None, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Self::Help),
                Long("child") => {
                    let rest = parser.raw_args()?.map(ValueExt::string).collect::<Result<_, _>>()?;
                    return Ok(Self::Child(rest));
                }
                Long("contender") => contenders.push(parser.value()?.parse()?),
                Long("rounds") => match parser.value()?.parse()? {
                    0 => return Err("--rounds must be at least 1".into()),
                    count => rounds = Some(count),
                },
                Long("json") => json = true,
                Long("quick") => quick = true,
                Long("before") => before = Some(parser.value()?.into()),
                Long("plot") => plot = Some(parser.value()?.into()),
                Value(scenario) => scenarios.push(scenario.parse()?),
                other => return Err(other.unexpected()),
            }
        }
        if scenarios.is_empty() {
            // What is slow must be asked for when time is short.
            scenarios = Scenario::ALL.iter().copied().filter(|s| !quick || *s != Scenario::Size).collect();
        }
        if contenders.is_empty() {
            contenders = Name::ALL.to_vec();
        }
        let rounds = rounds.unwrap_or(if quick { 2 } else { 7 });
        Ok(Self::Measure(Arguments { scenarios, contenders, rounds, json, quick, plot, before }))
    }
}

/// What `--help` prints.
pub(crate) fn help() -> String {
    let scenarios: Vec<_> =
        Scenario::ALL.iter().map(|scenario| format!("  {scenario:<11}{}", scenario.about())).collect();
    let contenders: Vec<_> = Name::ALL.iter().map(|name| name.text()).collect();
    format!(
        "Measures lem-ssl-rs and its peers side by side.

Usage: lem-ssl-bench [SCENARIO...] [OPTIONS]

Scenarios (all, if none is named):
{}

Options:
  --contender NAME   measure only this one; may be given several times
                     ({})
  --rounds N         how often each contender has its turn; 7, or 2 with --quick
  --before PROGRAM   another build of this program: its lem-ssl-rs takes part as \"before\"
  --json             print an object a line, not tables
  --quick            do less of everything: to see that it works, not to compare
  --plot FILE.svg    draw the ratios to tokio-rustls, too
  -h, --help         print this text

In each round every contender has its turn, so that what disturbs the machine disturbs all of them.
The side under test runs on core 1, its load on core 0. A ratio is the median of the rounds' ratios.",
        scenarios.join("\n"),
        contenders.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(arguments: &[&str]) -> String {
        Command::parse(arguments).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_scenario_is_told_with_those_that_exist() {
        let text = error(&["fly"]);
        assert!(text.contains("there is no scenario \"fly\"; there are receive, send,"), "{text}");
    }

    #[test]
    fn an_unknown_contender_is_told_with_those_that_exist() {
        let text = error(&["--contender", "boring"]);
        assert!(text.contains("there are lem-ssl-rs, tokio-rustls, futures-rustls,"), "{text}");
    }

    #[test]
    fn no_rounds_are_refused() {
        assert_eq!(error(&["--rounds", "0"]), "--rounds must be at least 1");
    }

    #[test]
    fn an_unknown_option_is_named() {
        assert!(error(&["--fast"]).contains("--fast"));
    }

    #[test]
    fn without_arguments_everything_is_measured() {
        let Ok(Command::Measure(arguments)) = Command::parse(Vec::<String>::new()) else { panic!("it measures") };
        assert_eq!(arguments.scenarios, Scenario::ALL);
        assert_eq!(arguments.contenders, Name::ALL);
    }

    #[test]
    fn quickly_means_without_the_slow_ones() {
        let Ok(Command::Measure(arguments)) = Command::parse(["--quick"]) else { panic!("it measures") };
        assert!(!arguments.scenarios.contains(&Scenario::Size));
    }

    #[test]
    fn help_names_every_scenario() {
        assert!(Scenario::ALL.iter().all(|scenario| help().contains(scenario.text())));
    }
}
