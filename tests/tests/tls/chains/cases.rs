//! All cases.

use super::{Case, dates, forms, names, paths};

pub(super) fn for_servers() -> Vec<Case> {
    [dates::cases(), forms::cases(), paths::cases(), names::for_servers()].into_iter().flatten().collect()
}

pub(super) fn for_clients() -> Vec<Case> {
    [dates::cases(), forms::cases(), paths::cases(), names::for_clients()].into_iter().flatten().collect()
}
