//! What there is to measure: scenarios, their sizes, and who takes part in each.

mod cases;

use std::fmt;
use std::str::FromStr;

use crate::name::Name;
use crate::order::Order;

pub(crate) use cases::cases;

/// What can be asked for on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    Receive,
    Send,
    Duplex,
    Lines,
    Pingpong,
    H1,
    H2,
    Handshake,
    Resume,
    Idle,
    Scale,
    Neighbour,
    Timers,
    Spawn,
    Threads,
    Startup,
    Size,
}

impl Scenario {
    pub(crate) const ALL: &[Self] = &[
        Self::Receive,
        Self::Send,
        Self::Duplex,
        Self::Lines,
        Self::Pingpong,
        Self::H1,
        Self::H2,
        Self::Handshake,
        Self::Resume,
        Self::Idle,
        Self::Scale,
        Self::Neighbour,
        Self::Timers,
        Self::Spawn,
        Self::Threads,
        Self::Startup,
        Self::Size,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Send => "send",
            Self::Duplex => "duplex",
            Self::Lines => "lines",
            Self::Pingpong => "pingpong",
            Self::H1 => "h1",
            Self::H2 => "h2",
            Self::Handshake => "handshake",
            Self::Resume => "resume",
            Self::Idle => "idle",
            Self::Scale => "scale",
            Self::Neighbour => "neighbour",
            Self::Timers => "timers",
            Self::Spawn => "spawn",
            Self::Threads => "threads",
            Self::Startup => "startup",
            Self::Size => "size",
        }
    }

    /// What it does, in a few words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Receive => "bulk receiving; the peer makes writes of 1 KiB, 16 KiB, 256 KiB",
            Self::Send => "bulk sending, in writes of 1 KiB, 16 KiB, 256 KiB",
            Self::Duplex => "bulk both ways at once, over one split connection",
            Self::Lines => "reading lines of 20 to 60 bytes",
            Self::Pingpong => "echoing 64 bytes, on 1 and on 100 connections",
            Self::H1 => "hyper's answers of 13 bytes and of 256 KiB, by HTTP/1, on 16 connections",
            Self::H2 => "the same by HTTP/2, on 4 connections with 16 requests at once on each",
            Self::Handshake => "full handshakes, as server and as client",
            Self::Resume => "resumed handshakes, as server and as client",
            Self::Idle => "resident memory of an idle connection, after 112 KiB each way",
            Self::Scale => "echoing 1 KiB on 100 connections of 100, 1,000 and 8,000",
            Self::Neighbour => "how long an honest echo waits beside a hostile peer of each kind",
            Self::Timers => "arming and cancelling a million timers",
            Self::Spawn => "starting tasks, waking them, seeing them end",
            Self::Threads => "full handshakes with serve_threads on one thread and on two",
            Self::Startup => "a process that makes one connection and ends",
            Self::Size => "crates, clean build time and static binary of a fetch program (slow; not with --quick)",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|scenario| scenario.text() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|scenario| scenario.text()).collect();
            format!("there is no scenario {text:?}; there are {}", known.join(", "))
        })
    }
}

/// One thing that is measured for each contender.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    /// What comes out, in this order.
    pub(crate) outputs: Vec<Output>,
    pub(crate) method: Method,
    pub(crate) contenders: Vec<Name>,
}

impl Case {
    /// How often it is worth to be measured.
    pub(crate) fn most_rounds(&self, quick: bool) -> usize {
        match self.method {
            // A build's size is the same each time, and its time nearly.
            Method::Build => 1,
            Method::Server { then: Gauge::Memory, .. } if !quick => 3,
            Method::Server { then: Gauge::RateAndLatency, .. } if !quick => 3,
            _ => usize::MAX,
        }
    }
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    pub(crate) size: String,
    pub(crate) unit: &'static str,
    pub(crate) higher_is_better: bool,
}

/// How it is measured.
#[derive(Debug, Clone)]
pub(crate) enum Method {
    /// The side under test measures itself: operations per CPU second.
    Itself {
        side: Order,
        load: Option<Order>,
        limit: Limit,
        /// Operations of the unit in one that the side counts: for example bytes in a megabyte.
        scale: f64,
    },
    /// The side under test is a server, and is asked before and after the load.
    Server { side: Order, load: Order, limit: Limit, then: Gauge },
    /// A process of its own for each connection.
    Process { side: Order, load: Order, times: u64 },
    /// As [`Server`](Self::Server), on any core, in wall time too.
    Threads { side: Order, load: Order },
    /// Builds a program.
    Build,
}

/// What is asked about a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gauge {
    /// Operations per CPU second.
    Rate,
    /// The same, and the median and the 99th percentile of the time that one takes.
    RateAndLatency,
    /// The median, the 99th percentile and the maximum of the time that one takes.
    Latency,
    /// Resident bytes for each connection.
    Memory,
}

/// How the limit differs from the contenders.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    /// What its side does in place of the contenders'.
    pub(crate) side: Option<Order>,
    /// Operations of the contenders in one that it counts.
    pub(crate) scale: f64,
    /// What is measured apart, and added to each operation.
    pub(crate) part: Option<Order>,
}

impl Default for Limit {
    fn default() -> Self {
        Self { side: None, scale: 1.0, part: None }
    }
}

impl Output {
    fn rate(size: impl Into<String>, unit: &'static str) -> Self {
        Self { size: size.into(), unit, higher_is_better: true }
    }

    fn cost(size: impl Into<String>, unit: &'static str) -> Self {
        Self { size: size.into(), unit, higher_is_better: false }
    }
}
