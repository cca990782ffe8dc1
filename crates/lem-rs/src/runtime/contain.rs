//! Panics of code that is not ours, where they would hit somebody who has nothing to do with it.

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of the user's that nobody waits for: a destructor, a foreign waker. If it panics, the panic hook has
/// reported it, and it ends here.
pub(crate) fn contain(work: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        // What it panicked with is the user's as well, and may panic when it is dropped.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            forget(second);
        }
    }
}
