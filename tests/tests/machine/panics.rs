//! Panics: they reach the task that awaits, and no other.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::task::{Context, Poll};

use lem_rs::{JoinError, spawn, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{Log, drop_flag, panic_quietly, run, run_on, run_unwatched, unwatched_machine};

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_quietly(self.0);
    }
}

#[track_caller]
fn assert_panicked<T: std::fmt::Debug>(result: Result<T, JoinError>, message: &str) {
    match result {
        Err(JoinError::Panicked(got)) => assert_eq!(&*got, message),
        other => panic!("expected a panic with {message:?}, got {other:?}"),
    }
}

#[test]
fn a_panic_reaches_the_one_who_awaits_and_not_the_neighbours() {
    run(async {
        let log = Log::default();
        let theirs = log.clone();
        let neighbour = spawn(async move {
            for step in 0..5 {
                theirs.add(step);
                yield_now().await;
            }
        });
        let task = spawn(async {
            yield_now().await;
            panic_quietly("boom");
        });
        assert_panicked::<()>(task.await, "boom");
        neighbour.await.unwrap();
        assert_eq!(log.entries(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_panics_message_may_be_formatted_or_missing() {
    run(async {
        let formatted = spawn(async { std::panic::resume_unwind(Box::new(format!("number {}", 7))) });
        assert_panicked::<()>(formatted.await, "number 7");
        let other = spawn(async { std::panic::resume_unwind(Box::new(17_u8)) });
        assert_panicked::<()>(other.await, "a panic without a message");
    });
}

#[test]
fn a_panic_of_a_detached_task_disturbs_nobody() {
    run(async {
        spawn(async { panic_quietly("nobody listens") }).detach();
        yield_now().await;
        assert_eq!(spawn(async { 1 }).await, Ok(1));
    });
}

#[test]
fn what_a_panicking_task_held_is_released_before_the_panic_arrives() {
    run(async {
        let (dropped, guard) = drop_flag();
        let task = spawn(async move {
            let _guard = guard;
            yield_now().await;
            panic_quietly("boom");
        });
        assert_panicked::<()>(task.await, "boom");
        assert!(dropped.get());
    });
}

#[test]
fn a_panic_in_a_destructor_of_a_finished_future_reaches_the_one_who_awaits() {
    /// Is done at once, and its own destructor panics: not within the poll, as a local variable's would.
    struct DoneWithABomb(#[expect(dead_code, reason = "it is dropped")] Bomb);
    impl Future for DoneWithABomb {
        type Output = u8;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            Poll::Ready(1)
        }
    }
    run(async {
        let neighbour = spawn(async {
            yield_now().await;
            2
        });
        assert_panicked(spawn(DoneWithABomb(Bomb("in the destructor"))).await, "in the destructor");
        assert_eq!(neighbour.await, Ok(2));
    });
}

#[test]
fn a_panic_in_a_local_variables_destructor_reaches_the_one_who_awaits() {
    run(async {
        let task = spawn(async {
            let _bomb = Bomb("at the end of the block");
            yield_now().await;
        });
        assert_panicked(task.await, "at the end of the block");
    });
}

#[test]
fn a_panic_in_a_cancelled_futures_destructor_does_not_reach_the_one_who_cancels() {
    // A task waits for `pending`, which keeps no waker, until it is cancelled.
    run_unwatched(async {
        let (dropped, guard) = drop_flag();
        let task = spawn(async move {
            let _guard = guard;
            let _bomb = Bomb("cancelled");
            pending::<()>().await;
        });
        yield_now().await;
        let cancelling = catch_unwind(AssertUnwindSafe(|| task.cancel()));
        assert!(cancelling.is_ok(), "the panic of one task went through another");
        assert!(dropped.get());
        assert_eq!(task.await, Err(JoinError::Cancelled));
    });
}

#[test]
fn a_panic_in_the_destructor_of_a_task_that_cancelled_itself_disturbs_nobody() {
    run(async {
        let own = std::rc::Rc::new(std::cell::RefCell::new(None::<lem_rs::JoinHandle<()>>));
        let theirs = own.clone();
        *own.borrow_mut() = Some(spawn(async move {
            let _bomb = Bomb("cancelled itself");
            if let Some(handle) = &*theirs.borrow() {
                handle.cancel();
            }
            pending::<()>().await;
        }));
        yield_now().await;
        let handle = own.borrow_mut().take().unwrap();
        assert_eq!(handle.await, Err(JoinError::Cancelled));
    });
}

#[test]
fn a_panic_in_the_destructor_of_an_unwanted_result_disturbs_nobody() {
    run(async {
        spawn(async { Bomb("the result") }).detach();
        yield_now().await;
        assert_eq!(spawn(async { 1 }).await, Ok(1));
    });
}

#[test]
fn a_panic_of_the_main_task_goes_through_and_the_machine_can_be_used_again() {
    let machine = watched_machine();
    let (dropped, guard) = drop_flag();
    let result = catch_unwind(AssertUnwindSafe(|| {
        machine.run(async move {
            let _guard = guard;
            yield_now().await;
            panic_any(17_u8);
        })
    }));
    let payload = result.expect_err("the panic goes through");
    assert_eq!(payload.downcast_ref(), Some(&17_u8));
    assert!(dropped.get());
    assert_eq!(machine.counts(), (0, 0, 0));
    assert_eq!(run_on(&machine, async { spawn(async { 4 }).await }), Ok(4));
}

#[test]
fn a_panic_in_one_destructor_does_not_keep_a_dropped_machine_from_dropping_the_others() {
    // A task waits for `pending`, which keeps no waker, until it is dropped with its machine.
    let machine = unwatched_machine();
    let (first, first_guard) = drop_flag();
    let (last, last_guard) = drop_flag();
    machine
        .run(async move {
            for held in [Ok(first_guard), Err(Bomb("while the machine is dropped")), Ok(last_guard)] {
                spawn(async move {
                    let _held = held;
                    pending::<()>().await;
                })
                .detach();
            }
            yield_now().await;
        })
        .unwrap();
    assert_eq!(machine.counts(), (3, 0, 0));
    drop(machine);
    assert!(first.get() && last.get());
}
