//! What signals mean to the command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lem_ssl_rs::{Error, signal};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;

pub(crate) use lem_ssl_rs::signal::Signal;

use crate::exit::Exit;

/// What a server receives.
pub(crate) const ALL: [Signal; 5] =
    [Signal::Interrupt, Signal::Terminate, Signal::Hangup, Signal::User1, Signal::User2];

/// Nobody means us to end by these, and by default they would end us without a word. A file that has become too large
/// (`ulimit -f`) is also an error of the write, which says which file.
const HARMLESS: [i32; 3] = [SIGUSR1, SIGUSR2, SIGXFSZ];

/// Those that ask us to end.
const ENDING: [(Signal, i32); 2] = [(Signal::Interrupt, SIGINT), (Signal::Terminate, SIGTERM)];

/// The exit code of a command that this signal ended.
pub(crate) fn exit_of(signal: Signal) -> Exit {
    if signal == Signal::Interrupt { Exit::Interrupted } else { Exit::Terminated }
}

/// What a server says of a signal that means nothing to it.
pub(crate) fn means_nothing(signal: Signal) -> String {
    format!("{signal} means nothing here; SIGHUP reads the files again, SIGTERM ends")
}

/// Receives signals; they do not end the process from then on.
#[derive(Debug)]
pub(crate) struct Signals {
    received: signal::Signals,
    /// From now on another Ctrl-C or SIGTERM ends the process on the spot.
    impatient: Arc<AtomicBool>,
}

impl Signals {
    /// Receives these, on the running machine. SIGUSR1 and SIGUSR2 end nothing, whether they are among these or not.
    pub(crate) fn of(signals: &[Signal]) -> Result<Self, Error> {
        let impatient = Arc::new(AtomicBool::new(false));
        let failed = |error| Error::io("receive signals", error);
        for number in HARMLESS {
            flag::register(number, Arc::default()).map_err(failed)?;
        }
        for (signal, number) in ENDING.into_iter().filter(|(signal, _)| signals.contains(signal)) {
            let code = i32::from(exit_of(signal).code());
            flag::register_conditional_shutdown(number, code, impatient.clone()).map_err(failed)?;
        }
        Ok(Self { received: signal::Signals::new(signals.iter().copied())?, impatient })
    }

    /// The next one. After the first that asks us to end, a second one ends the process on the spot.
    pub(crate) async fn next(&self) -> Result<Signal, Error> {
        let signal = self.received.next().await?;
        if ENDING.iter().any(|(ending, _)| *ending == signal) {
            self.impatient.store(true, Ordering::Relaxed);
        }
        Ok(signal)
    }
}
