//! Signals, as events on the loop.

use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lem_ssl_rs::{Error, Inbox, InputBuffer, Plain, ReadMode, Source, StreamOptions, spawn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::low_level::pipe;

use crate::exit::Exit;

/// What somebody asks us by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A supervisor's wish that we end.
    Terminate,
    /// To read configuration again.
    Hangup,
    /// What other programs open their logs again for, or end for. Here it means nothing.
    User1,
    User2,
}

/// Nobody means us to end by these, and by default they would end us without a word. A file that has become too large
/// (`ulimit -f`) is also an error of the write, which says which file.
const HARMLESS: [i32; 3] = [SIGUSR1, SIGUSR2, SIGXFSZ];

impl Signal {
    /// What a server receives.
    pub(crate) const ALL: [Self; 5] = [Self::Interrupt, Self::Terminate, Self::Hangup, Self::User1, Self::User2];

    fn number(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Terminate => SIGTERM,
            Self::Hangup => SIGHUP,
            Self::User1 => SIGUSR1,
            Self::User2 => SIGUSR2,
        }
    }

    /// The exit code of a command that it ended.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate | Self::Hangup | Self::User1 | Self::User2 => Exit::Terminated,
        }
    }

    /// What a server says of one that means nothing to it.
    pub(crate) fn means_nothing(self) -> &'static str {
        match self {
            Self::User1 => "SIGUSR1 means nothing here; SIGHUP reads the files again, SIGTERM ends",
            _ => "SIGUSR2 means nothing here; SIGHUP reads the files again, SIGTERM ends",
        }
    }

    /// Whether it asks us to end.
    fn ends(self) -> bool {
        matches!(self, Self::Interrupt | Self::Terminate)
    }
}

/// Receives signals; they do not end the process from then on.
#[derive(Debug)]
pub(crate) struct Signals {
    inbox: Rc<Inbox<Signal>>,
    /// From now on another Ctrl-C or SIGTERM ends the process on the spot.
    impatient: Arc<AtomicBool>,
}

impl Signals {
    /// Receives these, on the running machine. SIGUSR1 and SIGUSR2 end nothing, whether they are among these or not.
    pub(crate) fn of(signals: &[Signal]) -> Result<Self, Error> {
        let inbox = Rc::new(Inbox::new());
        let impatient = Arc::new(AtomicBool::new(false));
        let failed = |error| Error::io("receive signals", error);
        for number in HARMLESS {
            flag::register(number, Arc::default()).map_err(failed)?;
        }
        for &signal in signals {
            if signal.ends() {
                let code = i32::from(signal.exit().code());
                flag::register_conditional_shutdown(signal.number(), code, impatient.clone()).map_err(failed)?;
            }
            let (ours, handlers) = UnixStream::pair().map_err(failed)?;
            // The handler writes a byte into a socket, which is all that it may do; the loop reads it.
            pipe::register(signal.number(), handlers).map_err(failed)?;
            let stream = lem_ssl_rs::UnixStream::new(
                Plain::new(Source::adopt(ours)?),
                InputBuffer::default(),
                StreamOptions::default(),
            );
            let inbox = inbox.clone();
            spawn(async move {
                while stream.read(ReadMode::Available).await.is_ok() {
                    // It is closed when nobody wants signals any more.
                    let _ = inbox.put(signal);
                }
            })
            .detach();
        }
        Ok(Self { inbox, impatient })
    }

    /// The next one. After the first that asks us to end, a second one ends the process on the spot.
    pub(crate) async fn next(&self) -> Result<Signal, Error> {
        let signal = self.inbox.take().await?;
        if signal.ends() {
            self.impatient.store(true, Ordering::Relaxed);
        }
        Ok(signal)
    }
}
