//! Keeps certificates valid: asks for the first one, renews it, and tries again where that fails.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::spawn;

use super::authority::Authority;
use super::kept::Kept;
use super::names::Names;
use super::shown::Shown;
use super::status::{Family, families};
use super::supervisor::supervise;
use crate::log::Log;

/// All certificates of a process.
#[derive(Debug)]
pub(crate) struct Keeper {
    certificates: Vec<Rc<Kept>>,
}

/// A panic is a mistake of ours, and most likely comes again.
const AFTER_PANIC: Duration = Duration::from_secs(5 * 60);

impl Keeper {
    /// Begins, with a task for each certificate.
    pub(super) fn begin(authority: Authority, all: &[Names], shown: &Arc<Shown>, log: &Log) -> Rc<Self> {
        let authority = Rc::new(authority);
        let kept = |names: &Names| {
            let kept = Rc::new(Kept::new(authority.clone(), names, shown, log));
            let task = kept.clone();
            let told = kept.clone();
            let begin = move || {
                let task = task.clone();
                async move { task.keep().await }
            };
            spawn(supervise(begin, move |error| told.has_panicked(error), AFTER_PANIC)).detach();
            kept
        };
        Rc::new(Self { certificates: all.iter().map(kept).collect() })
    }

    /// Looks into the folder, and asks the authority at once where an attempt has failed.
    pub(crate) fn look_again(&self) {
        self.certificates.iter().for_each(|kept| kept.look_again());
    }

    /// What monitoring is told.
    pub(crate) fn families(&self) -> Vec<Family> {
        families(self.certificates.iter().map(|kept| (kept.names.first(), kept.end(), &kept.status)))
    }
}
