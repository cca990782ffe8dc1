//! Machines: run once, twice, nested, side by side; what is left behind and what happens when they are dropped.

#![expect(clippy::async_yields_async, reason = "handles leave the run to be awaited in the next one")]

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use lem_rs::{Error, JoinError, Listener, Queue, Sleeper, sleep, spawn, unblock, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{drop_flag, run, run_on, unwatched_machine};

#[test]
fn a_machine_inside_of_a_machine_is_an_error_and_the_outer_one_goes_on() {
    let inner = watched_machine();
    let outer = watched_machine();
    run_on(&outer, async {
        let error = inner.run(async { unreachable!() }).unwrap_err();
        let Error::Misuse(what) = &error else { panic!("{error}") };
        assert_eq!(what, "a machine already runs on this thread: spawn a task, or use another thread");
        // The same machine is no exception.
        assert!(matches!(outer.run(async {}), Err(Error::Misuse(_))));
        assert_eq!(spawn(async { 1 }).await, Ok(1));
    });
    run_on(&inner, async { sleep(Duration::from_millis(1)).await });
}

#[test]
fn a_machine_can_be_run_again() {
    let machine = watched_machine();
    for number in 0..100 {
        assert_eq!(run_on(&machine, async move { spawn(async move { number }).await }), Ok(number));
    }
}

#[test]
fn tasks_that_are_left_go_on_with_the_next_run() {
    let machine = watched_machine();
    let queue = Queue::new();
    let theirs = queue.clone();
    let task = machine
        .run(async {
            spawn(async move {
                for number in 0..3 {
                    yield_now().await;
                    theirs.put(number);
                }
            })
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 0, 0));
    assert!(queue.is_empty(), "no task runs after the main task is done");
    machine.run(async { assert_eq!(task.await, Ok(())) }).unwrap();
    assert_eq!(queue.len(), 3);
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_timer_that_is_left_fires_in_the_next_run() {
    let machine = watched_machine();
    let task = machine
        .run(async {
            let task = spawn(sleep(Duration::from_millis(5)));
            yield_now().await;
            task
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 1, 0));
    machine.run(task).unwrap().unwrap();
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn the_main_future_may_borrow() {
    let mut text = String::from("borrowed");
    run(async {
        yield_now().await;
        text.push_str(" and changed");
    });
    assert_eq!(text, "borrowed and changed");
}

#[test]
fn dropping_a_machine_drops_its_tasks_and_whoever_asks_hears_cancelled() {
    let machine = watched_machine();
    let (dropped, guard) = drop_flag();
    let task = machine
        .run(async {
            let task = spawn(async move {
                let _guard = guard;
                sleep(Duration::from_secs(3_600)).await;
            });
            yield_now().await;
            task
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 1, 0));
    assert!(!dropped.get());
    drop(machine);
    assert!(dropped.get());
    assert!(task.is_finished());
    assert_eq!(run(task), Err(JoinError::Cancelled));
}

#[test]
fn what_a_destructor_spawns_while_the_machine_is_dropped_is_dropped_too() {
    struct Spawner(Option<crate::support::SetOnDrop>, Rc<RefCell<Option<lem_rs::JoinHandle<()>>>>);
    impl Drop for Spawner {
        fn drop(&mut self) {
            let guard = self.0.take();
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            *self.1.borrow_mut() = Some(task);
        }
    }
    // A task waits for `pending`, which keeps no waker, until it is dropped with its machine.
    let machine = unwatched_machine();
    let (dropped, guard) = drop_flag();
    let late: Rc<RefCell<Option<lem_rs::JoinHandle<()>>>> = Rc::default();
    let spawner = Spawner(Some(guard), late.clone());
    machine
        .run(async {
            spawn(async move {
                let _spawner = spawner;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
        })
        .unwrap();
    drop(machine);
    assert!(dropped.get());
    let late = late.borrow_mut().take().unwrap();
    late.cancel();
    assert_eq!(run(late), Err(JoinError::Cancelled));
}

#[test]
fn dropping_a_machine_releases_its_sockets() {
    let machine = watched_machine();
    let address = machine
        .run(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_ip().unwrap();
            spawn(async move {
                let _ = listener.accept().await;
            })
            .detach();
            yield_now().await;
            address
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 0, 1));
    drop(machine);
    // The port is free again: nobody has connected, so nothing lingers.
    std::net::TcpListener::bind(address).unwrap();
}

#[test]
fn machines_run_on_several_threads_at_once() {
    let threads: Vec<_> = (0..8_usize)
        .map(|number| {
            thread::spawn(move || {
                run(async move {
                    let mut tasks = Vec::new();
                    for step in 0..200 {
                        tasks.push(spawn(async move {
                            sleep(Duration::from_millis(step as u64 % 3)).await;
                            unblock(move || number * step).await.unwrap()
                        }));
                    }
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
        })
        .collect();
    for (number, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), number * (0..200).sum::<usize>());
    }
}

#[test]
fn two_machines_take_turns_on_one_thread() {
    let (first, second) = (watched_machine(), watched_machine());
    let sleeper = Rc::new(Sleeper::new());
    let theirs = sleeper.clone();
    let task = first
        .run(async {
            let task = spawn(async move { theirs.sleep(Duration::from_secs(3_600)).await });
            yield_now().await;
            task
        })
        .unwrap();
    // A wake-up that is given while the other machine runs is not lost.
    run_on(&second, async { sleeper.wake("from the other one").unwrap() });
    assert_eq!(run_on(&first, task).unwrap().unwrap(), Some("from the other one"));
}

#[test]
fn verbs_that_need_a_machine_say_so() {
    let message = |verb: fn()| {
        let payload = std::panic::catch_unwind(verb).unwrap_err();
        payload.downcast_ref::<&str>().map(ToString::to_string).or(payload.downcast_ref::<String>().cloned()).unwrap()
    };
    // The hook's report would be noise; only the texts matter.
    assert!(message(|| drop(sleep(Duration::ZERO))).contains("inside of Machine::run"));
    assert!(message(|| drop(unblock(|| ()))).contains("inside of Machine::run"));
    assert!(message(|| spawn(async {}).detach()).contains("inside of Machine::run"));
}

#[test]
fn a_machine_shows_what_it_holds() {
    let machine = watched_machine();
    assert_eq!(format!("{machine:?}"), "Machine { core: Machine { tasks: 0, timers: 0, sockets: 0 } }");
}
