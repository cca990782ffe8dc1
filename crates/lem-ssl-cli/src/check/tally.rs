//! What many servers come to: how many of which kind, and the worst.

use std::collections::BTreeMap;

use super::report::Report;
use crate::exit::Exit;
use crate::text::count;

/// What the servers that were looked at come to.
#[derive(Debug)]
pub(super) struct Tally {
    exit: Exit,
    results: BTreeMap<&'static str, u32>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { exit: Exit::Good, results: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, report: &Report) {
        *self.results.entry(report.result()).or_default() += 1;
        if weight(report.exit()) > weight(self.exit) {
            self.exit = report.exit();
        }
    }

    /// The worst; the first of several.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// A line that sums it up; `None` if there is nothing to sum up.
    pub(super) fn line(&self) -> Option<String> {
        let all: u32 = self.results.values().sum();
        let good = self.results.get("good").copied().unwrap_or_default();
        let others = self.results.iter().filter(|(result, _)| **result != "good");
        let others: String =
            others.map(|(result, number)| format!(", {number} {}", result.replace('_', " "))).collect();
        (all > 1).then(|| format!("{}: {good} good{others}\n", count(all, "server")))
    }
}

/// How bad it is: first what is bad for sure, then what could not be looked at, then what has time.
fn weight(exit: Exit) -> u8 {
    match exit {
        Exit::Good => 0,
        Exit::ExpiresSoon => 1,
        Exit::Usage => 2,
        Exit::Resolve => 4,
        Exit::Connect => 5,
        Exit::Lost => 6,
        Exit::Starttls => 7,
        Exit::Handshake => 8,
        Exit::WrongName => 9,
        Exit::Expired | Exit::NotYetValid | Exit::NeverValid => 10,
        Exit::Untrusted => 11,
        _ => 3,
    }
}
