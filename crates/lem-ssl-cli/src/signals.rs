//! What signals mean to the command.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lem_ssl_rs::{Error, signal};

pub(crate) use lem_ssl_rs::signal::Signal;

use crate::exit::{Exit, Failure};
pub(crate) use crate::platform::SIGNALS_MISSING;
use crate::platform::{end_on, ignore_harmless, set_after_the_first};
use crate::race::{First, race};

/// What a server receives.
pub(crate) const ALL: [Signal; 5] =
    [Signal::Interrupt, Signal::Terminate, Signal::Hangup, Signal::User1, Signal::User2];

/// Those that ask us to end.
const ENDING: [Signal; 2] = [Signal::Interrupt, Signal::Terminate];

/// One request may come as several signals: timeout(1) sends its own to the process and then to its group, and a terminal
/// and a supervisor may both send theirs. Those that come so soon after the first one say nothing new.
const PATIENCE: Duration = Duration::from_millis(100);

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
}

impl Signals {
    /// Receives these, on the running machine. SIGUSR1 and SIGUSR2 end nothing, whether they are among these or not.
    /// After the first one that asks us to end, and the time in which more of them are the same request, another one ends
    /// the process on the spot, whatever the machine is doing.
    pub(crate) fn of(signals: &[Signal]) -> Result<Self, Error> {
        let impatient = Arc::new(AtomicBool::new(false));
        let failed = |error| Error::io("receive signals", error);
        ignore_harmless().map_err(failed)?;
        let ending: Vec<_> = ENDING.into_iter().filter(|signal| signals.contains(signal)).collect();
        for signal in ending.iter().copied() {
            end_on(signal, impatient.clone(), exit_of(signal).code()).map_err(failed)?;
        }
        set_after_the_first(&ending, PATIENCE, impatient).map_err(failed)?;
        Ok(Self { received: signal::Signals::new(signals.iter().copied())? })
    }

    /// The next one.
    pub(crate) async fn next(&self) -> Result<Signal, Error> {
        self.received.next().await
    }

    /// Does what comes before anything is served; a signal that asks us to end ends it.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let ending = async {
            loop {
                match self.next().await {
                    Ok(signal) if !ENDING.contains(&signal) => {}
                    ended => return ended,
                }
            }
        };
        match race(work, ending).await {
            First::One(done) => done,
            First::Other(signal) => Err(Failure::silent(exit_of(signal?))),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use lem_ssl_rs::Machine;

    #[test]
    fn what_comes_before_serving_is_ended_by_a_signal() {
        let ended = Machine::new().unwrap().run(async {
            let signals = Signals::of(&ALL).unwrap();
            assert_eq!(signals.during(async { Ok(1) }).await.unwrap(), 1);
            for number in [signal_hook::consts::SIGHUP, signal_hook::consts::SIGTERM] {
                signal_hook::low_level::raise(number).unwrap();
            }
            signals.during(std::future::pending::<Result<(), Failure>>()).await.map_err(|failure| failure.exit)
        });
        assert_eq!(ended.unwrap(), Err(Exit::Terminated));
    }
}
