//! The cores and files that processes get.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::outcome::Outcome;

/// Keeps this process on a core.
pub(crate) fn stay_on(core: usize) -> Outcome<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    let this = Pid::from_raw(0);
    sched_setaffinity(this, &cores).map_err(|error| format!("this process cannot stay on core {core}: {error}").into())
}

/// Lets this process, and those that it starts, open as many files as they may; says how many.
pub(crate) fn limit_files() -> Outcome<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}
