//! What a process tells of itself, in a line: for the supervisor.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

/// Numbers with names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status(BTreeMap<String, u64>);

/// What a line means.
#[derive(Debug)]
pub(crate) enum Line {
    /// It is ready: how it was before the first connection.
    Ready(Status),
    /// How it is now.
    Now(Status),
    /// How it is after the last connection.
    Over(Status),
    /// Something that a person must see.
    Say(String),
}

impl Status {
    /// This process's memory and descriptors.
    pub(crate) fn of_this_process() -> Self {
        let mut status = Self::default();
        status.set("resident", resident().unwrap_or_default());
        status.set("descriptors", fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64);
        status
    }

    pub(crate) fn set(&mut self, name: &str, value: u64) {
        self.0.insert(name.into(), value);
    }

    /// Zero, if it was not told.
    pub(crate) fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The numbers whose names begin so.
    pub(crate) fn beginning(&self, with: &str) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(with)?, *value)))
    }
}

/// Resident memory in KiB.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&fields.join(" "))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(status) => write!(f, "ready {status}"),
            Self::Now(status) => write!(f, "now {status}"),
            Self::Over(status) => write!(f, "over {status}"),
            Self::Say(text) => write!(f, "say {text}"),
        }
    }
}

impl Line {
    pub(crate) fn parse(line: &str) -> Self {
        let numbers = |text: &str| {
            let fields = text.split_whitespace().filter_map(|field| field.split_once('='));
            Status(fields.filter_map(|(name, value)| Some((name.into(), value.parse().ok()?))).collect())
        };
        match line.split_once(' ') {
            Some(("ready", rest)) => Self::Ready(numbers(rest)),
            Some(("now", rest)) => Self::Now(numbers(rest)),
            Some(("over", rest)) => Self::Over(numbers(rest)),
            Some(("say", rest)) => Self::Say(rest.into()),
            _ => Self::Say(line.into()),
        }
    }
}
