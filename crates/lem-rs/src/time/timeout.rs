//! `timeout`: a deadline for anything.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::sleep;
use crate::error::{Phase, Timeout};

/// Gives `future` at most `duration`; returns its output.
///
/// The future is polled first: one that is ready in time counts even if the deadline has just passed.
///
/// # Errors
/// [`Timeout`] when the time is over. The future is dropped then, so what that means is the future's own cancel
/// safety: a stream's reads lose nothing, and a write leaves what it had handed over queued. The error says nothing of what
/// the future has done: it lists no attempts of a connect, as that of the connect's own deadline does.
///
/// **Cancel safety:** that of `future`.
///
/// ```
/// # use lem_rs::{Error, Machine, sleep, timeout};
/// # use std::time::Duration;
/// # Machine::new()?.run(async {
/// let late = timeout(Duration::from_millis(1), sleep(Duration::from_secs(3600))).await;
/// assert_eq!(late.unwrap_err().to_string(), "operation timed out after 1 ms");
/// # })?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Panics
/// Outside of [`Machine::run`](crate::Machine::run).
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Timeout> {
    let mut future = pin!(future);
    let mut deadline = pin!(sleep(duration));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => deadline.as_mut().poll(cx).map(|()| Err(Timeout::new(Phase::Operation, duration))),
    })
    .await
}
