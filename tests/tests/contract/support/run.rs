//! Running a test on a machine, and waiting in it without a clock.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lem_rs::{timeout, yield_now};
use lem_ssl_tests::{BoxedTest, watched_machine};

/// So long may a test take before it counts as hung. No test is meant to come near it.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a test on a machine of its own.
#[track_caller]
pub(crate) fn check(test: impl Future<Output = ()>) {
    check_boxed(Box::pin(test));
}

#[track_caller]
fn check_boxed(test: BoxedTest<'_>) {
    let machine = watched_machine();
    let over = machine.run(timeout(WATCHDOG, test)).expect("the machine does not stall");
    over.expect("the test does not hang");
}

/// Lets other tasks and the sockets go on until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// Both results of two futures that go on side by side.
pub(crate) async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut of_first, mut of_second) = (None, None);
    poll_fn(|cx| {
        if of_first.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(cx)
        {
            of_first = Some(output);
        }
        if of_second.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(cx)
        {
            of_second = Some(output);
        }
        match (of_first.take(), of_second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            (first, second) => {
                (of_first, of_second) = (first, second);
                Poll::Pending
            }
        }
    })
    .await
}

/// What `future` gives without waiting, if it does not wait.
pub(crate) async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
