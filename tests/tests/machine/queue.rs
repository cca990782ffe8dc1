//! `Queue`: values wait for tasks, or tasks for values.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lem_rs::{Queue, QueueReset, spawn, timeout, yield_now};

use crate::support::{Log, drop_flag, panic_quietly, poll_once, run};

#[test]
fn values_come_out_in_the_order_in_which_they_were_put() {
    run(async {
        let queue = Queue::new();
        for value in 0..1_000 {
            queue.put(value);
        }
        assert_eq!(queue.len(), 1_000);
        for value in 0..1_000 {
            assert_eq!(queue.get().await, Ok(value));
        }
        assert!(queue.is_empty());
    });
}

#[test]
fn tasks_get_values_in_the_order_in_which_they_asked() {
    run(async {
        let queue = Queue::new();
        let log = Log::default();
        let tasks: Vec<_> = (0..10)
            .map(|task| {
                let (queue, log) = (queue.clone(), log.clone());
                spawn(async move { log.add((task, queue.get().await.unwrap())) })
            })
            .collect();
        yield_now().await;
        for value in 0..10 {
            queue.put(value);
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(log.entries(), (0..10).map(|number| (number, number)).collect::<Vec<_>>());
    });
}

#[test]
fn trying_to_get_never_waits() {
    run(async {
        let queue = Queue::new();
        assert_eq!(queue.try_get(), None);
        queue.put(1);
        assert_eq!(queue.try_get(), Some(1));
        assert_eq!(queue.try_get(), None);
    });
}

#[test]
fn a_value_that_was_handed_to_a_task_is_nobody_elses() {
    run(async {
        let queue = Queue::new();
        let mut waiting = pin!(queue.get());
        assert!(poll_once(waiting.as_mut()).await.is_pending());
        queue.put(1);
        assert_eq!(queue.try_get(), None);
        assert_eq!(queue.len(), 0);
        assert_eq!(waiting.await, Ok(1));
    });
}

#[test]
fn a_dropped_getter_passes_its_value_to_the_next_one() {
    run(async {
        let queue = Queue::new();
        let mut second = pin!(queue.get());
        {
            let mut first = pin!(queue.get());
            assert!(poll_once(first.as_mut()).await.is_pending());
            assert!(poll_once(second.as_mut()).await.is_pending());
            queue.put("for the first");
        }
        assert_eq!(second.await, Ok("for the first"));
    });
}

#[test]
fn a_dropped_getter_without_a_next_one_puts_its_value_back_in_front() {
    run(async {
        let queue = Queue::new();
        {
            let mut waiting = pin!(queue.get());
            assert!(poll_once(waiting.as_mut()).await.is_pending());
            queue.put(1);
            queue.put(2);
        }
        assert_eq!(queue.try_get(), Some(1));
        assert_eq!(queue.try_get(), Some(2));
    });
}

#[test]
fn dropped_getters_put_their_values_back_in_the_order_in_which_they_were_put() {
    for reversed in [false, true] {
        run(async {
            let queue = Queue::new();
            let mut getters: Vec<_> = (0..5).map(|_| Box::pin(queue.get())).collect();
            for getter in &mut getters {
                assert!(poll_once(getter.as_mut()).await.is_pending());
            }
            for value in 0..7 {
                queue.put(value);
            }
            if reversed {
                getters.reverse();
            }
            for getter in getters {
                drop(getter);
            }
            let values: Vec<_> = std::iter::from_fn(|| queue.try_get()).collect();
            assert_eq!(values, [0, 1, 2, 3, 4, 5, 6]);
        });
    }
}

#[test]
fn a_signal_for_a_getter_that_is_dropped_is_kept_for_nobody() {
    run(async {
        let queue = Queue::new();
        let mut later = pin!(queue.get());
        for somebody_waits in [false, true] {
            let mut first = pin!(queue.get());
            assert!(poll_once(first.as_mut()).await.is_pending());
            assert_eq!(queue.signal(&"news"), 1);
            if somebody_waits {
                assert!(poll_once(later.as_mut()).await.is_pending());
            }
        }
        assert!(queue.is_empty());
        queue.put("a value");
        assert_eq!(later.await, Ok("a value"));
    });
}

#[test]
fn a_getter_that_is_dropped_without_a_value_leaves_the_line() {
    run(async {
        let queue = Queue::new();
        let mut second = pin!(queue.get());
        {
            let mut first = pin!(queue.get());
            assert!(poll_once(first.as_mut()).await.is_pending());
            assert!(poll_once(second.as_mut()).await.is_pending());
        }
        queue.put(1);
        assert_eq!(queue.len(), 0);
        assert_eq!(second.await, Ok(1));
    });
}

#[test]
fn no_value_is_lost_or_doubled_when_getters_are_cancelled_at_random() {
    run(async {
        let queue = Queue::new();
        let log = Log::default();
        let mut state = 11_u32;
        let mut tasks = Vec::new();
        for value in 0..2_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 30 {
                0 => {
                    let (queue, log) = (queue.clone(), log.clone());
                    tasks.push(spawn(async move {
                        let value = queue.get().await.unwrap();
                        log.add(value);
                    }));
                }
                1 => {
                    if let Some(task) = tasks.pop() {
                        task.cancel();
                    }
                }
                2 => yield_now().await,
                _ => {}
            }
            queue.put(value);
        }
        yield_now().await;
        tasks.iter().for_each(lem_rs::JoinHandle::cancel);
        let mut values = log.entries();
        values.extend(std::iter::from_fn(|| queue.try_get()));
        values.sort_unstable();
        assert!(values.into_iter().eq(0..2_000));
    });
}

#[test]
fn a_signal_reaches_all_who_wait_and_is_not_kept() {
    run(async {
        let queue = Queue::new();
        assert_eq!(queue.signal(&0), 0);
        assert!(queue.is_empty());
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                spawn(async move { queue.get().await })
            })
            .collect();
        yield_now().await;
        assert_eq!(queue.signal(&7), 3);
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(7));
        }
        assert!(queue.is_empty());
    });
}

#[test]
fn a_reset_ends_all_waits_and_drops_all_values_and_the_queue_lives_on() {
    run(async {
        let queue = Queue::new();
        let (dropped, guard) = drop_flag();
        queue.put(guard);
        queue.reset();
        assert!(dropped.get());
        assert!(queue.is_empty());
        let mut first = pin!(queue.get());
        let mut second = pin!(queue.get());
        assert!(poll_once(first.as_mut()).await.is_pending());
        assert!(poll_once(second.as_mut()).await.is_pending());
        queue.reset();
        for waiting in [first, second] {
            let Err(reset) = waiting.await else { panic!("no value was put") };
            assert_eq!(reset, QueueReset);
            assert_eq!(reset.to_string(), "reset");
        }
        let (again, guard) = drop_flag();
        queue.put(guard);
        assert!(queue.get().await.is_ok());
        assert!(again.get());
    });
}

#[test]
fn a_getter_can_wait_again_after_a_reset() {
    run(async {
        let queue = Queue::new();
        let mut waiting = pin!(queue.get());
        assert!(poll_once(waiting.as_mut()).await.is_pending());
        queue.reset();
        assert_eq!(poll_once(waiting.as_mut()).await, Poll::Ready(Err(QueueReset)));
        assert!(poll_once(waiting.as_mut()).await.is_pending());
        queue.put(2);
        assert_eq!(waiting.await, Ok(2));
    });
}

#[test]
fn values_may_be_put_outside_of_a_machine() {
    let queue = Queue::new();
    queue.put("from outside");
    let theirs = queue.clone();
    assert_eq!(run(async move { theirs.get().await }), Ok("from outside"));
}

#[test]
fn a_destructor_of_a_value_may_use_the_queue() {
    struct Meddler(Queue<Option<Self>>);
    impl Drop for Meddler {
        fn drop(&mut self) {
            self.0.put(None);
        }
    }
    run(async {
        let queue = Queue::new();
        queue.put(Some(Meddler(queue.clone())));
        queue.reset();
        assert_eq!(queue.len(), 1);
        queue.reset();
        {
            let mut waiting = pin!(queue.get());
            assert!(poll_once(waiting.as_mut()).await.is_pending());
            queue.put(Some(Meddler(queue.clone())));
        }
        assert!(queue.try_get().flatten().is_some());
        assert_eq!(queue.len(), 1);
    });
}

/// Spends what the task may do before the others have their turn: it finds values until it has to wait for one.
async fn spend_the_turn(queue: &Queue<usize>) {
    loop {
        queue.put(usize::MAX);
        let mut getting = pin!(queue.get());
        if poll_once(getting.as_mut()).await.is_pending() {
            return;
        }
    }
}

#[test]
fn a_getter_that_gives_way_is_reached_by_a_signal() {
    run(async {
        let (spent, queue) = (Queue::new(), Queue::new());
        spend_the_turn(&spent).await;
        let mut getting = pin!(queue.get());
        // It has to give way, and is in the line all the same.
        assert!(poll_once(getting.as_mut()).await.is_pending());
        assert_eq!(queue.signal(&7), 1);
        assert_eq!(getting.await, Ok(7));
    });
}

#[test]
fn a_getter_that_gives_way_is_reached_by_a_reset() {
    run(async {
        let (spent, queue) = (Queue::new(), Queue::<u8>::new());
        spend_the_turn(&spent).await;
        let mut getting = pin!(queue.get());
        assert!(poll_once(getting.as_mut()).await.is_pending());
        queue.reset();
        assert_eq!(getting.await, Err(QueueReset));
    });
}

#[test]
fn a_getter_that_gives_way_keeps_its_place_in_the_line() {
    run(async {
        let (spent, queue) = (Queue::new(), Queue::new());
        spend_the_turn(&spent).await;
        let mut first = pin!(queue.get());
        assert!(poll_once(first.as_mut()).await.is_pending());
        let mut second = pin!(queue.get());
        assert!(poll_once(second.as_mut()).await.is_pending());
        queue.put(1);
        queue.put(2);
        assert_eq!(second.await, Ok(2));
        assert_eq!(first.await, Ok(1));
    });
}

#[test]
fn a_value_that_a_getter_found_before_it_gave_way_is_nobody_elses_and_comes_back_if_it_is_dropped() {
    run(async {
        let (spent, queue) = (Queue::new(), Queue::new());
        for value in 0..3 {
            queue.put(value);
        }
        spend_the_turn(&spent).await;
        {
            let mut getting = pin!(queue.get());
            assert!(poll_once(getting.as_mut()).await.is_pending());
            assert_eq!((queue.len(), queue.try_get()), (2, Some(1)));
        }
        let values: Vec<_> = std::iter::from_fn(|| queue.try_get()).collect();
        assert_eq!(values, [0, 2]);
    });
}

#[test]
fn no_value_is_lost_or_doubled_by_tasks_that_give_way_in_between() {
    run(async {
        let queue = Queue::new();
        let log = Log::default();
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (queue, log) = (queue.clone(), log.clone());
                spawn(async move {
                    while let Ok(value) = queue.get().await
                        && value != usize::MAX
                    {
                        log.add(value);
                    }
                })
            })
            .collect();
        for value in 0..30_000 {
            queue.put(value);
        }
        while log.entries().len() < 30_000 {
            yield_now().await;
        }
        yield_now().await;
        assert_eq!(queue.signal(&usize::MAX), 3);
        for task in tasks {
            task.await.unwrap();
        }
        let mut got = log.entries();
        got.sort_unstable();
        assert!(got.into_iter().eq(0..30_000));
    });
}

#[test]
fn a_value_whose_clone_panics_leaves_all_who_wait_in_the_line() {
    struct Uncloneable;
    impl Clone for Uncloneable {
        fn clone(&self) -> Self {
            panic_quietly("not to be cloned")
        }
    }
    run(async {
        let queue = Queue::new();
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                spawn(async move { queue.get().await.is_ok() })
            })
            .collect();
        yield_now().await;
        assert!(catch_unwind(AssertUnwindSafe(|| queue.signal(&Uncloneable))).is_err());
        (0..3).for_each(|_| queue.put(Uncloneable));
        for task in tasks {
            assert_eq!(timeout(Duration::from_secs(10), task).await.expect("it is still in the line"), Ok(true));
        }
    });
}
