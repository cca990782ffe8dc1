//! One party's part in a connection: the client's or the server's.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::transport::Transport;
use lem_rs::{Error, ReadHalf, Stream, Write, WriteHalf, sleep, spawn, timeout};

use crate::content::{Checksum, Wrong};
use crate::hear::{Heard, hear};
use crate::life::{BreakOff, End, Leave, Life, Order, Part};

/// Who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What came of a connection, for one party.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Bytes that were handed over.
    pub(crate) sent: usize,
    /// Bytes that were received, all of them right.
    pub(crate) checked: usize,
    pub(crate) result: Result<(), Trouble>,
}

/// Why a connection did not come to its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A byte is not what was sent.
    Wrong(Wrong),
    /// A clean end after so many bytes, which were not all.
    Short(usize),
    /// It broke.
    Broke(Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(Wrong { position }) => write!(f, "the byte at {position} is not what was sent"),
            Self::Short(count) => write!(f, "a clean end after {count} bytes, which were not all"),
            Self::Broke(error) => error.fmt(f),
        }
    }
}

/// How far a party has spoken.
#[derive(Debug)]
enum Spoken {
    Everything,
    /// It was to break off, and has.
    BrokenOff,
    Failed(Error),
}

/// What can be written: a stream, or its half.
trait Voice {
    type Carrier: Transport;
    fn write<'a>(&'a self, data: &'a [u8]) -> Write<'a, Self::Carrier>;
}

impl Side {
    fn says(self, life: &Life) -> &Part {
        match self {
            Self::Client => &life.request,
            Self::Server => &life.reply,
        }
    }

    fn hears(self, life: &Life) -> &Part {
        match self {
            Self::Client => &life.reply,
            Self::Server => &life.request,
        }
    }

    /// After how many bytes it breaks off, if it does.
    fn breaks_off(self, life: &Life) -> Option<(usize, BreakOff)> {
        match (self, life.end) {
            (Self::Client, End::ClientLeaves(at, how)) | (Self::Server, End::ServerLeaves(at, how)) => Some((at, how)),
            _ => None,
        }
    }
}

/// Plays one party's part.
pub(crate) async fn play<T: Transport>(stream: Stream<T>, life: &Rc<Life>, side: Side, patience: Duration) -> Outcome {
    match life.order {
        Order::Turns => in_turns(stream, life, side, patience).await,
        Order::Together => together(stream, life, side, patience).await,
    }
}

async fn in_turns<T: Transport>(stream: Stream<T>, life: &Life, side: Side, patience: Duration) -> Outcome {
    let mut sent = 0;
    let stream = Rc::new(stream);
    let (spoken, heard) = match side {
        Side::Client => match speak(&*stream, life, side, patience, &mut sent).await {
            Spoken::Everything => {
                // It may have been broken off, which reading tells.
                let _ = stream.close_write();
                (Spoken::Everything, Some(hear(&stream, side.hears(life), patience).await))
            }
            spoken => (spoken, None),
        },
        Side::Server => {
            let heard = hear(&stream, side.hears(life), patience).await;
            match is_whole(&heard) {
                true => (speak(&*stream, life, side, patience, &mut sent).await, Some(heard)),
                false => (Spoken::Everything, Some(heard)),
            }
        }
    };
    let stream = Rc::into_inner(stream).expect("the task that interrupts is gone");
    conclude(stream, life, side, sent, spoken, heard).await
}

async fn together<T: Transport>(stream: Stream<T>, life: &Rc<Life>, side: Side, patience: Duration) -> Outcome {
    let (read, write) = stream.split();
    let read = Rc::new(read);
    let speaking = spawn(speak_apart(read.clone(), write, life.clone(), side, patience));
    let heard = hear(&read, side.hears(life), patience).await;
    if !is_whole(&heard) {
        // A task that still writes has no reader.
        read.abort();
    }
    let Ok((write, spoken, sent)) = speaking.await else { unreachable!("speaking neither panics nor is cancelled") };
    let read = Rc::into_inner(read).expect("the tasks that write or interrupt are gone");
    let stream = read.join(write).expect("they are halves of one stream");
    conclude(stream, life, side, sent, spoken, Some(heard)).await
}

/// Speaks while somebody else hears.
async fn speak_apart<T: Transport>(
    read: Rc<ReadHalf<T>>,
    write: WriteHalf<T>,
    life: Rc<Life>,
    side: Side,
    patience: Duration,
) -> (WriteHalf<T>, Spoken, usize) {
    let mut sent = 0;
    let mut spoken = speak(&write, &life, side, patience, &mut sent).await;
    match (&spoken, side.breaks_off(&life)) {
        (Spoken::BrokenOff, Some((_, BreakOff::Abort))) => read.abort(),
        (Spoken::Failed(_), _) => {}
        _ => {
            if let Err(error) = write.shutdown().await {
                spoken = Spoken::Failed(error);
            }
        }
    }
    (write, spoken, sent)
}

/// Says a party's part, and its checksum; or as much of it as it is to say.
async fn speak<V: Voice>(voice: &V, life: &Life, side: Side, patience: Duration, sent: &mut usize) -> Spoken {
    let part = side.says(life);
    let most = side.breaks_off(life).map(|(at, _)| at);
    let length = most.unwrap_or(part.content.length);
    let (idle_at, idle) = part.idle;
    let mut checksum = Checksum::new();
    let mut buffer = Vec::new();
    let mut position = 0;
    while position < length {
        if position == idle_at {
            sleep(idle).await;
        }
        let until = if position < idle_at { idle_at.min(length) } else { length };
        buffer.resize(part.piece.min(until - position), 0);
        part.content.fill(position, &mut buffer);
        checksum.add(&buffer);
        if let Err(error) = write(voice, &buffer, patience).await {
            return Spoken::Failed(error);
        }
        position += buffer.len();
        *sent += buffer.len();
    }
    if most.is_some() {
        return Spoken::BrokenOff;
    }
    match write(voice, &checksum.trailer(), patience).await {
        Ok(()) => {
            *sent += checksum.trailer().len();
            Spoken::Everything
        }
        Err(error) => Spoken::Failed(error),
    }
}

async fn write<V: Voice>(voice: &V, data: &[u8], patience: Duration) -> Result<(), Error> {
    timeout(patience, voice.write(data)).await?
}

fn is_whole(heard: &Heard) -> bool {
    heard.is_whole && matches!(heard.end, Error::Closed)
}

/// Leaves the connection, in the way that goes with what happened.
async fn conclude<T: Transport>(
    stream: Stream<T>,
    life: &Life,
    side: Side,
    sent: usize,
    spoken: Spoken,
    heard: Option<Heard>,
) -> Outcome {
    let checked = heard.as_ref().map_or(0, |heard| heard.bytes);
    let result = match (spoken, heard) {
        (_, Some(Heard { wrong: Some(wrong), .. })) => Err(Trouble::Wrong(wrong)),
        (Spoken::BrokenOff, _) => Ok(()),
        (_, Some(heard)) if !is_whole(&heard) => Err(match heard.end {
            Error::Closed => Trouble::Short(heard.bytes),
            error => Trouble::Broke(error),
        }),
        (Spoken::Failed(error), _) => Err(Trouble::Broke(error)),
        (Spoken::Everything, _) => Ok(()),
    };
    let result = match (result, side.breaks_off(life).map(|(_, how)| how)) {
        (Ok(()), None) => leave(stream, life.leave).await,
        (Ok(()), Some(BreakOff::Drop)) => {
            drop(stream);
            Ok(())
        }
        (result, _) => {
            // Half a conversation must not look like a whole one.
            stream.abort();
            result
        }
    };
    Outcome { sent, checked, result }
}

async fn leave<T: Transport>(stream: Stream<T>, how: Leave) -> Result<(), Trouble> {
    match how {
        Leave::Shutdown => stream.shutdown().await.map_err(Trouble::Broke),
        Leave::Close => stream.close().map_err(Trouble::Broke),
        Leave::Drop => {
            drop(stream);
            Ok(())
        }
    }
}

impl<T: Transport> Voice for Stream<T> {
    type Carrier = T;

    fn write<'a>(&'a self, data: &'a [u8]) -> Write<'a, T> {
        self.write(data)
    }
}

impl<T: Transport> Voice for WriteHalf<T> {
    type Carrier = T;

    fn write<'a>(&'a self, data: &'a [u8]) -> Write<'a, T> {
        self.write(data)
    }
}
