//! Tables, for people.

use std::fmt::Write;

use super::{machine, number};
use crate::name::Name;
use crate::runner::Result;

/// A table for each scenario, as Markdown that is readable as it is. With a column for the ratio to the build before, if that
/// took part.
pub(crate) fn tables(results: &[Result]) -> String {
    let mut text = machine::about();
    let is_compared = results.iter().flat_map(|result| &result.outputs).any(|(_, samples)| {
        let mut names = samples.names();
        names.any(|name| name == Name::Before)
    });
    let (more_header, more_rule) = if is_compared { (" to before |", "----------:|") } else { ("", "") };
    let mut scenario = None;
    for result in results {
        if scenario != Some(result.case.scenario) {
            scenario = Some(result.case.scenario);
            let _ = writeln!(text, "\n## {}: {}\n", result.case.scenario, result.case.scenario.about());
            let _ = writeln!(text, "{HEADER}{more_header}\n{RULE}{more_rule}");
        }
        for (output, samples) in &result.outputs {
            for (index, name) in samples.names().enumerate() {
                let size = if index == 0 { output.size.as_str() } else { "" };
                let unit = if index == 0 { output.unit } else { "" };
                let (least, most) = samples.spread(name).unwrap_or_default();
                let median = samples.median(name).map_or_else(String::new, number);
                let spread = format!("{}..{}", number(least), number(most));
                let ratio = |to| samples.ratio(name, to).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
                let (tokio, limit) = (ratio(Name::Tokio), ratio(Name::Limit));
                let before = if is_compared { format!(" {:>9} |", ratio(Name::Before)) } else { String::new() };
                let _ = writeln!(
                    text,
                    "| {size:<16} | {name:<14} | {median:>10} | {spread:>22} | {unit:<17} | {tokio:>8} | {limit:>8} |{before}"
                );
            }
        }
    }
    text
}

const HEADER: &str = "| size             | contender      |     median |             min .. max | unit              | to tokio | to limit |";

const RULE: &str = "|------------------|----------------|-----------:|-----------------------:|-------------------|---------:|---------:|";
