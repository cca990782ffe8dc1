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

    /// May a write begin?
    fn check_write(&self) -> Result<(), Error>;

    /// Whether a read and a write keep each other out.
    fn shares_slot(&self) -> bool {
        false
    }

    async fn write(&self, data: &[u8]) -> Result<(), Error>;

    /// Waits for a write that its caller has given up, and that goes on all the same: how many bytes it comes to is not
    /// known before.
    async fn settle(&self) -> Result<(), Error> {
        Ok(())
    }

    /// How many bytes all writes together have handed over.
    fn written(&self) -> u64;

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
    /// The other end was lost before it has said that it ends.
    pub(crate) was_cut: Rc<Cell<bool>>,
    pub(crate) sending: Rc<Sending>,
    _open: Open,
}

impl<D: Duplex> Handle<D> {
    pub(crate) fn new(scheduler: &Scheduler, stream: D) -> Self {
        Self {
            stream: Rc::new(stream),
            lent: Cell::new(0),
            turn: Cell::new(0),
            limit: Cell::new(None),
            was_cut: Rc::default(),
            sending: Rc::default(),
            _open: Open::new(scheduler),
        }
    }

    /// May a read begin? A file that is being sent holds the stream between its blocks, too.
    pub(crate) fn check_read(&self) -> Result<(), Error> {
        self.sending.check_read(&*self.stream)?;
        self.stream.check_read()
    }

    /// May a write begin, or what changes the position?
    pub(crate) fn check_write(&self) -> Result<(), Error> {
        if self.sending.is_under_way() { Err(Error::Busy) } else { self.stream.check_write() }
    }

    /// One more use begins, which others can be told from.
    pub(crate) fn use_now(&self) -> u64 {
        self.turn.set(self.turn.get() + 1);
        self.turn.get()
    }
}

impl<D: Duplex> mlua::UserData for Handle<D> {}

/// A file that is being sent: from its begin to its end nothing else is written to the stream, nor read from it where
/// both share a slot.
#[derive(Default)]
pub(crate) struct Sending {
    state: Cell<SendState>,
    /// How many bytes of the last one were sent.
    pub(crate) sent: Cell<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum SendState {
    #[default]
    None,
    UnderWay,
    Interrupted,
}

impl Sending {
    pub(crate) fn is_under_way(&self) -> bool {
        self.state.get() != SendState::None
    }

    /// May a read of this stream go on?
    pub(crate) fn check_read(&self, stream: &impl Duplex) -> Result<(), Error> {
        if self.is_under_way() && stream.shares_slot() { Err(Error::Busy) } else { Ok(()) }
    }

    /// Begins to send where a [write may begin](Handle::check_write); until the result is dropped.
    pub(crate) fn begin(self: &Rc<Self>) -> SendGuard {
        debug_assert!(!self.is_under_way(), "one file is sent at a time");
        self.state.set(SendState::UnderWay);
        self.sent.set(0);
        SendGuard(self.clone())
    }

    /// Ends it before its next block; "not busy" if there is none.
    pub(crate) fn interrupt(&self) -> Result<(), Error> {
        if self.state.get() != SendState::UnderWay {
            return Err(Error::NotBusy);
        }
        self.state.set(SendState::Interrupted);
        Ok(())
    }
}

/// Leaves the stream to other writes when it is dropped.
pub(crate) struct SendGuard(Rc<Sending>);

impl SendGuard {
    /// Adds to what was sent, and gives all of it.
    pub(crate) fn add(&self, count: u64) -> u64 {
        self.0.sent.set(self.0.sent.get() + count);
        self.0.sent.get()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.state.get() == SendState::Interrupted { Err(Error::Interrupted) } else { Ok(()) }
    }
}

impl Drop for SendGuard {
    fn drop(&mut self) {
        self.0.state.set(SendState::None);
    }
}
