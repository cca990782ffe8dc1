//! Becoming another user, which cannot be done here without leaving something behind, or not at all.

use std::io;
use std::path::Path;

use crate::exit::{Exit, Failure};

/// Nobody is ever become.
#[derive(Debug)]
pub(crate) enum Account {}

impl Account {
    /// Says that it cannot be done.
    pub(crate) fn find(_: &str, _: Option<&str>) -> Result<Self, Failure> {
        Err(Failure::new(Exit::Usage, "this command cannot become another user on this system (--user)"))
    }

    pub(crate) fn give(&self, _: &Path) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn assume(&self) -> Result<(), Failure> {
        match *self {}
    }
}
