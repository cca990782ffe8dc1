//! The files of one certificate.

use super::names::Names;
use super::store::stem;

/// The files of one certificate: they go by its first name, so that other names can be added without losing it.
#[derive(Debug, Clone)]
pub(super) struct Files {
    stem: String,
}

/// With the longest ending a name has to fit into a folder, which takes 255 bytes.
const MAX_NAME: usize = 200;

impl Files {
    pub(super) fn of(names: &Names) -> Self {
        Self { stem: short(names.first()) }
    }

    /// The chain and its key.
    pub(super) fn certificate(&self) -> String {
        format!("{}.pem", self.stem)
    }

    /// The order under way.
    pub(super) fn order(&self) -> String {
        format!("{}.order.json", self.stem)
    }

    /// The last failure.
    pub(super) fn failure(&self) -> String {
        format!("{}.failed.json", self.stem)
    }
}

/// The answer to the challenge for a name.
pub(super) fn challenge(name: &str) -> String {
    format!("{}.challenge", short(name))
}

fn short(name: &str) -> String {
    if name.len() <= MAX_NAME { name.to_owned() } else { stem(name, name) }
}
