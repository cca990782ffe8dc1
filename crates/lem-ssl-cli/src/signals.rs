//! Signals, as events on the loop.

use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lem_ssl_rs::{Error, Inbox, InputBuffer, Plain, ReadMode, Source, StreamOptions, spawn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Self::Interrupt => SIGINT,
            Self::Terminate => SIGTERM,
            Self::Hangup => SIGHUP,
        }
    }

    /// The exit code of a command that it ended.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate | Self::Hangup => Exit::Terminated,
        }
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
    /// Receives these, on the running machine.
    pub(crate) fn of(signals: &[Signal]) -> Result<Self, Error> {
        let inbox = Rc::new(Inbox::new());
        let impatient = Arc::new(AtomicBool::new(false));
        for &signal in signals {
            let failed = |error| Error::io("receive signals", error);
            if signal != Signal::Hangup {
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
        if signal != Signal::Hangup {
            self.impatient.store(true, Ordering::Relaxed);
        }
        Ok(signal)
    }
}
