//! What every stream of a script can do.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Endpoint, Error, Info};

use crate::ahead::{Ahead, Input};
use crate::answer::strerror;
use crate::scheduler::{Open, Scheduler};

/// Something to read from and to write to. What not all of them can is refused by default.
pub(crate) trait Duplex: Input + 'static {
    /// Whether reads and writes share a position, so that what is written depends on what was read.
    const HAS_POSITION: bool = false;

    fn ahead(&self) -> &Ahead;

    /// May a read begin? It is asked before bytes are looked at that were read ahead.
    fn check_read(&self) -> Result<(), Error>;

    async fn write(&self, data: &[u8]) -> Result<(), Error>;

    fn close(&self) -> Result<(), Error>;

    fn interrupt(&self) -> Result<(), Error>;

    fn is_busy(&self) -> bool;

    fn is_closed(&self) -> bool;

    /// An error in the words of its module.
    fn words(error: &Error) -> String {
        match error {
            Error::Io { source, .. } => strerror(source),
            other => other.to_string(),
        }
    }

    /// The other end, and this one.
    fn addresses(&self) -> Result<(Endpoint, Endpoint), Error> {
        Err(not_supported())
    }

    fn tls_info(&self) -> Option<Info> {
        None
    }

    fn half(&self, _half: Half) -> Result<(), Error> {
        Err(not_supported())
    }

    fn abort(&self) {
        // What has no goodbye to say is closed.
        let _ = self.close();
    }

    fn set_nodelay(&self, _on: bool) -> Result<(), Error> {
        Err(not_supported())
    }
}

fn not_supported() -> Error {
    Error::Misuse("Operation not supported".into())
}

/// What can be done to one direction of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// From now on each direction has a waiter of its own.
    Split,
    /// No more is written; reading goes on.
    CloseWrite,
    InterruptRead,
    InterruptWrite,
}

/// A stream in Lua's hands.
pub(crate) struct Handle<D: Duplex> {
    pub(crate) stream: Rc<D>,
    /// The bytes of the lines that were lent to Lua last.
    pub(crate) lent: Cell<usize>,
    /// Which use of the stream this is.
    pub(crate) turn: Cell<u64>,
    /// How long a read or a write may wait.
    pub(crate) limit: Cell<Option<Duration>>,
    _open: Open,
}

impl<D: Duplex> Handle<D> {
    pub(crate) fn new(scheduler: &Scheduler, stream: D) -> Self {
        Self {
            stream: Rc::new(stream),
            lent: Cell::new(0),
            turn: Cell::new(0),
            limit: Cell::new(None),
            _open: Open::new(scheduler),
        }
    }

    /// One more use begins, which others can be told from.
    pub(crate) fn use_now(&self) -> u64 {
        self.turn.set(self.turn.get() + 1);
        self.turn.get()
    }
}

impl<D: Duplex> mlua::UserData for Handle<D> {}
