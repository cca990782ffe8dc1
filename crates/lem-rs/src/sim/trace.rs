//! What happened in the simulated world, in virtual time.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::faults::Fault;
use crate::endpoint::Endpoint;
use crate::error::Brief;

/// Everything that happened in a simulated world, in order: two runs of one seed are equal. Its `Display` is a log with
/// a line for each event. Of a long run it keeps the last million events, and some more.
///
/// It holds times, addresses and sizes, never contents: those of a TLS connection differ between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    events: Vec<Event>,
    /// How many there were before these.
    dropped: usize,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    at: Duration,
    what: What,
}

/// Connections have numbers, in the order in which they were begun; the client's end is marked with `>`, the server's
/// with `<`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Listen { at: Endpoint },
    Unlisten { at: Endpoint },
    Connect { conn: u32, from: Endpoint, to: Endpoint },
    ConnectFailed { to: Endpoint, why: Why },
    Connected { conn: u32 },
    Undone { conn: u32, why: Why },
    Accept { conn: u32 },
    Read { end: EndId, count: usize, room: usize },
    Write { end: EndId, count: usize, size: usize },
    Failed { end: EndId, doing: &'static str, why: Why },
    Sent { end: EndId, count: usize, fin: bool },
    Arrived { end: EndId, count: usize, fin: bool },
    Reset { end: EndId },
    Finish { end: EndId },
    Close { end: EndId },
    Edge { end: EndId, readable: bool, writable: bool },
    Acceptable { at: Endpoint },
    Lookup { host: Box<str> },
    Found { host: Box<str>, count: Option<usize> },
    Bind { at: SocketAddr },
    Unbind { at: SocketAddr },
    Datagram { from: SocketAddr, to: SocketAddr, count: usize },
    DatagramArrived { from: SocketAddr, to: SocketAddr, count: usize },
    DatagramDropped { from: SocketAddr, to: SocketAddr, count: usize },
    Blocking,
    Fault { fault: Fault, conn: Option<u32> },
    Note(Box<str>),
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndId {
    pub(super) conn: u32,
    pub(super) side: Side,
}

/// Whose end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl EndId {
    pub(super) fn other(self) -> Self {
        Self { conn: self.conn, side: self.side.other() }
    }
}

impl fmt::Display for EndId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}{}", self.conn, if self.side == Side::Client { '>' } else { '<' })
    }
}

impl Trace {
    pub(super) fn add(&mut self, at: Duration, what: What) {
        // Half at a time: to drop each one singly would move all others.
        if self.events.len() >= 2 * MAX_EVENTS {
            self.events.drain(..MAX_EVENTS);
            self.dropped += MAX_EVENTS;
        }
        self.events.push(Event { at, what });
    }

    /// The events, in order; of a long run the last ones.
    pub fn events(&self) -> &[Event] {
        &self.events
    }
}

/// What a run that never ends may fill memory with: some hundred megabytes.
const MAX_EVENTS: usize = 1_000_000;

impl Event {
    /// When it happened, since the world began.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// The text, if it is a [note](super::Net::note): what tasks have told of themselves.
    pub fn note(&self) -> Option<&str> {
        match &self.what {
            What::Note(text) => Some(text),
            _ => None,
        }
    }

    /// The kind of fault, if it is one.
    pub fn fault(&self) -> Option<Fault> {
        match self.what {
            What::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "{:>12}    {} events before these are not kept", "...", self.dropped)?;
        }
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} s  {}", self.at.as_secs_f64(), self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fin = |fin: &bool| if *fin { " and FIN" } else { "" };
        match self {
            Self::Listen { at } => write!(f, "listen on {at}"),
            Self::Unlisten { at } => write!(f, "stop listening on {at}"),
            Self::Connect { conn, from, to } => write!(f, "#{conn} connects from {from} to {to}"),
            Self::ConnectFailed { to, why } => write!(f, "connect to {to}: {}", why),
            Self::Connected { conn } => write!(f, "#{conn} is connected"),
            Self::Undone { conn, why } => write!(f, "#{conn} cannot connect: {}", why),
            Self::Accept { conn } => write!(f, "#{conn} is accepted"),
            Self::Read { end, count: 0, .. } => write!(f, "{end} reads FIN"),
            Self::Read { end, count, room } => write!(f, "{end} reads {count} of {room}"),
            Self::Write { end, count, size } => write!(f, "{end} writes {count} of {size}"),
            Self::Failed { end, doing, why } => write!(f, "{end} {doing}: {}", why),
            Self::Sent { end, count, fin: ended } => write!(f, "{end} sends {count}{}", fin(ended)),
            Self::Arrived { end, count, fin: ended } => write!(f, "{end} receives {count}{}", fin(ended)),
            Self::Reset { end } => write!(f, "{end} receives RST"),
            Self::Finish { end } => write!(f, "{end} ends its side"),
            Self::Close { end } => write!(f, "{end} is closed"),
            Self::Edge { end, readable, writable } => {
                let what = match (readable, writable) {
                    (true, true) => "readable and writable",
                    (true, false) => "readable",
                    (false, true) => "writable",
                    (false, false) => "ready for nothing",
                };
                write!(f, "{end} is {what}")
            }
            Self::Acceptable { at } => write!(f, "{at} has a connection to accept"),
            Self::Lookup { host } => write!(f, "look up {host}"),
            Self::Found { host, count: Some(count) } => write!(f, "{host} has {count} address(es)"),
            Self::Found { host, count: None } => write!(f, "the lookup of {host} fails"),
            Self::Bind { at } => write!(f, "open a UDP socket at {at}"),
            Self::Unbind { at } => write!(f, "close the UDP socket at {at}"),
            Self::Datagram { from, to, count } => write!(f, "{from} sends {count} to {to}"),
            Self::DatagramArrived { from, to, count } => write!(f, "{to} receives {count} from {from}"),
            Self::DatagramDropped { from, to, count } => write!(f, "{to} has no room for {count} from {from}"),
            Self::Blocking => f.write_str("a blocking call ends"),
            Self::Fault { fault, conn: Some(conn) } => write!(f, "fault at #{conn}: {fault}"),
            Self::Fault { fault, conn: None } => write!(f, "fault: {fault}"),
            Self::Note(text) => write!(f, "note: {text}"),
        }
    }
}

/// Why a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Refused,
    TimedOut,
    Unreachable,
    NoDescriptor,
    Aborted,
    Reset,
    Pipe,
    NotConnected,
    InUse,
    NoPeer,
    NotPermitted,
    TooLarge,
    NoRoom,
}

impl From<Why> for io::Error {
    fn from(why: Why) -> Self {
        const EMFILE: i32 = 24;
        const EMSGSIZE: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 90 } else { 40 };
        match why {
            Why::Refused => io::ErrorKind::ConnectionRefused.into(),
            Why::TimedOut => io::ErrorKind::TimedOut.into(),
            Why::Unreachable => io::ErrorKind::NetworkUnreachable.into(),
            // There is no kind for it; the number is what listeners go by.
            Why::NoDescriptor => Self::from_raw_os_error(EMFILE),
            Why::Aborted => io::ErrorKind::ConnectionAborted.into(),
            Why::Reset => io::ErrorKind::ConnectionReset.into(),
            Why::Pipe => io::ErrorKind::BrokenPipe.into(),
            Why::NotConnected => io::ErrorKind::NotConnected.into(),
            Why::NoPeer => io::ErrorKind::NotConnected.into(),
            Why::NotPermitted => io::ErrorKind::PermissionDenied.into(),
            Why::TooLarge => Self::from_raw_os_error(EMSGSIZE),
            Why::InUse => io::ErrorKind::AddrInUse.into(),
            Why::NoRoom => io::ErrorKind::WouldBlock.into(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Brief(&(*self).into()).fmt(f)
    }
}
