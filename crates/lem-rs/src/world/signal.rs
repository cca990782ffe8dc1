//! Signals, behind the seam.

use std::fmt;
use std::io;

/// What the operating system or another process asks of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Signal {
    /// Ctrl-C on a terminal: SIGINT on Unix, and Ctrl-C and Ctrl-Break on Windows, where it is the only one of these.
    Interrupt,
    /// SIGTERM: a supervisor wants the process to end.
    Terminate,
    /// SIGHUP: read the configuration again, by custom; the terminal is gone.
    Hangup,
    /// SIGQUIT: Ctrl-\ on a terminal.
    Quit,
    /// SIGUSR1: of the program's own meaning.
    User1,
    /// SIGUSR2: of the program's own meaning.
    User2,
    /// SIGCHLD: a child process has ended or stopped.
    Child,
    /// SIGWINCH: the terminal has another size.
    WindowChange,
    /// SIGCONT: the process goes on after it was stopped.
    Continue,
    /// SIGALRM: a timer of the operating system has run out.
    Alarm,
}

impl Signal {
    /// Its name, as systems of Unix descent write it: `SIGTERM`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
            Self::Quit => "SIGQUIT",
            Self::User1 => "SIGUSR1",
            Self::User2 => "SIGUSR2",
            Self::Child => "SIGCHLD",
            Self::WindowChange => "SIGWINCH",
            Self::Continue => "SIGCONT",
            Self::Alarm => "SIGALRM",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where signals arrive. An event of reading is due when one does.
pub(crate) trait SignalSource {
    /// Reports under `token` that signals have arrived.
    fn watch(&mut self, token: usize) -> io::Result<()>;
    /// Those that have arrived since the last call, each once; `WouldBlock` if none have.
    fn take(&mut self) -> io::Result<Vec<Signal>>;
}
