//! From the listener to finished streams: handshakes beside each other, within limits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use lem_rs::{
    Deadline, Direction, Endpoint, Inbox, JoinHandle, Phase, Queue, Source, Timeout, longest_poll, now, spawn, timeout,
};

use super::early::{Early, UnderWay};
use super::options::{self, ServerEvent, ServerOptions};
use super::peers::{Admitted, Peers};
use crate::client::cannot_begin;
use crate::context::Context;
use crate::error::{Error, TlsError};
use crate::handshake::{Beginning, Handshake};
use crate::live::LiveContext;
use crate::meter::{Counters, Meter};
use crate::session::Session;
use crate::transport::Ender;

/// What a server and its tasks share.
pub(super) struct Admission {
    pub(super) live: LiveContext,
    pub(super) listener: lem_rs::Listener,
    /// What can be accepted.
    pub(super) ready: Inbox<Early>,
    pub(super) meter: Rc<Meter<Ender>>,
    told: RefCell<Option<options::Listener>>,
    told_refusal: Cell<Option<Instant>>,
    /// Streams that nobody had accepted when the server was closed.
    unclaimed: Cell<u64>,
    pub(super) options: ServerOptions,
    peers: Rc<Peers>,
    /// The tasks that shake hands.
    handshakes: RefCell<BTreeMap<u64, JoinHandle<()>>>,
    /// Clients that were shaking hands when the server was closed.
    unfinished: Cell<u64>,
    /// One token for each connection that may be shaking hands or waiting to be accepted.
    permits: Queue<()>,
}

/// The right to carry a connection that nobody has accepted yet.
pub(super) struct Permit(Queue<()>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.put(());
    }
}

/// A handshake's entry with its server; gone when it is dropped.
struct ListedHandshake {
    admission: Rc<Admission>,
    number: u64,
}

impl Drop for ListedHandshake {
    fn drop(&mut self) {
        let task = self.admission.handshakes.borrow_mut().remove(&self.number);
        drop(task);
    }
}

impl Admission {
    /// Begins to accept.
    pub(super) fn begin(live: LiveContext, listener: lem_rs::Listener, options: ServerOptions) -> Rc<Self> {
        let permits = Queue::new();
        for _ in 0..options.handshakes.max(1) {
            permits.put(());
        }
        let admission = Rc::new(Self {
            live,
            listener,
            ready: Inbox::new(),
            meter: Meter::new(),
            told: RefCell::default(),
            told_refusal: Cell::new(None),
            unclaimed: Cell::new(0),
            options,
            peers: Rc::default(),
            handshakes: RefCell::default(),
            unfinished: Cell::new(0),
            permits,
        });
        let weak = Rc::downgrade(&admission);
        admission.listener.on_pause(move |error| {
            if let Some(admission) = weak.upgrade() {
                admission.meter.count(|counters| counters.pauses += 1);
                admission.tell(&ServerEvent::Paused(error));
            }
        });
        // From now on it is measured how long tasks hold the loop.
        longest_poll();
        spawn(accept_all(admission.clone())).detach();
        admission
    }

    pub(super) fn counters(&self) -> Counters {
        Counters { loop_lag: longest_poll().unwrap_or_default(), ..self.meter.snapshot() }
    }

    /// How many streams nobody had accepted when the server was closed.
    pub(super) fn unclaimed(&self) -> u64 {
        self.unclaimed.get()
    }

    /// How many clients were shaking hands when the server was closed.
    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished.get()
    }

    pub(super) fn tell_to(&self, told: options::Listener) {
        let before = self.told.borrow_mut().replace(told);
        drop(before);
    }

    pub(super) fn tell(&self, event: &ServerEvent<'_>) {
        let told = self.told.borrow().clone();
        if let Some(told) = told {
            // A log that panics must not end the task that accepts.
            let _ = catch_unwind(AssertUnwindSafe(|| told(event)));
        }
    }

    /// Tells of a refusal, unless it told of one a moment ago: a flood must not fill the log.
    fn tell_refusal(&self, peer: &Endpoint) {
        const QUIET: Duration = Duration::from_secs(1);
        let now = now();
        if self.told_refusal.get().is_none_or(|last| now.saturating_duration_since(last) >= QUIET) {
            self.told_refusal.set(Some(now));
            self.tell(&ServerEvent::Refused { peer });
        }
    }

    /// Accepts no more. Clients that nobody serves are cut off: they must not take nothing for a complete answer.
    pub(super) fn close(&self) -> Result<(), Error> {
        let unclaimed = self.ready.close()?;
        self.unclaimed.set(unclaimed.len() as u64);
        unclaimed.into_iter().for_each(Early::abort);
        // The two are closed together, so this one is open, or has failed.
        let _ = self.listener.close();
        let handshakes = self.handshakes.take();
        self.unfinished.set(handshakes.len() as u64);
        for task in handshakes.into_values() {
            task.cancel();
            self.meter.count_failure(&Error::Interrupted);
        }
        self.permits.reset();
        Ok(())
    }

    /// Shakes hands with one client, in a task of its own that is known until it ends.
    fn shake_hands(self: &Rc<Self>, source: Source, peer: Endpoint, permit: Permit, admitted: Admitted) {
        let number = self.meter.snapshot().accepted;
        let listed = ListedHandshake { admission: self.clone(), number };
        let task = spawn(admit(listed, source, peer, permit, admitted));
        self.handshakes.borrow_mut().insert(number, task);
    }
}

/// Accepts connections until the listener is closed, and shakes hands with each in a task of its own.
async fn accept_all(admission: Rc<Admission>) {
    loop {
        if admission.permits.get().await.is_err() {
            return;
        }
        let permit = Permit(admission.permits.clone());
        match admission.listener.accept_source().await {
            Ok((source, peer)) => {
                admission.meter.count(|counters| counters.accepted += 1);
                match admission.peers.admit(&peer, admission.options.handshakes_per_peer) {
                    Some(admitted) => admission.shake_hands(source, peer, permit, admitted),
                    None => {
                        admission.meter.count(|counters| counters.refused += 1);
                        admission.tell_refusal(&peer);
                    }
                }
            }
            Err(error) => {
                if !admission.listener.is_closed() {
                    admission.tell(&ServerEvent::Failed(&error));
                    let _ = admission.close();
                }
                return;
            }
        }
    }
}

/// Shakes hands with one client, until it can be accepted. One that fails is told why by an alert, is counted, and never
/// reaches a handler.
async fn admit(listed: ListedHandshake, source: Source, peer: Endpoint, permit: Permit, admitted: Admitted) {
    let admission = listed.admission.clone();
    admission.meter.count(|counters| counters.handshakes_started += 1);
    let context = admission.live.current();
    let deadline = Deadline::after(context.inner().deadlines.handshake);
    let hello = match first_bytes(&source, &peer, deadline).await {
        Ok(hello) => hello,
        Err(error) => return fail(&admission, &peer, &error),
    };
    // On the heap: what says nothing has no need of it.
    Box::pin(async move {
        let handshake = match begin(&admission, context, source, &hello, &peer, deadline) {
            Ok(handshake) => handshake,
            Err(error) => return fail(&admission, &peer, &error),
        };
        let ready = admission.clone();
        let under_way = UnderWay { handshake, admission, peer, permit, admitted };
        if let Some(early) = under_way.advance().await {
            // A server that was closed meanwhile has cancelled this.
            let _ = ready.ready.put(early);
        }
    })
    .await;
}

/// Waits for the first that a client says. Until then it has no session: a flood of connections that say nothing costs
/// little more than their sockets.
async fn first_bytes(source: &Source, peer: &Endpoint, deadline: Deadline) -> Result<Vec<u8>, Error> {
    let mut permit = source.cpu_permit();
    let read = poll_fn(|cx| {
        // What comes of it is a flight of ours, with a signature and a key exchange.
        ready!(permit.poll(cx));
        let read = source.with_receive_arena(|arena| source.try_read(arena).map(|count| arena[..count].to_vec()));
        Poll::Ready(match read {
            Ok(bytes) if bytes.is_empty() => Err(TlsError::HandshakeCut { reset: false }.into()),
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                permit.give_back();
                source.park(Direction::Read, cx);
                return Poll::Pending;
            }
            Err(_) => Err(TlsError::HandshakeCut { reset: true }.into()),
        })
    });
    let read = match timeout(deadline.remaining(), read).await {
        Ok(read) => read,
        Err(late) => Err(Timeout::new(Phase::Handshake, late.waited()).target(peer.to_string()).into()),
    };
    source.unpark(Direction::Read);
    read
}

fn fail(admission: &Admission, peer: &Endpoint, error: &Error) {
    admission.meter.count_failure(error);
    admission.tell(&ServerEvent::HandshakeFailed { peer, error });
}

fn begin(
    admission: &Admission,
    context: Context,
    source: Source,
    received: &[u8],
    peer: &Endpoint,
    deadline: Deadline,
) -> Result<Handshake, Error> {
    let config = if admission.options.early_data { context.early_server()? } else { context.server()? };
    let session = Session::server(config).map_err(cannot_begin)?;
    let metered = Some(admission.meter.connection());
    let target = peer.to_string();
    Ok(Handshake::begin(context, Beginning { source, session, received, target, deadline, metered }))
}
