//! `unblock`: work on other threads.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use lem_rs::{JoinError, spawn, timeout, unblock, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{Log, WATCHDOG, panic_quietly, poll_once, run};

/// The most threads that the documentation promises.
const MAX_THREADS: usize = 64;

/// Where jobs wait until they are let go.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

#[test]
fn work_runs_on_another_thread_and_gives_its_result() {
    run(async {
        let here = thread::current().id();
        let there = unblock(move || thread::current().id()).await.unwrap();
        assert_ne!(here, there);
        assert_eq!(unblock(|| String::from("result")).await, Ok("result".into()));
    });
}

#[test]
fn the_machine_goes_on_while_work_blocks() {
    run(async {
        let gate = Arc::new(Gate::default());
        let theirs = gate.clone();
        let work = spawn(unblock(move || theirs.pass()));
        // Only what the machine does meanwhile lets the work end.
        lem_rs::sleep(Duration::from_millis(2)).await;
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!work.is_finished());
        gate.open();
        assert_eq!(work.await, Ok(Ok(())));
    });
}

#[test]
fn a_panic_of_the_work_reaches_the_one_who_awaits() {
    run(async {
        let result = unblock(|| panic_quietly("at work")).await;
        assert_eq!(result, Err::<(), _>(JoinError::Panicked("at work".into())));
        assert_eq!(unblock(|| 2).await, Ok(2));
    });
}

#[test]
fn work_that_was_dropped_before_it_began_never_begins() {
    run(async {
        let gate = Arc::new(Gate::default());
        let busy: Vec<_> = (0..MAX_THREADS)
            .map(|_| {
                let gate = gate.clone();
                unblock(move || gate.pass())
            })
            .collect();
        let began = Arc::new(AtomicBool::new(false));
        let theirs = began.clone();
        // Every thread is taken: this one stands in the queue, and is dropped there.
        drop(unblock(move || theirs.store(true, Ordering::Release)));
        gate.open();
        for work in busy {
            work.await.unwrap();
        }
        // What is handed in now comes after it.
        unblock(|| ()).await.unwrap();
        assert!(!began.load(Ordering::Acquire));
    });
}

#[test]
fn the_result_of_work_that_was_dropped_is_dropped() {
    struct Tell(std::sync::mpsc::Sender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (dropped, told) = channel();
    let gate = Arc::new(Gate::default());
    run(async {
        let (began, beginning) = channel();
        let theirs = gate.clone();
        let mut work = pin!(unblock(move || {
            began.send(()).unwrap();
            theirs.pass();
            Tell(dropped)
        }));
        assert!(poll_once(work.as_mut()).await.is_pending());
        beginning.recv().unwrap();
    });
    gate.open();
    told.recv_timeout(WATCHDOG).unwrap();
}

#[test]
fn many_at_once_run_on_a_bounded_number_of_threads() {
    const JOBS: usize = 4 * MAX_THREADS;
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    run(async {
        let jobs: Vec<_> = (0..JOBS)
            .map(|number| {
                let (running, most) = (running.clone(), most.clone());
                unblock(move || {
                    most.fetch_max(running.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                    thread::sleep(Duration::from_millis(1));
                    running.fetch_sub(1, Ordering::AcqRel);
                    number
                })
            })
            .collect();
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await, Ok(number));
        }
    });
    let most = most.load(Ordering::Acquire);
    assert!((1..=MAX_THREADS).contains(&most), "{most} at once");
}

#[test]
fn as_many_as_promised_do_run_at_once() {
    // Each waits for all the others: with fewer threads none would ever be done.
    let barrier = Arc::new(std::sync::Barrier::new(MAX_THREADS));
    run(async {
        let jobs: Vec<_> = (0..MAX_THREADS)
            .map(|_| {
                let barrier = barrier.clone();
                unblock(move || barrier.wait().is_leader())
            })
            .collect();
        let mut leaders = 0;
        for job in jobs {
            leaders += usize::from(job.await.unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

#[test]
fn panics_in_what_nobody_wants_do_not_use_the_threads_up() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("a destructor on a worker thread"));
        }
    }
    run(async {
        // As many as there are threads: each one panics where no caller could be told.
        for _ in 0..MAX_THREADS {
            let gate = Arc::new(Gate::default());
            let (began, beginning) = channel();
            let theirs = gate.clone();
            {
                let mut work = pin!(unblock(move || {
                    began.send(()).unwrap();
                    theirs.pass();
                    Bomb
                }));
                assert!(poll_once(work.as_mut()).await.is_pending());
                beginning.recv().unwrap();
            }
            gate.open();
        }
        assert_eq!(timeout(WATCHDOG / 2, unblock(|| 3)).await, Ok(Ok(3)));
    });
}

#[test]
fn work_that_hangs_does_not_keep_the_machine_from_ending() {
    let gate = Arc::new(Gate::default());
    let theirs = gate.clone();
    let machine = watched_machine();
    machine
        .run(async move {
            let late = timeout(Duration::from_millis(1), unblock(move || theirs.pass())).await;
            assert!(late.is_err());
        })
        .unwrap();
    drop(machine);
    gate.open();
}

#[test]
fn each_task_gets_the_result_of_its_own_work() {
    run(async {
        let log = Log::default();
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let log = log.clone();
                spawn(async move {
                    let result = unblock(move || number).await.unwrap();
                    log.add(result);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut entries = log.entries();
        entries.sort_unstable();
        assert!(entries.into_iter().eq(0..20));
    });
}
