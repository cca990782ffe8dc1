//! Whichever is first.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which of two it was.
#[derive(Debug)]
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Runs both until one is done; the other is dropped.
pub(crate) async fn race<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> First<A, B> {
    let mut one = pin!(one);
    let mut other = pin!(other);
    poll_fn(|cx| {
        if let Poll::Ready(output) = one.as_mut().poll(cx) {
            return Poll::Ready(First::One(output));
        }
        other.as_mut().poll(cx).map(First::Other)
    })
    .await
}
