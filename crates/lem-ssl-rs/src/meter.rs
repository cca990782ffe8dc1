//! How an accepted connection reports to its server.

use std::rc::Rc;

/// What is reported. It is a trait so that a program without a server contains no counters and no registry.
pub(crate) trait Meter {
    /// So much content was received.
    fn received(&self, bytes: usize);
    /// So much content was sent.
    fn sent(&self, bytes: usize);
    /// Our `close_notify` is queued.
    fn closing(&self, id: u64);
    /// The connection is gone.
    fn remove(&self, id: u64);
}

/// One connection's link to its server; dropping it says that the connection is gone.
pub(crate) struct Metered {
    meter: Rc<dyn Meter>,
    id: u64,
}

impl Metered {
    pub(crate) fn new(meter: Rc<dyn Meter>, id: u64) -> Self {
        Self { meter, id }
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.meter.received(bytes);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.meter.sent(bytes);
    }

    pub(crate) fn closing(&self) {
        self.meter.closing(self.id);
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.meter.remove(self.id);
    }
}
