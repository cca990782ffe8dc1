//! Signals: Ctrl-C, a supervisor's wish that the program end, and others.
//!
//! Needs the feature `signal`, which brings `signal-hook` on Unix and `ctrlc` on Windows: to install a handler is
//! unsafe code, which this crate does not have.
//!
//! ```no_run
//! use lem_rs::signal::{Signal, Signals};
//! use lem_rs::{Error, Listener, Machine, spawn};
//! use std::rc::Rc;
//!
//! Machine::new()?.run(async {
//!     let signals = Signals::new([Signal::Interrupt, Signal::Terminate])?;
//!     let listener = Rc::new(Listener::bind("127.0.0.1:7").await?);
//!     let accepting = listener.clone();
//!     let serving = spawn(async move { accepting.autospawn(|stream| async move { drop(stream) }).await });
//!     println!("{}: no new connections", signals.next().await?);
//!     listener.close()?;
//!     let _ = serving.await?;
//!     Ok::<(), Error>(())
//! })??;
//! # Ok::<(), Error>(())
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::rc::Rc;

use crate::error::Error;
use crate::runtime::{Direction, SharedReadiness, Watched, current, no_machine};
pub use crate::world::Signal;
use crate::world::SignalSource;

/// Receives signals on the running machine.
///
/// While this lives they do not end the process, whether a task waits for them or not: a program that loads files or
/// drains a server meanwhile is not ended by a Ctrl-C. When the last `Signals` for it is dropped,
/// [`Interrupt`](Signal::Interrupt), [`Terminate`](Signal::Terminate) and [`Quit`](Signal::Quit) end the process again,
/// as by default; so they do while a machine waits for closing streams behind `main`. The others then do nothing.
///
/// One of the three that the process ignored before, as `nohup` and the background of a shell without job control have it,
/// is received all the same, and does nothing again when the last `Signals` for it is dropped. That is so on Linux, where
/// `/proc` can be read; on other systems safe code is not told, and the signal ends the process. Programs that are started
/// after that do not ignore it any more.
///
/// Each `Signals` receives for itself: two of one process both see a Ctrl-C. A signal that comes again before it was
/// taken is received once. A program that receives one of the three by another library as well keeps a `Signals`.
///
/// In the simulated world (`sim`) a test sends signals with `Net::signal`.
pub struct Signals {
    readiness: Rc<SharedReadiness>,
    source: RefCell<Box<dyn SignalSource>>,
    /// Those that were taken from the source and not given to a task: each at most once.
    pending: RefCell<VecDeque<Signal>>,
}

impl Signals {
    /// Receives these.
    ///
    /// # Errors
    /// [`Error::Io`] if the system does not have one of them (Windows has [`Signal::Interrupt`] alone) or gives no
    /// socket; [`Error::Misuse`] outside of a machine.
    pub fn new(wanted: impl IntoIterator<Item = Signal>) -> Result<Self, Error> {
        let core = current().ok_or_else(no_machine)?;
        let wanted: Vec<Signal> = wanted.into_iter().collect();
        let failed = |error| Error::io("receive signals", error);
        let mut source = core.world().factory().signals(&wanted).map_err(failed)?;
        let watched = Watched::new(&core);
        source.watch(watched.token().map_err(failed)?).map_err(failed)?;
        let (readiness, source) = (SharedReadiness::new(watched), RefCell::new(source));
        Ok(Self { readiness, source, pending: RefCell::default() })
    }

    /// Waits for the next one. Any number of tasks may wait; each signal goes to one of them.
    ///
    /// ```no_run
    /// # use lem_rs::{Error, Machine, signal::{Signal, Signals}};
    /// # Machine::new()?.run(async {
    /// let signals = Signals::new([Signal::Terminate, Signal::Hangup])?;
    /// loop {
    ///     match signals.next().await? {
    ///         Signal::Hangup => println!("read the configuration again"),
    ///         signal => {
    ///             println!("{signal}: the end");
    ///             break;
    ///         }
    ///     }
    /// }
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the machine is gone; [`Error::Io`] if the operating system fails.
    ///
    /// **Cancel safety:** dropping it loses no signal.
    pub async fn next(&self) -> Result<Signal, Error> {
        let next = self.readiness.until_done(Direction::Read, || self.take()).await?;
        next.map_err(|error| Error::io("receive signals", error))
    }

    fn take(&self) -> io::Result<Signal> {
        let mut pending = self.pending.borrow_mut();
        // Those that have come again meanwhile are among the new ones, too.
        match self.source.borrow_mut().take() {
            Ok(arrived) => {
                let again = arrived.into_iter().filter(|signal| !pending.contains(signal)).collect::<Vec<_>>();
                pending.extend(again);
            }
            Err(error) if pending.is_empty() => return Err(error),
            Err(_) => {}
        }
        pending.pop_front().ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("pending", &self.pending.borrow().len()).finish_non_exhaustive()
    }
}

/// Waits for Ctrl-C. A second one ends the process, unless somebody waits for it again: a program that waits more than
/// once keeps [`Signals`].
///
/// ```no_run
/// # use lem_rs::{Error, Machine, signal};
/// # Machine::new()?.run(async {
/// signal::ctrl_c().await?;
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// As [`Signals::new`] and [`Signals::next`].
///
/// **Cancel safety:** dropping it ends the wait; Ctrl-C then ends the process.
pub async fn ctrl_c() -> Result<(), Error> {
    Signals::new([Signal::Interrupt])?.next().await.map(drop)
}
