//! The stream that handles end, whatever its type.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::error::Error;

/// The stream that handles end. It outlives changes of the stream's type.
pub(super) struct HandleTarget {
    stream: RefCell<Weak<dyn Ends>>,
}

/// A stream of any type, to be ended.
pub(super) trait Ends {
    fn close(&self) -> Result<(), Error>;
    fn abort(&self);
    fn is_closed(&self) -> bool;
}

impl HandleTarget {
    pub(super) fn new(stream: Weak<dyn Ends>) -> Rc<Self> {
        Rc::new(Self { stream: RefCell::new(stream) })
    }

    /// The stream is this one now.
    pub(super) fn lead_to(&self, stream: Weak<dyn Ends>) {
        let before = self.stream.replace(stream);
        drop(before);
    }

    /// The stream, if it is not gone.
    pub(super) fn stream(&self) -> Option<Rc<dyn Ends>> {
        self.stream.borrow().upgrade()
    }
}
