//! From the listener to finished streams: handshakes beside each other, within limits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, ready};

use lem_rs::transport::Source;
use lem_rs::{Deadline, Direction, Endpoint, Inbox, JoinHandle, Phase, Queue, Timeout, spawn, timeout};

use super::early::Early;
use super::handshaking::{Handshaking, Permit, Unclaimed};
use super::monitor::Monitor;
use super::options::ServerOptions;
use super::peers::{Admitted, Peers};
use super::preface::Preface;
use crate::client::cannot_begin;
use crate::context::Context;
use crate::error::{Error, TlsError};
use crate::handshake::{Beginning, Handshake, SecondCheck, Target};
use crate::live::LiveContext;
use crate::meter::Metered;
use crate::session::Session;

/// What can be accepted.
pub(super) enum Arrival {
    Stream(Unclaimed),
    /// A connection that has brought early data.
    Early(Early),
}

impl Arrival {
    fn abort(self) {
        match self {
            Self::Stream(stream) => stream.abort(),
            Self::Early(early) => early.abort(),
        }
    }
}

/// What a server and its tasks share.
pub(super) struct Admission {
    pub(super) live: LiveContext,
    pub(super) listener: lem_rs::Listener,
    pub(super) arrivals: Inbox<Arrival>,
    pub(super) monitor: Rc<Monitor>,
    pub(super) options: ServerOptions,
    pub(super) preface: RefCell<Option<Preface>>,
    /// Tells which peers speak for others.
    pub(super) proxies: RefCell<Option<IsProxy>>,
    peers: Rc<Peers>,
    /// The tasks that shake hands.
    handshakes: RefCell<BTreeMap<u64, JoinHandle<()>>>,
    /// One token for each connection that may be shaking hands or waiting to be accepted.
    permits: Queue<()>,
    /// What was cut off when the server was closed.
    cut_off: Cell<CutOff>,
}

/// Whether a peer speaks for others.
pub(super) type IsProxy = Rc<dyn Fn(&Endpoint) -> bool>;

/// What was cut off when a server was closed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CutOff {
    /// Streams that were not accepted yet.
    pub(super) unclaimed: u64,
    /// Clients that were shaking hands.
    pub(super) unfinished: u64,
}

/// A handshake's entry with its server, removed when it is dropped.
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
        let monitor = Monitor::new(options.connections);
        let weak = Rc::downgrade(&monitor);
        listener.on_pause(move |error| {
            if let Some(monitor) = weak.upgrade() {
                monitor.paused(error);
            }
        });
        let admission = Rc::new(Self {
            live,
            listener,
            arrivals: Inbox::new(),
            monitor,
            options,
            preface: RefCell::default(),
            proxies: RefCell::default(),
            peers: Rc::default(),
            handshakes: RefCell::default(),
            permits,
            cut_off: Cell::default(),
        });
        spawn(accept_all(admission.clone())).detach();
        admission
    }

    /// What was cut off when the server was closed.
    pub(super) fn cut_off(&self) -> CutOff {
        self.cut_off.get()
    }

    /// Accepts no more. Clients that are not served are cut off: they must not take nothing for a complete answer.
    pub(super) fn close(&self) -> Result<(), Error> {
        let unclaimed = self.arrivals.close()?;
        let handshakes = self.handshakes.take();
        self.cut_off.set(CutOff { unclaimed: unclaimed.len() as u64, unfinished: handshakes.len() as u64 });
        unclaimed.into_iter().for_each(Arrival::abort);
        // The two are closed together, so this one is open, or has failed.
        let _ = self.listener.close();
        for task in handshakes.into_values() {
            task.cancel();
            self.monitor.handshake_interrupted();
        }
        self.permits.reset();
        self.monitor.registry.wake();
        Ok(())
    }

    /// Lets so many connections be open from now on.
    pub(super) fn set_connections(&self, connections: usize) {
        self.monitor.registry.set_limit(connections);
        if self.monitor.registry.is_full() {
            // The task that accepts looks again; it may be doing something else.
            let _ = self.listener.interrupt();
        }
    }

    /// Waits until one more connection may be open; false if the server was closed.
    async fn has_room(&self) -> bool {
        let registry = &self.monitor.registry;
        if registry.is_full() {
            self.monitor.at_limit();
        }
        while registry.is_full() && !self.arrivals.is_closed() {
            registry.changed().await;
        }
        !self.arrivals.is_closed()
    }

    /// Whether this peer may have one more connection that waits; a proxy may, since the one is not its own.
    fn admit_peer(&self, peer: &Endpoint) -> Option<Admitted> {
        let proxies = self.proxies.borrow().clone();
        // One that panics must not end the task that accepts.
        let is_proxy =
            proxies.is_some_and(|is_proxy| catch_unwind(AssertUnwindSafe(|| is_proxy(peer))).unwrap_or(false));
        if is_proxy { Some(Admitted::uncounted()) } else { self.admit_client(peer) }
    }

    fn admit_client(&self, client: &Endpoint) -> Option<Admitted> {
        self.peers.admit(client, self.options.handshakes_per_peer.max(1))
    }

    /// Shakes hands with one client, in a task of its own that is known until it ends.
    fn shake_hands(self: &Rc<Self>, source: Source, peer: Endpoint, permit: Permit, admitted: Admitted) {
        let (number, metered) = self.monitor.connection();
        let listed = ListedHandshake { admission: self.clone(), number };
        let task = spawn(admit(listed, metered, source, peer, permit, admitted));
        self.handshakes.borrow_mut().insert(number, task);
    }
}

/// Accepts connections until the listener is closed, and shakes hands with each in a task of its own.
async fn accept_all(admission: Rc<Admission>) {
    let monitor = &admission.monitor;
    loop {
        if admission.permits.get().await.is_err() {
            return;
        }
        let permit = Permit::taken_from(&admission.permits);
        if !admission.has_room().await {
            return;
        }
        match admission.listener.accept_source().await {
            Ok((source, peer)) => {
                monitor.count(|counters| counters.accepted += 1);
                match admission.admit_peer(&peer) {
                    Some(admitted) => admission.shake_hands(source, peer, permit, admitted),
                    None => monitor.refused(&peer),
                }
            }
            // The limit of open connections was lowered.
            Err(Error::Interrupted) if !admission.listener.is_closed() => {}
            Err(error) => {
                if !admission.listener.is_closed() {
                    monitor.failed(&error);
                    let _ = admission.close();
                }
                return;
            }
        }
    }
}

/// Shakes hands with one client, until it can be accepted. One that fails is told why by an alert, is counted, and never
/// reaches a handler.
async fn admit(
    listed: ListedHandshake,
    metered: Metered,
    source: Source,
    peer: Endpoint,
    permit: Permit,
    admitted: Admitted,
) {
    let (admission, id) = (&listed.admission, listed.number);
    let monitor = &admission.monitor;
    monitor.count(|counters| counters.handshakes_started += 1);
    let context = admission.live.current();
    let deadline = Deadline::after(context.inner().deadlines.handshake);
    let preface = admission.preface.borrow().clone();
    let (source, peer, early, admitted) = match preface {
        None => (source, peer, Vec::new(), admitted),
        Some(preface) => match Box::pin(preface.run(source, &peer, deadline)).await {
            Ok((source, early)) => match source.peer() {
                // A proxy has said whose connection it is: from now on it counts as that client's.
                Ok(client) if client != peer => {
                    drop(admitted);
                    match admission.admit_client(&client) {
                        Some(admitted) => (source, client, early, admitted),
                        None => return monitor.refused_late(&client),
                    }
                }
                _ => (source, peer, early, admitted),
            },
            Err(error) => return monitor.handshake_failed(&peer, &error),
        },
    };
    let hello = if early.is_empty() { first_bytes(&source, &peer, deadline).await } else { Ok(early) };
    let hello = match hello {
        Ok(hello) => hello,
        Err(error) => return monitor.handshake_failed(&peer, &error),
    };
    // On the heap: a connection that says nothing has no need of it.
    Box::pin(async move {
        let handshake = match begin(admission, context, source, hello, &peer, deadline, metered) {
            Ok(handshake) => handshake,
            Err(error) => return monitor.handshake_failed(&peer, &error),
        };
        let mut handshaking = Handshaking { handshake, id, monitor: monitor.clone(), peer, permit, admitted };
        let arrival = match handshaking.handshake.advance().await {
            Err(error) => return handshaking.fail(&error),
            Ok(()) if handshaking.handshake.has_early_data() => Arrival::Early(Early::new(handshaking)),
            Ok(()) => Arrival::Stream(handshaking.finish()),
        };
        // A server that was closed meanwhile has cancelled this task.
        let _ = admission.arrivals.put(arrival);
    })
    .await;
}

/// Waits for a client's first bytes. Until then it has no session: a flood of connections that say nothing costs little
/// more than their sockets.
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

fn begin(
    admission: &Admission,
    context: Context,
    source: Source,
    received: Vec<u8>,
    peer: &Endpoint,
    deadline: Deadline,
    metered: Metered,
) -> Result<Handshake, Error> {
    let config = if admission.options.early_data { context.early_server()? } else { context.server()? };
    let session = Session::server(config, context.inner().record_layer).map_err(cannot_begin)?;
    let (target, metered, second_check) = (Target::Peer(peer.clone()), Some(metered), SecondCheck::of_clients());
    Ok(Handshake::begin(context, Beginning { source, session, received, target, deadline, metered, second_check }))
}
