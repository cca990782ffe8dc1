//! Tasks that belong together, and a handle that ends its task.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Error, JoinError, JoinSet, Machine, Queue, sleep, spawn, timeout, yield_now};

use crate::support::run;

/// Counts those that are alive.
struct Alive(Rc<Cell<usize>>);

impl Alive {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn results_come_in_the_order_of_their_ends_panics_among_them() {
    run(async {
        let tasks = JoinSet::new();
        for millis in [30, 2, 15] {
            tasks.spawn(async move {
                sleep(Duration::from_millis(millis)).await;
                if millis == 15 {
                    std::panic::resume_unwind(Box::new("in the middle"));
                }
                millis
            });
        }
        assert_eq!(tasks.len(), 3);
        assert_eq!(tasks.join_next().await, Some(Ok(2)));
        assert_eq!(tasks.join_next().await, Some(Err(JoinError::Panicked("in the middle".into()))));
        assert_eq!(tasks.join_next().await, Some(Ok(30)));
        assert_eq!(tasks.join_next().await, None);
        assert!(tasks.is_empty());
        Ok(())
    });
}

#[test]
fn a_set_that_is_dropped_ends_its_members() {
    let machine = Machine::new().unwrap();
    machine
        .run(async {
            let alive = Rc::new(Cell::new(0));
            let tasks = JoinSet::new();
            for _ in 0..5 {
                let held = Alive::new(&alive);
                tasks.spawn(async move {
                    pending::<()>().await;
                    drop(held);
                });
            }
            yield_now().await;
            assert_eq!(alive.get(), 5);
            drop(tasks);
            assert_eq!(alive.get(), 0);
        })
        .unwrap();
    assert_eq!(machine.counts().0, 0);
}

#[test]
fn a_member_may_drop_its_own_set() {
    run(async {
        let tasks: Rc<Cell<Option<JoinSet<()>>>> = Rc::default();
        let (set, own) = (JoinSet::new(), tasks.clone());
        set.spawn(async move {
            drop(own.take());
            yield_now().await;
        });
        tasks.set(Some(set));
        yield_now().await;
        yield_now().await;
        assert!(tasks.take().is_none());
        Ok(())
    });
}

#[test]
fn a_wait_that_is_dropped_loses_no_result() {
    run(async {
        let (tasks, gate) = (JoinSet::new(), Queue::new());
        let opened = gate.clone();
        tasks.spawn(async move { opened.get().await.unwrap() });
        for _ in 0..3 {
            assert!(timeout(Duration::from_millis(1), tasks.join_next()).await.is_err());
        }
        gate.put(1);
        assert_eq!(tasks.join_next().await, Some(Ok(1)));
        Ok(())
    });
}

#[test]
fn members_are_added_while_another_task_waits() {
    run(async {
        let tasks = Rc::new(JoinSet::new());
        tasks.spawn(async {
            sleep(Duration::from_millis(20)).await;
            "slow"
        });
        let waiting = tasks.clone();
        let first = spawn(async move { waiting.join_next().await });
        yield_now().await;
        tasks.spawn(async { "quick" });
        assert_eq!(first.await?, Some(Ok("quick")));
        assert_eq!(tasks.join_next().await, Some(Ok("slow")));
        Ok(())
    });
}

#[test]
fn cancelled_members_say_so_and_detached_ones_go_on() {
    run(async {
        let tasks = JoinSet::new();
        tasks.spawn(async { sleep(Duration::from_secs(3600)).await });
        tasks.cancel_all();
        assert_eq!(tasks.join_next().await, Some(Err(JoinError::Cancelled)));
        let done = Rc::new(Cell::new(false));
        let theirs = done.clone();
        tasks.spawn(async move {
            sleep(Duration::from_millis(2)).await;
            theirs.set(true);
        });
        tasks.detach_all();
        assert_eq!(tasks.join_next().await, None);
        drop(tasks);
        while !done.get() {
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    });
}

#[test]
fn a_handle_that_cancels_does_so_however_its_scope_ends() {
    run(async {
        let alive = Rc::new(Cell::new(0));
        let start = || {
            let held = Alive::new(&alive);
            spawn(async move {
                sleep(Duration::from_millis(1)).await;
                drop(held);
                5
            })
            .cancel_on_drop()
        };
        drop(start());
        assert_eq!(alive.get(), 0);
        let outer = {
            let task = start();
            spawn(task).cancel_on_drop()
        };
        yield_now().await;
        drop(outer);
        assert_eq!(alive.get(), 0, "a cancelled task takes along the one that it awaits");
        assert_eq!(start().await?, 5);
        let going_on = start().into_inner();
        assert_eq!(going_on.await?, 5);
        Ok::<(), Error>(())
    });
}
