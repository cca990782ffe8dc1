//! The event machine: tasks, wake-ups, timers, readiness, worker threads, and the loop that turns them.

mod arena;
mod blocking;
mod contain;
mod core;
mod handler;
mod join;
mod key;
mod linger;
mod machine;
mod pace;
mod primitives;
mod refusal;
mod remote;
#[cfg(feature = "hyper")]
mod remote_timer;
mod scratch;
mod source;
mod sources;
mod task;
mod timers;
mod vigil;
mod wait;
mod waker;
mod workers;

pub use blocking::{Unblock, unblock};
pub(crate) use contain::contain;
pub(crate) use core::Core;
pub(crate) use handler::ReadyHandler;
pub use join::JoinHandle;
pub(crate) use key::{Key, Keyed};
pub use machine::{Machine, MachineBuilder, longest_poll, now, spawn, yield_now};
pub(crate) use refusal::{refuse, refused};
#[cfg(feature = "hyper")]
pub(crate) use remote_timer::RemoteTimer;
pub(crate) use source::Watched;
pub(crate) use source::no_machine;
pub use source::{Direction, Source, SourceHandle};
pub(crate) use timers::TimerKey;
pub(crate) use wait::{Parked, Wait};
pub(crate) use waker::current;
