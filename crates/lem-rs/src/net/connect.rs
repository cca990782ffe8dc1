//! Connecting by name: "Happy Eyeballs" (RFC 8305), so that one broken path does not cost the other its time.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::address::Address;
use super::resolve::resolve_on;
use super::to_address::ToAddress;
use crate::endpoint::Endpoint;
use crate::error::{Attempt, ConnectError, Error, Phase};
use crate::proto::InputBuffer;
use crate::runtime::{Core, Direction, Source, current, no_machine, refused};
use crate::stream::{Plain, Stream, StreamOptions};
use crate::time::{Deadline, Sleep, sleep};

/// How long an attempt is ahead of the next one: "Connection Attempt Delay" (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// How long to wait before a connect is tried again that found the listener's queue full, at first and at most: the
/// kernel does not announce the end of that.
const MIN_RETRY: Duration = Duration::from_millis(1);
const MAX_RETRY: Duration = Duration::from_millis(50);

/// How long resolving and connecting may take in all.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

impl Stream<Plain> {
    /// Connects to `address`, over TCP or to a Unix-domain socket. A name's addresses are tried by RFC 8305.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("localhost:0").await?;
    /// # let port = listener.local_ip().map_or(0, |address| address.port());
    /// let stream = TcpStream::connect(("localhost", port)).await?;
    /// stream.write("hello\n").await?;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Address`] if the text is no address; [`Error::Resolve`]; [`Error::Connect`] with every attempt;
    /// [`Error::Timeout`] after 30 s, in the phase of connecting with every attempt and every address that has not
    /// answered; [`Error::Task`] if no thread can look up a name; [`Error::Misuse`] outside of a machine.
    ///
    /// **Cancel safety:** dropping it ends every attempt. The error of a [`timeout`](crate::timeout) or
    /// [`within`](crate::within) around it therefore lists no attempts.
    pub async fn connect(address: impl ToAddress) -> Result<Self, Error> {
        let address = match address.to_address() {
            Ok(address) => address,
            Err(error) => return refused(error.into()).await,
        };
        let source = connect_source(&address, &Deadline::after(DEADLINE)).await?;
        Ok(Self::new(Plain::new(source), InputBuffer::default(), StreamOptions::default()))
    }
}

/// Connects to `address`, for a library that puts its own [`Transport`](crate::transport::Transport) on the connection.
/// The error of a deadline names the phase, resolving or connecting, in which it passed.
///
/// # Errors
/// As [`Stream::connect`].
///
/// **Cancel safety:** dropping it ends every attempt.
pub async fn connect_source(address: &Address, deadline: &Deadline) -> Result<Source, Error> {
    match establish(address, deadline).await {
        Err(error) => refused(error).await,
        connected => connected,
    }
}

async fn establish(address: &Address, deadline: &Deadline) -> Result<Source, Error> {
    let core = current().ok_or_else(no_machine)?;
    address.check_destination()?;
    let endpoints = match address {
        Address::Name { host, port } => {
            let found = deadline.limit(Phase::Resolve, address, resolve_on(&core, host, *port)).await?;
            interleave(found).into_iter().map(Endpoint::Ip).collect()
        }
        Address::Ip(ip) => VecDeque::from([Endpoint::Ip(*ip)]),
        // It was refused above.
        Address::Any { .. } => VecDeque::new(),
        Address::Unix(path) => VecDeque::from([Endpoint::Unix(Some(path.clone()))]),
    };
    let mut race = Race { core, waiting: endpoints, running: Vec::with_capacity(1), failed: Vec::new(), next: None };
    let connect = poll_fn(|cx| race.poll(cx));
    let raced = deadline.limit(Phase::Connect, address, async { Ok(connect.await) }).await;
    match raced {
        Ok(Ok(source)) => Ok(source),
        Ok(Err(attempts)) => Err(Error::Connect(Box::new(ConnectError::new(address.to_string(), attempts)))),
        Err(Error::Timeout(timeout)) => {
            let (failed, unanswered) = race.into_story();
            Err(timeout.tried(failed, unanswered).into())
        }
        Err(error) => Err(error),
    }
}

/// Alternates between the address families, beginning with the first address's (RFC 8305 section 4).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::with_capacity(first.len() + second.len());
    while !first.is_empty() || !second.is_empty() {
        mixed.extend(first.pop_front());
        mixed.extend(second.pop_front());
    }
    mixed
}

/// Attempts to several addresses: the first that connects wins, the others are dropped.
struct Race {
    core: Rc<Core>,
    waiting: VecDeque<Endpoint>,
    running: Vec<Running>,
    failed: Vec<Attempt>,
    /// When the next attempt begins, if the running ones have not ended before.
    next: Option<Sleep>,
}

/// An attempt that is under way.
struct Running {
    endpoint: Endpoint,
    progress: Progress,
}

enum Progress {
    Connecting(Source),
    /// There was no room in the queue of the listener, on this machine (connect(2), EAGAIN): tried again after `pause`.
    NoRoom {
        pause: Duration,
        over: Sleep,
    },
}

impl Race {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Source, Vec<Attempt>>> {
        let mut failed = self.failed.len();
        loop {
            if let Some(winner) = self.check_running(cx) {
                return Poll::Ready(Ok(winner));
            }
            if self.running.is_empty() && self.waiting.is_empty() {
                return Poll::Ready(Err(std::mem::take(&mut self.failed)));
            }
            let due = match &mut self.next {
                // Nothing runs: the next one need not wait.
                _ if self.running.is_empty() => true,
                // One has failed: the next takes its place at once.
                Some(_) if self.failed.len() > failed => true,
                Some(next) => Pin::new(next).poll(cx).is_ready(),
                None => false,
            };
            if !due {
                for attempt in &self.running {
                    if let Progress::Connecting(source) = &attempt.progress {
                        source.park(Direction::Write, cx);
                    }
                }
                return Poll::Pending;
            }
            self.next = None;
            // An attempt that fails at once counts in the next round.
            failed = self.failed.len();
            if let Some(endpoint) = self.waiting.pop_front() {
                let begun = self.begin(endpoint, MIN_RETRY);
                self.running.extend(begun);
            }
            if !self.waiting.is_empty() {
                self.next = Some(sleep(STAGGER));
            }
        }
    }

    /// What has failed so far, and what has not answered: what runs, then what was not begun.
    fn into_story(self) -> (Vec<Attempt>, Vec<Endpoint>) {
        let running = self.running.into_iter().map(|attempt| attempt.endpoint);
        (self.failed, running.chain(self.waiting).collect())
    }

    /// Begins an attempt; if there is no room for it, it is tried again after `pause`. One that fails at once is noted.
    fn begin(&mut self, endpoint: Endpoint, pause: Duration) -> Option<Running> {
        let begun = self.core.world().connect(&endpoint);
        let progress = match begun.and_then(|socket| Source::connecting(&self.core, socket)) {
            Ok(source) => Progress::Connecting(source),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::NoRoom { pause, over: sleep(pause) },
            Err(error) => {
                self.failed.push(Attempt { endpoint, error: Arc::new(error) });
                return None;
            }
        };
        Some(Running { endpoint, progress })
    }

    /// The first attempt that has worked; those that have failed are noted.
    fn check_running(&mut self, cx: &mut Context<'_>) -> Option<Source> {
        // Each is taken from the front, and put behind the others if it goes on.
        for _ in 0..self.running.len() {
            let mut next = Some(self.running.remove(0));
            while let Some(Running { endpoint, progress }) = next.take() {
                match progress {
                    Progress::NoRoom { pause, mut over } => match Pin::new(&mut over).poll(cx) {
                        Poll::Pending => {
                            self.running.push(Running { endpoint, progress: Progress::NoRoom { pause, over } });
                        }
                        Poll::Ready(()) => next = self.begin(endpoint, (pause * 2).min(MAX_RETRY)),
                    },
                    Progress::Connecting(source) => match source.try_connected() {
                        Ok(()) => {
                            source.unpark(Direction::Write);
                            return Some(source);
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.running.push(Running { endpoint, progress: Progress::Connecting(source) });
                        }
                        Err(error) => self.failed.push(Attempt { endpoint, error: Arc::new(error) }),
                    },
                }
            }
        }
        None
    }
}
