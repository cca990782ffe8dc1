//! Landlock, which there is on Linux only.

use super::needs::{Needs, Restricted};

/// Says that it is not there.
pub(crate) fn restrict(_: &Needs) -> Result<Restricted, String> {
    Ok(Restricted::Partly("--landlock does nothing: this system has no Landlock, which is a part of Linux".to_owned()))
}
