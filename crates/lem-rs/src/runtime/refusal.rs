//! Errors that come at once.
//!
//! Immediate errors consume budget, too, so that a loop that retries yields: what is refused costs its task as much as a
//! tiny result does, and when its share is spent, the others have their turn first.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::current::current;
use crate::error::Error;

/// Refuses a verb that has not waited; in the task's next turn, if its share of this one is spent. Then the verb is polled
/// again, and may find that things have changed. It may wake a foreign waker: call it with nothing borrowed.
pub(crate) fn refuse<T>(cx: &Context<'_>, error: Error) -> Poll<Result<T, Error>> {
    if let Some(core) = current() {
        if core.must_give_way() {
            core.wake(core.wait_of(cx));
            return Poll::Pending;
        }
        core.charge(0);
    }
    Poll::Ready(Err(error))
}

/// As [`refuse`], for verbs that are `async` functions.
///
/// # Errors
/// Always the one that was given.
pub(crate) async fn refused<T>(error: Error) -> Result<T, Error> {
    poll_fn(|cx| refuse(cx, error.clone())).await
}
