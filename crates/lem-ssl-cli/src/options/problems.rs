//! `--check-config`: every problem is named at once, with the line of the file that it comes from.

use crate::config::{Origin, Setting};
use crate::exit::{Exit, Failure};
use crate::listening;
use crate::say;
use crate::stdio;
use crate::text::count;

/// What was found.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    origin: &'a Origin,
    lines: Vec<String>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(origin: &'a Origin) -> Self {
        Self { origin, lines: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// A problem of the whole, or of the option that it names.
    pub(crate) fn add(&mut self, failure: &Failure) {
        let place = self.origin.in_message(&failure.to_string()).unwrap_or_default();
        self.lines.push(format!("{place}{failure}"));
    }

    /// A problem of what an option is set to.
    pub(crate) fn add_of(&mut self, setting: &Setting, failure: &Failure) {
        match self.origin.of(setting) {
            Some(place) => self.lines.push(format!("{place}{failure}")),
            None => self.add(failure),
        }
    }

    /// What there is to say about where to listen.
    pub(crate) fn add_listening<'b>(
        &mut self,
        addresses: impl IntoIterator<Item = (&'static str, &'b String)>,
    ) -> Result<(), Failure> {
        let checked = listening::check(addresses)?;
        checked.warnings.iter().for_each(say::line);
        checked.problems.iter().for_each(|(setting, failure)| self.add_of(setting, failure));
        Ok(())
    }

    /// Says what is wrong, each on a line of standard error, or that all is well.
    pub(crate) fn conclude(self) -> Result<(), Failure> {
        if self.lines.is_empty() {
            stdio::print(b"everything can be loaded\n")?;
            return Ok(());
        }
        self.lines.iter().for_each(say::failure);
        let said = count(i128::try_from(self.lines.len()).unwrap_or_default(), "problem");
        Err(Failure::new(Exit::Usage, said))
    }
}
