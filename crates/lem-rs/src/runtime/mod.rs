//! The event machine: tasks, wakers, timers, readiness, worker threads, and the loop that drives them.
//!
//! One turn of the loop, in `Machine::run`: `Core::run_ready` polls tasks that are ready, then `Core::wait_for_events` asks
//! the [world](crate::world) for events, timers and other threads for wake-ups, and wakes what waited for them.
//!
//! | for | see |
//! |---|---|
//! | the loop | `machine`, `core`, `core::poll`; `current` is the machine that runs on this thread |
//! | tasks | `task`: the table of futures; `join`, `join_set`: their handles |
//! | wakers | `wait`: what wakes a waiter, a task's key for our own; `parked`: with its machine; `remote`: from other threads |
//! | readiness | `sources`: the table; `source`: one stream's socket; `shared_readiness`, `watcher`: one for many tasks; `handler` |
//! | timers | `timers`; `remote_timer` for those that are armed from elsewhere |
//! | fairness | `budget`: bytes for each poll and turn; `cpu_permits`: long computations; `refusal`: immediate errors |
//! | blocking calls | `blocking`, `workers` |
//! | memory | `arena`: buffers that all streams share; `shrink`; `key`: tables whose keys are never mistaken |
//! | the end | `shutdown`: what `run` waits for; `contain`: panics of code that is not ours |
//! | checks, with `sim` | `lost_wakeup`, `waker_count` |

mod arena;
mod awaited;
mod blocking;
mod budget;
mod contain;
mod core;
mod cpu_permit;
mod cpu_permits;
mod current;
mod direction;
mod handler;
mod join;
mod join_set;
mod key;
mod lending;
mod lost_wakeup;
mod machine;
mod parked;
mod primitives;
mod quiet;
mod refusal;
mod remote;
#[cfg(feature = "hyper")]
mod remote_timer;
mod run_main;
mod shared_readiness;
mod shrink;
mod shutdown;
mod source;
mod sources;
mod task;
mod timers;
mod wait;
mod waker_count;
#[cfg(unix)]
mod watcher;
mod workers;

pub(crate) use awaited::Awaited;
pub(crate) use blocking::{Promise, look_up, promise, submit};
pub use blocking::{Unblock, unblock};
pub(crate) use contain::contain;
pub(crate) use core::Core;
pub use cpu_permit::CpuPermit;
pub(crate) use current::current;
pub use direction::Direction;
pub(crate) use handler::ReadyHandler;
pub use join::{CancelOnDrop, JoinHandle};
pub use join_set::JoinSet;
pub(crate) use key::{Key, Keyed};
pub(crate) use machine::spawn_detached;
pub use machine::{Machine, MachineBuilder, longest_poll, now, spawn, yield_now};
pub(crate) use parked::Parked;
pub(crate) use refusal::{refuse, refused};
#[cfg(feature = "hyper")]
pub(crate) use remote_timer::RemoteTimer;
pub use run_main::run_main;
pub(crate) use shared_readiness::SharedReadiness;
pub(crate) use source::Watched;
pub(crate) use source::no_machine;
pub use source::{Source, SourceHandle};
pub(crate) use sources::Fin;
pub(crate) use timers::TimerKey;
pub(crate) use wait::{ForeignWaker, Registered, Wait};
#[cfg(unix)]
pub use watcher::Watcher;
pub(crate) use workers::Workers;
