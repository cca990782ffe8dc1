//! `within`: a deadline around a verb, whose error says what was waited for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::sleep;
use crate::error::{Error, Phase, Timeout};
use crate::runtime::current;

/// Gives `operation` at most `duration`. As [`timeout`](crate::timeout), but with one `Result` and not one in another, so
/// that one `?` is enough; and the error names what was waited for when the time was over, as far as that is known:
/// reading from a stream or writing to one, with the peer's address; connecting, with the address as it was written;
/// accepting. It may be a block of several verbs. It lists no attempts of a connect; the error of the
/// connect's own deadline does.
///
/// ```
/// use std::time::Duration;
///
/// use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream, within};
///
/// # Machine::new()?.run(async {
/// let listener = Listener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr();
/// let stream = within(Duration::from_secs(5), TcpStream::connect(address)).await?;
/// let error = within(Duration::from_millis(1), stream.read(ReadMode::Line)).await.unwrap_err();
/// assert_eq!(error.to_string(), format!("read from {address} timed out after 1 ms"));
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// The operation's own; [`Error::Timeout`] when the time is over, with a [`Phase`] and a target if they are known. A
/// deadline inside of this one that passes earlier is an error of the operation, and comes out as it is. With a duration
/// of zero the operation is polled once: it may still be over.
///
/// **Cancel safety:** that of `operation`.
///
/// # Panics
/// Outside of [`Machine::run`](crate::Machine::run).
pub async fn within<T, E: From<Error>>(
    duration: Duration,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let core = current().expect("within must be awaited inside of Machine::run");
    let mut operation = pin!(operation);
    let mut deadline = pin!(sleep(duration));
    poll_fn(|cx| {
        let (poll, awaited) = core.awaited().during(|| operation.as_mut().poll(cx));
        if poll.is_ready() || deadline.as_mut().poll(cx).is_pending() {
            return poll;
        }
        let (phase, target) = awaited.map_or((Phase::Operation, None), |awaited| awaited.describe());
        let late = Timeout::new(phase, duration);
        let late = match target {
            Some(target) => late.target(target),
            None => late,
        };
        Poll::Ready(Err(E::from(late.into())))
    })
    .await
}
