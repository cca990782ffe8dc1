//! Bytes between two streams, in both directions at once, until both have ended.
//!
//! What is read is written before more is read, so a slow receiver slows down its sender. An end is passed on as an end, in
//! its own direction, and the other direction goes on. A cut is passed on as a cut: the receiver must not take for
//! whole what is not.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::lem_rs::{ReadHalf, Stream, WriteHalf};
use lem_ssl_rs::{Error, Plain, ReadMode, Tls, sleep, timeout};

use super::stop::Stop;
use super::tally::Outcome;
use super::traffic::Traffic;
use crate::words::{self, Side};

/// A transport whose stream can be cut, so that the peer knows that it was.
pub(super) trait Sever: Transport + Sized {
    fn sever(stream: Stream<Self>);

    /// The same for a client that may not come in: it is told so, where there are words for that.
    fn deny(stream: Stream<Self>) {
        Self::sever(stream);
    }
}

impl Sever for Plain {
    /// Only a reset tells it apart from an end.
    fn sever(stream: Stream<Self>) {
        // It fails on a connection that is gone.
        let _ = stream.with_transport(|plain| plain.source().reset_when_closed());
        stream.abort();
    }
}

impl Sever for Tls {
    /// FIN without close_notify; what is under way still arrives.
    fn sever(stream: Stream<Self>) {
        stream.abort();
    }

    /// An alert.
    fn deny(stream: Stream<Self>) {
        // One that is closed already is told nothing.
        if let Ok((tls, _)) = stream.into_parts() {
            tls.deny();
        }
    }
}

/// How a relay went.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) outcome: Outcome,
    /// Why, where there is more to say.
    pub(super) reason: Option<String>,
    /// Bytes from the client to the back end.
    pub(super) up: u64,
    /// Bytes from the back end to the client.
    pub(super) down: u64,
}

impl Carried {
    /// It came to nothing.
    pub(super) fn nothing(outcome: Outcome, reason: Option<String>) -> Self {
        Self { outcome, reason, up: 0, down: 0 }
    }
}

/// Why one direction is over.
enum Over {
    /// The sender has ended it, and the receiver was told.
    Ended,
    /// The sender was cut off.
    Cut(Error),
    /// The receiver takes nothing any more.
    Refused(Error),
}

/// A direction without traffic gives back its memory after so long: short enough that memory follows the busy connections,
/// long enough that a busy one does not notice.
const MEMORY_TIME: Duration = Duration::from_secs(1);

/// In how many steps the idle time is measured: it may last that much longer, a quarter.
const IDLE_STEPS: u32 = 4;

pub(super) async fn relay<C: Sever, S: Sever>(
    client: Stream<C>,
    server: Stream<S>,
    idle: Duration,
    stop: &Stop,
    traffic: &Traffic,
) -> Carried {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (up, down) = (Cell::new(0), Cell::new(0));
    let (outcome, error) = {
        let upward = pin!(pump(&from_client, &to_server, |count| {
            up.set(up.get() + count);
            traffic.carried_up(count);
        }));
        let downward = pin!(pump(&from_server, &to_client, |count| {
            down.set(down.get() + count);
            traffic.carried_down(count);
        }));
        let progress = || {
            let received = from_client.bytes_read() + from_server.bytes_read();
            received + to_client.bytes_written() + to_server.bytes_written()
        };
        let quiet = pin!(quiet_for(idle, progress));
        let stopped = pin!(stop.wait());
        let mut race = Race { upward: Way::new(upward), downward: Way::new(downward), quiet, stopped };
        poll_fn(|cx| race.poll(cx)).await
    };
    if !matches!(outcome, Outcome::Finished | Outcome::ClientLeft | Outcome::BackEndLeft) {
        sever(from_client, to_client);
        sever(from_server, to_server);
    }
    let reason = error.map(|error| words::explain(&error, Side::BackEnd));
    Carried { outcome, reason, up: up.get(), down: down.get() }
}

fn sever<T: Sever>(reader: ReadHalf<T>, writer: WriteHalf<T>) {
    // They are halves of one stream.
    if let Ok(stream) = reader.join(writer) {
        T::sever(stream);
    }
}

/// Moves bytes in one direction until it is over.
async fn pump<A: Transport, B: Transport>(from: &ReadHalf<A>, to: &WriteHalf<B>, moved: impl Fn(u64)) -> Over {
    let mut data = Vec::new();
    loop {
        let read = match timeout(MEMORY_TIME, from.read_into(ReadMode::Available, &mut data)).await {
            Ok(read) => read,
            Err(_) => {
                data = Vec::new();
                from.read_into(ReadMode::Available, &mut data).await
            }
        };
        match read {
            Ok(_) => {}
            Err(Error::Closed) => break,
            Err(error) => return Over::Cut(error),
        }
        if let Err(error) = to.write(&data).await {
            return Over::Refused(error);
        }
        moved(data.len() as u64);
    }
    drop(data);
    match to.shutdown().await {
        Ok(()) => Over::Ended,
        Err(error) => Over::Refused(error),
    }
}

/// Waits until nothing has moved for so long.
async fn quiet_for(idle: Duration, progress: impl Fn() -> u64) {
    let mut before = progress();
    let mut quiet = 0;
    while quiet < IDLE_STEPS {
        sleep(idle / IDLE_STEPS).await;
        let now = progress();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
}

/// One direction, and how it ended.
struct Way<'a, F> {
    pump: Pin<&'a mut F>,
    over: Option<Over>,
}

impl<'a, F: Future<Output = Over>> Way<'a, F> {
    fn new(pump: Pin<&'a mut F>) -> Self {
        Self { pump, over: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if self.over.is_none()
            && let Poll::Ready(over) = self.pump.as_mut().poll(cx)
        {
            self.over = Some(over);
        }
    }
}

/// Both directions, and what may end them from outside.
struct Race<'a, U, D, Q, T> {
    upward: Way<'a, U>,
    downward: Way<'a, D>,
    quiet: Pin<&'a mut Q>,
    stopped: Pin<&'a mut T>,
}

impl<U, D, Q, T> Race<'_, U, D, Q, T>
where
    U: Future<Output = Over>,
    D: Future<Output = Over>,
    Q: Future<Output = ()>,
    T: Future<Output = ()>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Outcome, Option<Error>)> {
        self.upward.poll(cx);
        self.downward.poll(cx);
        if let Some(verdict) = self.verdict() {
            return Poll::Ready(verdict);
        }
        if self.quiet.as_mut().poll(cx).is_ready() {
            return Poll::Ready((Outcome::Idle, None));
        }
        self.stopped.as_mut().poll(cx).map(|()| (Outcome::Drained, None))
    }

    /// How the relay ends, if it does.
    fn verdict(&mut self) -> Option<(Outcome, Option<Error>)> {
        match (&self.upward.over, &self.downward.over) {
            (Some(Over::Cut(error)), _) => Some((Outcome::ClientCut, Some(error.clone()))),
            (_, Some(Over::Cut(error))) => Some((Outcome::BackEndCut, Some(error.clone()))),
            (Some(Over::Ended), Some(Over::Ended)) => Some((Outcome::Finished, None)),
            // It has said all that it had to say, and did not want to hear the rest.
            (Some(Over::Refused(_)), Some(Over::Ended)) => Some((Outcome::BackEndLeft, None)),
            (Some(Over::Ended), Some(Over::Refused(_))) => Some((Outcome::ClientLeft, None)),
            (Some(Over::Refused(error)), Some(Over::Refused(_))) => Some((Outcome::BackEndCut, Some(error.clone()))),
            // The other direction tells the rest: what is still to be said, or why there is nothing more.
            (None, _) | (_, None) => None,
        }
    }
}
