//! Machines that watch their tasks.

use std::future::Future;
use std::pin::Pin;

use lem_rs::{Machine, MachineBuilder};

/// A test's future as what runs it takes it: of one type for all tests, so that a machine is compiled once for them, and
/// not for each.
pub type BoxedTest<'a, T = ()> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A machine whose [`Machine::run`] fails as soon as a task waits although its future kept no waker: the tests' machine
/// for everything, except for what waits for [`std::future::pending`] on purpose.
///
/// # Panics
/// If the system gives none.
#[track_caller]
pub fn watched_machine() -> Machine {
    watched(Machine::builder()).build().expect("the system gives a machine")
}

/// The same, for a machine with other parts of its own.
pub fn watched(builder: MachineBuilder) -> MachineBuilder {
    builder.check_wakers(true)
}
