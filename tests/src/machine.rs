//! Machines that watch their tasks.

use lem_rs::{Machine, MachineBuilder};

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
