//! Tasks: spawning, awaiting, detaching, cancelling.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{JoinError, JoinHandle, Queue, sleep, spawn, yield_now};

use crate::support::{Log, drop_flag, poll_once, run, run_unwatched};

#[test]
fn a_task_gives_its_result_to_the_one_that_awaits_it() {
    let result = run(async {
        let task = spawn(async {
            yield_now().await;
            String::from("done")
        });
        assert!(!task.is_finished());
        task.await
    });
    assert_eq!(result, Ok("done".into()));
}

#[test]
fn a_result_waits_for_one_who_asks_late() {
    run(async {
        let task = spawn(async { 7 });
        while !task.is_finished() {
            yield_now().await;
        }
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(task.await, Ok(7));
    });
}

#[test]
fn spawning_does_not_poll_before_the_spawner_gives_way() {
    run(async {
        let log = Log::default();
        let theirs = log.clone();
        let task = spawn(async move { theirs.add("task") });
        log.add("spawner");
        task.await.unwrap();
        assert_eq!(log.entries(), ["spawner", "task"]);
    });
}

#[test]
fn tasks_begin_in_the_order_in_which_they_were_spawned() {
    run(async {
        let log = Log::default();
        let tasks: Vec<_> = (0..1_000)
            .map(|number| {
                let log = log.clone();
                spawn(async move { log.add(number) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(log.entries().into_iter().eq(0..1_000));
    });
}

#[test]
fn dropping_the_handle_lets_the_task_go_on() {
    run(async {
        let done = Queue::new();
        let theirs = done.clone();
        drop(spawn(async move {
            yield_now().await;
            theirs.put("went on");
        }));
        assert_eq!(done.get().await, Ok("went on"));
        yield_now().await;
    });
}

#[test]
fn a_handle_that_was_awaited_and_dropped_lets_the_task_go_on() {
    run(async {
        let done = Queue::new();
        let theirs = done.clone();
        {
            let mut task = pin!(spawn(async move {
                sleep(Duration::from_millis(1)).await;
                theirs.put("went on");
            }));
            assert!(poll_once(task.as_mut()).await.is_pending());
        }
        assert_eq!(done.get().await, Ok("went on"));
        yield_now().await;
    });
}

#[test]
fn a_detached_tasks_result_is_dropped_when_it_is_done() {
    run(async {
        let (dropped, guard) = drop_flag();
        spawn(async move { guard }).detach();
        while !dropped.get() {
            yield_now().await;
        }
    });
}

#[test]
fn cancelling_drops_the_future_at_once() {
    // A task waits for `pending`, which keeps no waker, until it is cancelled.
    run_unwatched(async {
        let (dropped, guard) = drop_flag();
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        assert!(!dropped.get());
        task.cancel();
        assert!(dropped.get());
        assert!(task.is_finished());
        assert_eq!(task.await, Err(JoinError::Cancelled));
    });
}

#[test]
fn a_task_that_is_cancelled_before_its_first_poll_never_runs() {
    run(async {
        let log = Log::<&str>::default();
        let (dropped, guard) = drop_flag();
        let theirs = log.clone();
        let task = spawn(async move {
            let _guard = guard;
            theirs.add("ran");
        });
        task.cancel();
        assert!(dropped.get());
        assert_eq!(task.await, Err(JoinError::Cancelled));
        assert!(log.entries().is_empty());
    });
}

#[test]
fn cancelling_wakes_the_one_that_awaits_the_task() {
    // A task waits for `pending`, which keeps no waker, until it is cancelled.
    run_unwatched(async {
        // The handle is polled by one task, and the same handle cancels in another.
        let handle = Rc::new(RefCell::new(spawn(pending::<()>())));
        let theirs = handle.clone();
        let awaiting = spawn(poll_fn(move |cx| Pin::new(&mut *theirs.borrow_mut()).poll(cx)));
        yield_now().await;
        handle.borrow().cancel();
        assert_eq!(awaiting.await, Ok(Err(JoinError::Cancelled)));
    });
}

#[test]
fn a_task_that_cancels_itself_is_dropped_after_its_poll() {
    run(async {
        let (dropped, guard) = drop_flag();
        let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let (theirs, still) = (own.clone(), dropped.clone());
        let log = Log::default();
        let steps = log.clone();
        *own.borrow_mut() = Some(spawn(async move {
            let _guard = guard;
            if let Some(handle) = &*theirs.borrow() {
                handle.cancel();
            }
            assert!(!still.get(), "a future is never dropped while it is polled");
            steps.add("goes on until it gives way");
            yield_now().await;
            steps.add("and no further");
        }));
        let handle = loop {
            yield_now().await;
            if dropped.get() {
                break own.borrow_mut().take().unwrap();
            }
        };
        assert_eq!(handle.await, Err(JoinError::Cancelled));
        assert_eq!(log.entries(), ["goes on until it gives way"]);
    });
}

#[test]
fn a_task_that_cancels_itself_and_finishes_in_the_same_poll_has_a_result() {
    run(async {
        let own: Rc<RefCell<Option<JoinHandle<u8>>>> = Rc::default();
        let theirs = own.clone();
        *own.borrow_mut() = Some(spawn(async move {
            if let Some(handle) = &*theirs.borrow() {
                handle.cancel();
            }
            5
        }));
        yield_now().await;
        let handle = own.borrow_mut().take().unwrap();
        assert_eq!(handle.await, Ok(5));
    });
}

#[test]
fn cancelling_a_finished_task_changes_nothing() {
    run(async {
        let task = spawn(async { 3 });
        yield_now().await;
        assert!(task.is_finished());
        task.cancel();
        task.cancel();
        assert_eq!(task.await, Ok(3));
    });
}

#[test]
fn an_old_handle_does_not_cancel_the_task_that_took_its_place() {
    run(async {
        let old = spawn(async {});
        yield_now().await;
        // The place of the finished task in the table is free, and taken by the next one.
        let new = spawn(async {
            yield_now().await;
            yield_now().await;
            "untouched"
        });
        old.cancel();
        yield_now().await;
        old.cancel();
        assert_eq!(new.await, Ok("untouched"));
    });
}

#[test]
fn what_a_task_held_is_released_before_its_result_arrives() {
    run(async {
        let (dropped, guard) = drop_flag();
        let task = spawn(async move {
            let _guard = guard;
            yield_now().await;
        });
        task.await.unwrap();
        assert!(dropped.get());
    });
}

#[test]
fn a_destructor_may_spawn_and_cancel() {
    struct Meddler(JoinHandle<()>, Queue<&'static str>);
    impl Drop for Meddler {
        fn drop(&mut self) {
            self.0.cancel();
            let queue = self.1.clone();
            spawn(async move { queue.put("spawned by a destructor") }).detach();
        }
    }
    // A task waits for `pending`, which keeps no waker, until it is cancelled.
    run_unwatched(async {
        let queue = Queue::new();
        let (dropped, guard) = drop_flag();
        let victim = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let meddler = Meddler(victim, queue.clone());
        let task = spawn(async move {
            let _meddler = meddler;
            pending::<()>().await;
        });
        yield_now().await;
        task.cancel();
        assert!(dropped.get());
        assert_eq!(queue.get().await, Ok("spawned by a destructor"));
        yield_now().await;
    });
}

#[test]
fn ten_thousand_tasks_come_and_go() {
    run(async {
        let mut tasks = Vec::new();
        for number in 0..10_000_usize {
            tasks.push(spawn(async move {
                for _ in 0..number % 7 {
                    yield_now().await;
                }
                number
            }));
        }
        let mut sum = 0;
        for (number, task) in tasks.into_iter().enumerate() {
            if number % 3 == 0 {
                task.cancel();
                // It may have been done before.
                let _ = task.await;
            } else {
                sum += task.await.unwrap();
            }
        }
        assert_eq!(sum, (0..10_000).filter(|number| number % 3 != 0).sum());
    });
}
