//! `sleep`: a future that is done at its time.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::runtime::{Core, TimerKey, current};

/// Waits for `duration`, to the next millisecond; for a hundred years at the longest.
///
/// ```
/// # use lem_rs::{Error, Machine, sleep};
/// # use std::time::Duration;
/// # Machine::new()?.run(async {
/// sleep(Duration::from_millis(1)).await;
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// **Cancel safety:** dropping it disarms the timer; nothing else happens.
///
/// # Panics
/// Outside of [`Machine::run`](crate::Machine::run).
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let core = current().expect("sleep must be called inside of Machine::run");
    // A deadline that no clock can show is one that never comes: a hundred years will do.
    let deadline = core.now().checked_add(duration.min(CENTURY)).unwrap_or_else(|| core.now());
    Sleep { core, deadline, state: State::Idle }
}

/// Waits until `deadline`, as [`now`](crate::now) tells the time.
///
/// ```
/// # use lem_rs::{Error, Machine, now, sleep_until};
/// # use std::time::Duration;
/// # Machine::new()?.run(async {
/// // Every ten milliseconds, however long the work takes.
/// let mut next = now();
/// for _ in 0..3 {
///     next += Duration::from_millis(10);
///     sleep_until(next).await;
/// }
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// **Cancel safety:** as [`sleep`].
///
/// # Panics
/// Outside of [`Machine::run`](crate::Machine::run).
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    let core = current().expect("sleep_until must be called inside of Machine::run");
    Sleep { core, deadline, state: State::Idle }
}

/// The future of [`sleep`] and [`sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    core: Rc<Core>,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Armed(TimerKey),
}

impl Sleep {
    /// When it will be done.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.state {
            State::Idle if self.core.now() >= self.deadline => {
                // A loop over sleeps that are over at once must still give the others their turn.
                if self.core.must_give_way() {
                    self.core.wake(self.core.wait_of(cx));
                    return Poll::Pending;
                }
                self.core.charge(0);
                Poll::Ready(())
            }
            State::Idle => {
                self.state = State::Armed(self.core.arm(self.deadline, cx));
                Poll::Pending
            }
            State::Armed(timer) if self.core.rearm(timer, cx) => Poll::Pending,
            State::Armed(_) => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let State::Armed(timer) = self.state {
            self.core.disarm(timer);
        }
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
