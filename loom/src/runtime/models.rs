//! A machine's thread and threads that wake its tasks.

use std::sync::Arc;
use std::task::Poll;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::key::Key;
use super::remote::{Remote, TaskWaker};
use crate::world::Notify;

/// What ends the machine's wait, as the kernel's does: a notification that comes first is not lost.
#[derive(Default)]
struct Doorbell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Notify for Doorbell {
    fn notify(&self) {
        *self.rung.lock().unwrap() = true;
        self.ring.notify_one();
    }
}

impl Doorbell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.ring.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// The machine's loop, reduced to what concerns other threads: wait, take, poll.
struct Machine {
    doorbell: Arc<Doorbell>,
    remote: Arc<Remote>,
    tasks: u32,
}

impl Machine {
    fn new() -> Self {
        let doorbell = Arc::new(Doorbell::default());
        Self { remote: Arc::new(Remote::new(doorbell.clone())), doorbell, tasks: 0 }
    }

    fn task(&mut self) -> Arc<TaskWaker> {
        self.tasks += 1;
        let waker = Arc::new(TaskWaker::new(Key(self.tasks), self.remote.clone()));
        assert!(waker.belongs_to(&self.remote));
        waker
    }

    /// Polls what is woken, until a poll says that it is done. A wake-up that is lost leaves it waiting for ever, which
    /// loom reports as a deadlock.
    fn run(&self, mut poll: impl FnMut(Key) -> Poll<()>) {
        let mut woken = Vec::new();
        loop {
            self.doorbell.wait();
            self.remote.take(&mut woken);
            for key in woken.drain(..) {
                if poll(key).is_ready() {
                    return;
                }
            }
        }
    }
}

/// A number that a thread writes before it wakes: relaxed, so that only the wake-up itself makes it visible.
fn flags<const COUNT: usize>() -> [Arc<AtomicUsize>; COUNT] {
    std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)))
}

#[test]
fn the_poll_after_a_wake_up_sees_what_every_waking_thread_did_before() {
    loom::model(|| {
        let mut machine = Machine::new();
        let waker = machine.task();
        let flags: [_; 2] = flags();
        for flag in &flags {
            let (flag, waker) = (flag.clone(), waker.clone());
            thread::spawn(move || {
                flag.store(1, Ordering::Relaxed);
                waker.list();
            });
        }
        machine.run(|_| match flags.iter().map(|flag| flag.load(Ordering::Relaxed)).sum() {
            2 => Poll::Ready(()),
            _ => Poll::Pending,
        });
    });
}

#[test]
fn a_thread_that_wakes_twice_is_seen_twice_or_at_its_end() {
    loom::model(|| {
        let mut machine = Machine::new();
        let waker = machine.task();
        let [flag] = flags();
        let theirs = flag.clone();
        thread::spawn(move || {
            for step in 1..=2 {
                theirs.store(step, Ordering::Relaxed);
                waker.list();
            }
        });
        machine.run(|_| if flag.load(Ordering::Relaxed) == 2 { Poll::Ready(()) } else { Poll::Pending });
    });
}

#[test]
fn two_tasks_that_are_woken_at_once_are_both_polled() {
    loom::model(|| {
        let mut machine = Machine::new();
        let wakers = [machine.task(), machine.task()];
        let keys = [wakers[0].key(), wakers[1].key()];
        for waker in wakers {
            thread::spawn(move || waker.list());
        }
        let mut polled = Vec::new();
        machine.run(|key| {
            polled.push(key);
            if keys.iter().all(|key| polled.contains(key)) { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!(polled.len(), 2, "each was woken once");
    });
}

#[test]
fn a_machine_that_looks_whether_it_has_stalled_misses_no_wake_up() {
    loom::model(|| {
        let mut machine = Machine::new();
        let waker = machine.task();
        let gone = Arc::new(AtomicUsize::new(0));
        let theirs = gone.clone();
        let thread = thread::spawn(move || {
            waker.list();
            // As the count of the waker's owners, which is read without order, too.
            theirs.store(1, Ordering::Relaxed);
        });
        let nobody_is_left = gone.load(Ordering::Relaxed) == 1;
        assert!(!nobody_is_left || machine.remote.has_woken(), "the machine would have taken itself for stalled");
        thread.join().unwrap();
    });
}

#[test]
fn a_wake_up_that_meets_the_machines_end_neither_hangs_nor_stays() {
    loom::model(|| {
        let mut machine = Machine::new();
        let waker = machine.task();
        let weak = Arc::downgrade(&waker);
        let thread = thread::spawn(move || waker.list());
        machine.remote.close();
        thread.join().unwrap();
        assert!(!machine.remote.has_woken());
        assert!(weak.upgrade().is_none(), "the list keeps the waker, and the waker the list");
    });
}
