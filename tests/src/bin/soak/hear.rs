//! Reading one direction of a connection, in one of many ways.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lem_rs::transport::Transport;
use lem_rs::{Error, JoinHandle, Read, ReadHalf, ReadMode, Stream, sleep, spawn, timeout};

use crate::content::{Checker, Wrong};
use crate::life::{Hearing, Part};

/// What can be read: a stream, or its half.
pub(crate) trait Ear: 'static {
    type Carrier: Transport;
    fn read(&self, mode: ReadMode) -> Read<'_, Self::Carrier>;
    fn interrupt(&self) -> Result<(), Error>;
}

/// What came of reading.
#[derive(Debug)]
pub(crate) struct Heard {
    /// So many bytes, all of them right.
    pub(crate) bytes: usize,
    /// All of it, with its checksum.
    pub(crate) is_whole: bool,
    /// What was read last.
    pub(crate) end: Error,
    /// What was not what was sent.
    pub(crate) wrong: Option<Wrong>,
}

/// So often readers are interrupted, and so short are timeouts that are too short.
const BEAT: Duration = Duration::from_millis(50);

/// Reads a part to its end; every wait has `patience`.
pub(crate) async fn hear<E: Ear>(ear: &Rc<E>, part: &Part, patience: Duration) -> Heard {
    let mut checker = Checker::new(part.content);
    let interrupter = matches!(part.hearing, Hearing::Interrupted(_)).then(|| Interrupter::start(ear));
    let mut read = async || {
        loop {
            match timeout(patience, next(ear, part.hearing)).await {
                Ok(Ok(bytes)) => checker.feed(&bytes).map_err(|wrong| (Error::Closed, Some(wrong)))?,
                // The end is clean; what is left before it is read below.
                Ok(Err(Error::Incomplete { .. })) => return Err((Error::Closed, None)),
                Ok(Err(end)) => return Err((end, None)),
                Err(late) => return Err((late.into(), None)),
            }
        }
    };
    let (Ok(end) | Err(end)): Result<(Error, Option<Wrong>), _> = read().await;
    drop(interrupter);
    let (end, mut wrong) = end;
    // What was too little for a line, or for so many bytes, is there still.
    if wrong.is_none() && end.timed_out().is_none() {
        while let Ok(bytes) = ear.read(ReadMode::Available).await {
            if let Err(found) = checker.feed(&bytes) {
                wrong = Some(found);
                break;
            }
        }
    }
    Heard { bytes: checker.received(), is_whole: checker.is_whole(), end, wrong }
}

async fn next<E: Ear>(ear: &Rc<E>, hearing: Hearing) -> Result<Vec<u8>, Error> {
    match hearing {
        Hearing::Available => ear.read(ReadMode::Available).await,
        Hearing::Exact(count) => ear.read(ReadMode::Exact(count)).await,
        Hearing::Lines => ear.read(ReadMode::Line).await,
        Hearing::All => ear.read(ReadMode::All).await,
        Hearing::Interrupted(count) => loop {
            match ear.read(ReadMode::Exact(count)).await {
                Err(Error::Interrupted) => {}
                read => return read,
            }
        },
        Hearing::Hurried(count) => loop {
            if let Ok(read) = timeout(BEAT, ear.read(ReadMode::Exact(count))).await {
                return read;
            }
        },
        Hearing::Dropped(count) => match at_once(ear.read(ReadMode::Exact(count))).await {
            Some(read) => read,
            None => ear.read(ReadMode::Exact(count)).await,
        },
    }
}

/// What `future` gives without waiting, if it does not wait; then it is dropped.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// A task that interrupts the one that reads, until this is dropped.
struct Interrupter(JoinHandle<()>);

impl Interrupter {
    fn start<E: Ear>(ear: &Rc<E>) -> Self {
        let ear = Rc::downgrade(ear);
        Self(spawn(async move {
            while let Some(ear) = ear.upgrade() {
                // Nobody waits, perhaps.
                let _ = ear.interrupt();
                drop(ear);
                sleep(BEAT).await;
            }
        }))
    }
}

impl Drop for Interrupter {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl<T: Transport> Ear for Stream<T> {
    type Carrier = T;

    fn read(&self, mode: ReadMode) -> Read<'_, T> {
        self.read(mode)
    }

    fn interrupt(&self) -> Result<(), Error> {
        self.interrupt()
    }
}

impl<T: Transport> Ear for ReadHalf<T> {
    type Carrier = T;

    fn read(&self, mode: ReadMode) -> Read<'_, T> {
        self.read(mode)
    }

    fn interrupt(&self) -> Result<(), Error> {
        self.interrupt()
    }
}
