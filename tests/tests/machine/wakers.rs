//! Wakers: from other threads, in storms, and long after what they woke is gone.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use lem_rs::{spawn, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{Log, poll_once, run, run_on, run_unwatched};

/// Done when another thread has raised the flag; hands its waker out each time it waits.
struct Flag {
    raised: Arc<AtomicBool>,
    wakers: Sender<Waker>,
}

impl Future for Flag {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.raised.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        // The receiver may have been dropped by a thread that is done.
        let _ = self.wakers.send(cx.waker().clone());
        Poll::Pending
    }
}

fn flag() -> (Flag, Arc<AtomicBool>, Receiver<Waker>) {
    let (wakers, receiver) = channel();
    let raised = Arc::new(AtomicBool::new(false));
    (Flag { raised: raised.clone(), wakers }, raised, receiver)
}

/// The waker of the task that calls.
async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

#[test]
fn another_thread_wakes_the_main_task() {
    let (flag, raised, wakers) = flag();
    let thread = thread::spawn(move || {
        let waker = wakers.recv().unwrap();
        raised.store(true, Ordering::Release);
        waker.wake();
    });
    // No watchdog: with a timer armed it would not be the wake-up alone that ends the wait.
    watched_machine().run(flag).unwrap();
    thread.join().unwrap();
}

#[test]
fn many_threads_wake_many_tasks() {
    const THREADS: usize = 8;
    const TASKS: usize = 50;
    let results = run(async {
        let mut threads = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..THREADS {
            let mut flags = Vec::new();
            for number in 0..TASKS {
                let (flag, raised, wakers) = flag();
                flags.push((raised, wakers));
                tasks.push(spawn(async move {
                    flag.await;
                    number
                }));
            }
            threads.push(thread::spawn(move || {
                for (raised, wakers) in flags {
                    let waker = wakers.recv().unwrap();
                    raised.store(true, Ordering::Release);
                    waker.wake_by_ref();
                    waker.wake();
                }
            }));
        }
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        for thread in threads {
            thread.join().unwrap();
        }
        sum
    });
    assert_eq!(results, THREADS * (0..TASKS).sum::<usize>());
}

#[test]
fn a_storm_of_wake_ups_is_not_lost_and_polls_no_more_often_than_it_was() {
    const THREADS: usize = 4;
    const WAKES: usize = 5_000;
    let polls = Arc::new(AtomicUsize::new(0));
    let woken = Arc::new(AtomicUsize::new(0));
    let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
    let start = Arc::new(Barrier::new(THREADS + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (waker, woken, start) = (waker.clone(), woken.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                for _ in 0..WAKES {
                    woken.fetch_add(1, Ordering::AcqRel);
                    waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
                }
            })
        })
        .collect();
    let counted = polls.clone();
    let mut started = false;
    // Without a watchdog: the storm's last wake-up must be enough.
    let seen = watched_machine()
        .run(poll_fn(move |cx| {
            counted.fetch_add(1, Ordering::AcqRel);
            *waker.lock().unwrap() = Some(cx.waker().clone());
            if !std::mem::replace(&mut started, true) {
                start.wait();
            }
            match woken.load(Ordering::Acquire) {
                seen if seen == THREADS * WAKES => Poll::Ready(seen),
                _ => Poll::Pending,
            }
        }))
        .unwrap();
    assert_eq!(seen, THREADS * WAKES);
    assert!(polls.load(Ordering::Acquire) <= THREADS * WAKES + 1);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_task_that_is_woken_many_times_in_a_turn_is_polled_once() {
    run(async {
        let polls = Log::default();
        let theirs = polls.clone();
        let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
        let given = waker.clone();
        let task = spawn(poll_fn(move |cx| {
            theirs.add(());
            given.borrow_mut().get_or_insert_with(|| cx.waker().clone());
            if theirs.entries().len() == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        yield_now().await;
        let waker = waker.borrow_mut().take().unwrap();
        for _ in 0..100 {
            waker.wake_by_ref();
        }
        let other = waker.clone();
        thread::spawn(move || (0..100).for_each(|_| other.wake_by_ref())).join().unwrap();
        task.await.unwrap();
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(polls.entries().len(), 2);
    });
}

#[test]
fn waking_a_task_that_is_gone_wakes_nobody_else() {
    // A task that was not woken must not be polled; it keeps no waker on purpose.
    run_unwatched(async {
        let task = spawn(own_waker());
        let stale = task.await.unwrap();
        yield_now().await;
        // The next task takes the old one's place in the table.
        let polls = Log::default();
        let theirs = polls.clone();
        let next = spawn(poll_fn(move |_| {
            theirs.add(());
            Poll::<()>::Pending
        }));
        yield_now().await;
        assert_eq!(polls.entries().len(), 1);
        stale.wake_by_ref();
        let other = stale.clone();
        thread::spawn(move || other.wake()).join().unwrap();
        stale.wake();
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(polls.entries().len(), 1, "a stale wake-up polled another task");
        next.cancel();
    });
}

#[test]
fn waking_after_the_machine_is_gone_does_nothing() {
    let machine = watched_machine();
    let waker = run_on(&machine, async { spawn(own_waker()).await.unwrap() });
    waker.wake_by_ref();
    drop(machine);
    waker.wake_by_ref();
    let other = waker.clone();
    thread::spawn(move || other.wake()).join().unwrap();
    waker.wake();
}

#[test]
#[expect(clippy::async_yields_async, reason = "the handle leaves the run to be awaited in the next one")]
fn waking_between_two_runs_counts_in_the_second() {
    let machine = watched_machine();
    let (flag, raised, wakers) = flag();
    let task = machine
        .run(async {
            let task = spawn(flag);
            yield_now().await;
            task
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 0, 0));
    raised.store(true, Ordering::Release);
    // On the machine's own thread, which is not inside of the machine now.
    wakers.recv().unwrap().wake();
    machine.run(task).unwrap().unwrap();
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_task_may_wake_itself_while_it_is_polled() {
    run(async {
        let mut left = 1_000;
        poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    });
}

#[test]
fn a_machines_waker_works_from_inside_of_another_machine() {
    let (flag, raised, wakers) = flag();
    let thread = thread::spawn(move || {
        run(async {
            let waker = wakers.recv().unwrap();
            raised.store(true, Ordering::Release);
            waker.wake();
        });
    });
    watched_machine().run(flag).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_waker_of_a_task_equals_its_clones_and_no_other_tasks() {
    run(async {
        let mine = own_waker().await;
        assert!(mine.will_wake(&own_waker().await));
        let other = spawn(own_waker()).await.unwrap();
        assert!(!mine.will_wake(&other));
    });
}

#[test]
fn a_future_that_moves_to_another_task_wakes_that_one() {
    run(async {
        let mut sleep = Box::pin(lem_rs::sleep(std::time::Duration::from_millis(5)));
        assert!(poll_once(sleep.as_mut()).await.is_pending());
        // This task is not polled for the sleep again; the new one is.
        let moved = spawn(async move {
            sleep.await;
            "woken"
        });
        assert_eq!(moved.await, Ok("woken"));
    });
}

#[test]
fn a_future_that_is_never_polled_leaves_no_trace() {
    let machine = watched_machine();
    machine
        .run(async {
            let _sleep = lem_rs::sleep(std::time::Duration::MAX);
            let _never = pin!(pending::<()>());
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}
