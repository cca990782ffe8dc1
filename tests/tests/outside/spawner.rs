//! Tasks from other threads.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use lem_rs::{Error, JoinError, Machine, Spawner, channel, sleep, spawn};

use crate::support::run;

#[test]
fn a_task_from_another_thread_uses_what_cannot_leave_the_machines() {
    run(async {
        let spawner = Spawner::current()?;
        let (sender, mut results) = channel::unbounded();
        let elsewhere = thread::spawn(move || {
            let task = spawner.spawn(|| async {
                let count = Rc::new(Cell::new(0));
                let other = count.clone();
                spawn(async move { other.set(42) }).await.unwrap();
                sleep(Duration::from_millis(1)).await;
                count.get()
            });
            sender.try_send(task.unwrap().wait()).unwrap();
        });
        assert_eq!(results.recv().await?, Ok(42));
        elsewhere.join().unwrap();
        assert!(results.recv().await.is_err());
        // The task that receives for the spawner ends in the next turn.
        sleep(Duration::from_millis(1)).await;
        Ok(())
    });
}

#[test]
fn a_panic_in_it_reaches_its_own_waiter_alone() {
    run(async {
        let spawner = Spawner::current()?;
        let (sender, mut results) = channel::unbounded();
        let elsewhere = thread::spawn(move || {
            let early = spawner.spawn(|| -> std::future::Ready<()> { std::panic::resume_unwind(Box::new("early")) });
            let late = spawner.spawn(|| async { std::panic::resume_unwind(Box::new("late")) });
            let (early, late) = (early.unwrap(), late.unwrap());
            let well = spawner.spawn(|| async { 1 }).unwrap();
            let late: Result<(), JoinError> = late.wait();
            sender.try_send((early.wait(), late, well.wait())).unwrap();
        });
        let (early, late, well) = results.recv().await?;
        assert_eq!(early, Err(JoinError::Panicked("early".into())));
        assert_eq!(late, Err(JoinError::Panicked("late".into())));
        assert_eq!(well, Ok(1));
        elsewhere.join().unwrap();
        assert!(results.recv().await.is_err());
        // The task that receives for the spawner ends in the next turn.
        sleep(Duration::from_millis(1)).await;
        Ok(())
    });
}

#[test]
fn machines_give_each_other_tasks_and_await_them() {
    let (give, take) = std::sync::mpsc::channel();
    let (stop, mut stopped) = channel::bounded::<()>(1);
    let other = thread::spawn(move || {
        let machine = Machine::new().unwrap();
        give.send(machine.spawner()).unwrap();
        let _ = machine.run(async { stopped.recv().await }).unwrap();
    });
    let spawner = take.recv().unwrap();
    run(async move {
        let there = spawner.spawn(|| async { thread::current().id() })?.await?;
        assert_ne!(there, thread::current().id());
        Ok(())
    });
    drop(stop);
    other.join().unwrap();
}

#[test]
fn what_is_spawned_before_the_machine_runs_waits_and_what_comes_after_it_is_refused() {
    let machine = Machine::new().unwrap();
    let spawner = machine.spawner();
    let early = spawner.spawn(|| async { 7 }).unwrap();
    assert!(!early.is_finished());
    let never = spawner.spawn(std::future::pending::<()>).unwrap();
    assert_eq!(machine.run(early).unwrap(), Ok(7));
    drop(machine);
    assert_eq!(never.wait(), Err(JoinError::Cancelled));
    assert!(matches!(spawner.spawn(|| async {}), Err(Error::Closed)));
    assert!(spawner.is_closed());
}

#[test]
fn a_machine_whose_spawners_are_gone_knows_that_it_is_stalled() {
    let machine = Machine::new().unwrap();
    drop(machine.spawner());
    let stalled = machine.run(std::future::pending::<()>());
    assert!(matches!(stalled, Err(Error::Stalled { tasks: 1, .. })), "{stalled:?}");
    assert!(matches!(Spawner::current(), Err(Error::Misuse(_))));
}
