//! What the tests of the machine share.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use lem_rs::{Machine, Resolve, timeout};
use lem_ssl_tests::{BoxedTest, watched, watched_machine};

/// Longer than anything here takes on the slowest machine.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs `main` on a machine of its own and checks that nothing is left behind.
#[track_caller]
pub(crate) fn run<T>(main: impl Future<Output = T>) -> T {
    run_on(&watched_machine(), main)
}

/// Runs `main` on `machine` and checks that nothing is left behind.
#[track_caller]
pub(crate) fn run_on<T>(machine: &Machine, main: impl Future<Output = T>) -> T {
    run_boxed(machine, Box::pin(main))
}

#[track_caller]
fn run_boxed<T>(machine: &Machine, main: BoxedTest<'_, T>) -> T {
    let output = machine.run(async { timeout(WATCHDOG, main).await }).expect("the machine runs to its end");
    let output = output.expect("the scenario ends in time");
    assert_eq!(machine.counts(), (0, 0, 0), "tasks, timers, sockets that are left behind");
    output
}

/// As [`run`], for what waits for `pending` on purpose: nobody looks whether futures keep their wakers.
#[track_caller]
pub(crate) fn run_unwatched<T>(main: impl Future<Output = T>) -> T {
    run_on(&unwatched_machine(), main)
}

/// A machine for what waits for `pending` on purpose: nobody looks whether futures keep their wakers.
pub(crate) fn unwatched_machine() -> Machine {
    Machine::new().unwrap()
}

/// A machine that asks `resolver` for its names.
pub(crate) fn machine_with(resolver: impl Resolve + 'static) -> Machine {
    watched(Machine::builder()).resolver(resolver).build().unwrap()
}

/// What happened, in order; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T: Clone + Debug + PartialEq> Log<T> {
    pub(crate) fn add(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    pub(crate) fn entries(&self) -> Vec<T> {
        self.0.borrow().clone()
    }
}

/// Sets its flag when it is dropped.
pub(crate) struct SetOnDrop(pub(crate) Rc<Cell<bool>>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// A flag, and a guard that raises it when dropped.
pub(crate) fn drop_flag() -> (Rc<Cell<bool>>, SetOnDrop) {
    let flag = Rc::new(Cell::new(false));
    (flag.clone(), SetOnDrop(flag))
}

/// Panics without the report on standard error that a panic in a test would otherwise write.
pub(crate) fn panic_quietly(message: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(message))
}

/// Polls `future` once, with the waker of the task that calls.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx: &mut Context<'_>| Poll::Ready(future.as_mut().poll(cx))).await
}

type Answer = Box<dyn Fn(&str) -> io::Result<Vec<IpAddr>>>;

/// A resolver that answers at once, from a function, and counts how often it was asked.
pub(crate) struct Table {
    answer: Answer,
    pub(crate) asked: Rc<Cell<usize>>,
}

impl Table {
    pub(crate) fn new(answer: impl Fn(&str) -> io::Result<Vec<IpAddr>> + 'static) -> Self {
        Self { answer: Box::new(answer), asked: Rc::default() }
    }

    /// Every name has these addresses.
    pub(crate) fn of(addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Self::new(move |_| Ok(addresses.clone()))
    }
}

impl Resolve for Table {
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>> {
        self.asked.set(self.asked.get() + 1);
        let answer = (self.answer)(host);
        Box::pin(async move { answer })
    }
}

/// A resolver that never answers.
pub(crate) struct Silent;

impl Resolve for Silent {
    fn resolve(&self, _: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>> {
        Box::pin(std::future::pending())
    }
}
