//! What signals mean to the command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lem_ssl_rs::{Error, signal};

pub(crate) use lem_ssl_rs::signal::Signal;

use crate::exit::Exit;
pub(crate) use crate::platform::SIGNALS_MISSING;
use crate::platform::{end_on, ignore_harmless};

/// What a server receives.
pub(crate) const ALL: [Signal; 5] =
    [Signal::Interrupt, Signal::Terminate, Signal::Hangup, Signal::User1, Signal::User2];

/// Those that ask us to end.
const ENDING: [Signal; 2] = [Signal::Interrupt, Signal::Terminate];

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
        ignore_harmless().map_err(failed)?;
        for signal in ENDING.into_iter().filter(|signal| signals.contains(signal)) {
            end_on(signal, impatient.clone(), exit_of(signal).code()).map_err(failed)?;
        }
        Ok(Self { received: signal::Signals::new(signals.iter().copied())?, impatient })
    }

    /// The next one. After the first that asks us to end, a second one ends the process on the spot.
    pub(crate) async fn next(&self) -> Result<Signal, Error> {
        let signal = self.received.next().await?;
        if ENDING.contains(&signal) {
            self.impatient.store(true, Ordering::Relaxed);
        }
        Ok(signal)
    }
}
