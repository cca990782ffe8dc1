//! What both ends of a connection do, and the world that they do it in.

use std::fmt;
use std::time::Duration;

use lem_rs::sim::Link;
use lem_rs::{Direction, Limits, ReadMode};

use super::verb::Side;

/// Everything that a run consists of.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Decides the world; the rest of a program is drawn from it as well, and may be changed by hand.
    pub seed: u64,
    /// The world, and how the streams are made.
    pub setting: Setting,
    /// The tasks of the client and of the server, and what each does.
    pub tasks: [Vec<Vec<Op>>; 2],
}

/// The world, and how the streams are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What is between the streams and their sockets.
    pub carrier: Carrier,
    /// What the world may do.
    pub climate: Climate,
    /// The way between the ends.
    pub link: Link,
    /// Whether the addresses are of IPv6.
    pub v6: bool,
    /// What a stream may be made to store.
    pub limits: Limits,
    /// What closing has.
    pub close_deadline: Duration,
    /// How long lines are, about.
    pub line: u64,
    /// Whether both ends know each other from an earlier connection; only where they are encrypted.
    pub resumes: bool,
}

/// What is between the streams and their sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing.
    Plain,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
    /// TLS 1.3 with the records of rustls.
    Tls13OnRustls,
    /// TLS 1.3, and at this end not our library but a script on top of rustls, which asks for new keys.
    Scripted(Side),
}

impl Carrier {
    /// Whether a stream knows a proper end from a cut.
    pub fn is_encrypted(self) -> bool {
        self != Self::Plain
    }
}

/// What the world may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Climate {
    /// Nothing.
    Calm,
    /// What costs time.
    Rough,
    /// What breaks connections, too.
    Hostile,
    /// What breaks connections and changes what is under way, too. Only for encrypted streams.
    Tampered,
}

/// One step of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Reads.
    Read(ReadMode, How, Guard),
    /// Reads up to this delimiter.
    Until(&'static [u8], Guard),
    /// Looks at so many bytes or more, without taking them.
    Peek(usize, Guard),
    /// On a split stream, copies what comes to where it came from.
    Copy(Guard),
    /// Takes lines: so many, trimmed or not, with a pause behind each.
    Lines(u8, How, Duration, Guard),
    /// Writes so many bytes.
    Write(usize, Guard),
    /// Interrupts the task that waits; on a split stream, in this direction.
    Interrupt(Direction),
    /// Closes.
    Close,
    /// Closes the sending side.
    CloseWrite,
    /// Closes, and waits until it is over.
    Shutdown(Guard),
    /// On a split stream, closes the sending side and waits until it is flushed.
    EndWriting(Guard),
    /// Closes at once.
    Abort,
    /// Closes at once, by a handle.
    HandleAbort,
    /// Splits a whole stream.
    Split,
    /// Makes a split stream whole again.
    Join,
    /// Drops the writing half.
    DropWriter,
    /// Waits.
    Sleep(Duration),
    /// Lets every other task run.
    Yield,
    /// Spends the budget of the task's turn: what comes next gives way before it does anything.
    Spend,
    /// Waits for a thread that does some work.
    Unblock,
    /// The world carries nothing for so long.
    Stall(Duration),
    /// The world cuts this end off for so long.
    Partition(Duration),
    /// The world resets the connection.
    Reset,
    /// The world ends the connection as nobody meant it.
    Cut,
    /// A script asks for new keys, and waits until that is answered.
    KeyUpdate,
}

/// Which of the variants of `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `read`.
    Owned,
    /// `read_into`.
    Into,
    /// `read_line_trimmed`.
    Trimmed,
}

/// What ends a verb before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    None,
    /// Its future is dropped after so many polls.
    Drop(u32),
    /// `timeout`.
    Timeout(Duration),
    /// Another task interrupts after so long.
    Interrupt(Duration),
}

impl Program {
    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.tasks.iter().flatten().map(Vec::len).sum()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting { carrier, climate, link, v6, limits, close_deadline, line, resumes } = &self.setting;
        let (ip, resumed) = (if *v6 { 6 } else { 4 }, if *resumes { ", resumed" } else { "" });
        writeln!(f, "seed {}: {carrier:?}{resumed}, {climate:?}, IPv{ip}", self.seed)?;
        writeln!(f, "  {link:?}")?;
        writeln!(f, "  lines of about {line} bytes, {limits:?}, close deadline {close_deadline:?}")?;
        for (side, tasks) in Side::BOTH.into_iter().zip(&self.tasks) {
            for (number, steps) in tasks.iter().enumerate() {
                writeln!(f, "  {side:?}, task {number}:")?;
                for step in steps {
                    writeln!(f, "    {step}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(mode, how, guard) => write!(f, "read {mode:?} ({how:?}){guard}"),
            Self::Until(delimiter, guard) => write!(f, "read until {:?}{guard}", String::from_utf8_lossy(delimiter)),
            Self::Copy(guard) => write!(f, "copy back{guard}"),
            Self::Peek(at_least, guard) => write!(f, "peek at {at_least}{guard}"),
            Self::Lines(count, how, pause, guard) => {
                write!(f, "take {count} line(s) ({how:?}), a pause of {pause:?} behind each{guard}")
            }
            Self::Write(size, guard) => write!(f, "write {size} bytes{guard}"),
            Self::Shutdown(guard) => write!(f, "shutdown{guard}"),
            Self::EndWriting(guard) => write!(f, "shutdown of the writing half{guard}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Drop(polls) => write!(f, ", dropped after {polls} poll(s)"),
            Self::Timeout(after) => write!(f, ", timeout {after:?}"),
            Self::Interrupt(after) => write!(f, ", interrupted after {after:?}"),
        }
    }
}
