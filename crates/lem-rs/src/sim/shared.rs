//! The simulated world, as all that are in it share it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::state::State;
use crate::world::Notify;

/// The world, as all who are in it share it.
pub(super) struct Shared {
    /// The virtual time's beginning. An `Instant` cannot be made up, so each run has another one; only offsets count.
    pub(super) base: Instant,
    pub(super) state: RefCell<State>,
    pub(super) notified: Arc<Notified>,
}

#[derive(Default)]
pub(super) struct Notified(pub(super) AtomicBool);

impl Notify for Notified {
    fn notify(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Shared {
    pub(super) fn new(state: State) -> Rc<Self> {
        Rc::new(Self { base: Instant::now(), state: RefCell::new(state), notified: Arc::default() })
    }
}
