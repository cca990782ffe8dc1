//! What waits for ever: found where it begins if it kept no waker, and when nothing can happen any more if it did.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lem_rs::sim::Sim;
use lem_rs::{Error, Machine, Queue, sleep, spawn, timeout, yield_now};

use crate::support::run;

/// A broken future: the first time it keeps its waker, and when it was woken for nothing it forgets to.
struct Forgetful {
    polls: usize,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl Future for Forgetful {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls += 1;
        if self.polls == 1 {
            self.waker.replace(Some(cx.waker().clone()));
        }
        Poll::Pending
    }
}

#[track_caller]
fn assert_found(outcome: Result<(), Error>) -> String {
    match outcome {
        Err(Error::Misuse(text)) => {
            assert!(text.contains("nothing can wake it"), "{text}");
            text
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_task_that_kept_no_waker_fails_the_run_and_is_named() {
    let sim = Sim::new(1);
    let line = line!() + 2;
    let outcome = sim.run(async {
        spawn(pending::<()>()).detach();
        // Others could go on for ever.
        loop {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let text = assert_found(outcome);
    assert!(text.contains(&format!("vigil.rs:{line}:")), "{text}");
    assert!(sim.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_future_that_forgets_its_waker_after_a_spurious_wake_up_is_found_then() {
    let sim = Sim::new(1);
    let waker = Rc::new(RefCell::new(None));
    let theirs = waker.clone();
    let outcome = sim.run(async move {
        let task = spawn(Forgetful { polls: 0, waker: theirs });
        sleep(Duration::from_secs(10)).await;
        // Nothing is wrong with it so far; this takes away the only waker.
        let taken = waker.take();
        taken.unwrap().wake();
        sleep(Duration::from_secs(10)).await;
        task.cancel();
    });
    assert_found(outcome);
    assert_eq!(sim.elapsed().as_secs(), 10);
}

#[test]
fn the_main_task_is_watched_as_well() {
    assert_found(Sim::new(1).run(poll_fn(|_| Poll::Pending)));
}

#[test]
fn a_world_that_is_told_so_lets_tasks_wait_for_ever() {
    let sim = Sim::builder(1).check_wakers(false).build();
    run(&sim, async {
        let task = spawn(pending::<()>());
        sleep(Duration::from_secs(1)).await;
        task.cancel();
        Ok(())
    });
}

#[test]
fn a_machine_of_the_real_world_can_be_watched_too() {
    let machine = Machine::builder().check_wakers(true).build().unwrap();
    assert_found(machine.run(pending()));
}

#[test]
fn who_waits_for_one_of_ours_is_never_taken_for_deaf() {
    let sim = Sim::new(1);
    run(&sim, async {
        let queue = Queue::new();
        let theirs = queue.clone();
        let waiting = spawn(async move { theirs.get().await });
        let joining = spawn(waiting);
        // A future that is polled only at first, and whose registration lives on.
        let mut kept = Box::pin(sleep(Duration::from_secs(60)));
        let mut polled = false;
        let lazy = spawn(timeout(
            Duration::from_secs(30),
            poll_fn(move |cx| {
                if !std::mem::replace(&mut polled, true) {
                    assert!(kept.as_mut().poll(cx).is_pending());
                }
                Poll::<()>::Pending
            }),
        ));
        yield_now().await;
        sleep(Duration::from_secs(10)).await;
        queue.put(());
        assert!(joining.await?.is_ok_and(|got| got.is_ok()));
        assert!(lazy.await?.is_err());
        Ok(())
    });
}

#[test]
fn tasks_that_wait_for_each_other_are_a_stall_at_once() {
    let sim = Sim::new(1);
    let queue = Queue::<()>::new();
    let outcome = sim.run(queue.get());
    assert!(matches!(outcome, Err(Error::Stalled { tasks: 1, .. })), "{outcome:?}");
    assert!(sim.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_waker_that_is_kept_elsewhere_is_a_stall_and_not_an_endless_wait() {
    let sim = Sim::new(1);
    let kept = Rc::new(RefCell::new(None));
    let outcome = sim.run(Forgetful { polls: 0, waker: kept.clone() });
    assert!(matches!(outcome, Err(Error::Stalled { tasks: 1, .. })), "{outcome:?}");
    assert!(kept.borrow().is_some());
}
