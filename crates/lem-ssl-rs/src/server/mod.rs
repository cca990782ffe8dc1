//! Accepting encrypted connections.

use std::fmt;
use std::future::Future;
use std::rc::Rc;

use lem_rs::{Deadline, Endpoint, Inbox, Listener, Queue, Source, ToAddress, spawn};

use crate::client::cannot_begin;
use crate::context::Context;
use crate::error::Error;
use crate::handshake::shake_hands;
use crate::session::Session;
use crate::transport::Stream;

/// Accepts connections and hands out streams whose handshake is finished. To use it from several tasks, share it in an
/// `Rc`.
///
/// Handshakes run beside each other and beside [`accept`](Self::accept), each under its deadline, so that a slow client
/// holds up nobody; one that fails is told why by an alert and never gets here. At most
/// [`concurrent_handshakes`](crate::ContextBuilder::concurrent_handshakes) connections are shaking hands or waiting to
/// be accepted at once; further ones wait in the kernel's queue.
///
/// # Dropping
/// Dropping it closes it. Streams that were accepted live on.
pub struct Server {
    shared: Rc<Shared>,
}

struct Shared {
    context: Context,
    listener: Listener,
    finished: Inbox<(Stream, Permit)>,
    /// One token for each connection that may be shaking hands or waiting to be accepted.
    permits: Queue<()>,
}

/// The right to carry a connection that nobody has accepted yet.
struct Permit(Queue<()>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.put(());
    }
}

impl Context {
    /// Listens for encrypted connections at `address`; port 0 asks for a free one.
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) if the context has no identity; [`Error::Address`],
    /// [`Error::Resolve`]; [`Error::Io`] if the address cannot be used; [`Error::Misuse`] outside of a machine.
    ///
    /// **Cancel safety:** dropping it opens nothing.
    pub async fn listen(&self, address: impl ToAddress) -> Result<Server, Error> {
        // Said now, and not to the first client.
        self.server()?;
        let listener = Listener::bind(address).await?;
        let permits = Queue::new();
        for _ in 0..self.inner().handshakes {
            permits.put(());
        }
        let shared = Rc::new(Shared { context: self.clone(), listener, finished: Inbox::new(), permits });
        spawn(accept_all(shared.clone())).detach();
        Ok(Server { shared })
    }
}

/// Accepts connections until the listener is closed, and shakes hands with each in a task of its own.
async fn accept_all(shared: Rc<Shared>) {
    loop {
        if shared.permits.get().await.is_err() {
            return;
        }
        let permit = Permit(shared.permits.clone());
        match shared.listener.accept_source().await {
            Ok((source, peer)) => spawn(admit(shared.clone(), source, peer, permit)).detach(),
            // Closed, as a rule; a listener that fails for good is as good as closed.
            Err(_) => {
                let _ = shared.finished.close();
                return;
            }
        }
    }
}

async fn admit(shared: Rc<Shared>, source: Source, peer: Endpoint, permit: Permit) {
    let context = shared.context.inner();
    let deadline = Deadline::after(context.deadlines.handshake);
    let shaken = async {
        let session = Session::server(shared.context.server()?).map_err(cannot_begin)?;
        shake_hands(context, source, session, &[], &peer.to_string(), deadline).await
    };
    // A client that fails was told why by the alert.
    if let Ok(stream) = shaken.await {
        // A server that was closed meanwhile has no use for it: it is closed gracefully as it is dropped.
        let _ = shared.finished.put((stream, permit));
    }
}

impl Server {
    /// Waits for the next stream whose handshake is finished.
    ///
    /// # Errors
    /// [`Error::Busy`] if another task waits; [`Error::Interrupted`]; [`Error::Closed`].
    ///
    /// **Cancel safety:** dropping it loses no connection.
    pub async fn accept(&self) -> Result<Stream, Error> {
        let (stream, _permit) = self.shared.finished.take().await?;
        Ok(stream)
    }

    /// Accepts streams and starts a task with `handler` for each, until the server is interrupted or closed. A panic
    /// in a handler ends that stream only.
    ///
    /// # Errors
    /// As [`accept`](Self::accept): it only ever returns an error, [`Error::Interrupted`] or [`Error::Closed`] as a
    /// rule.
    ///
    /// **Cancel safety:** dropping it loses no connection; handlers go on.
    pub async fn autospawn<F>(&self, handler: impl Fn(Stream) -> F) -> Result<(), Error>
    where
        F: Future<Output = ()> + 'static,
    {
        loop {
            spawn(handler(self.accept().await?)).detach();
        }
    }

    /// Interrupts the task that accepts: it gets [`Error::Interrupted`].
    ///
    /// # Errors
    /// [`Error::NotBusy`] if no task does.
    pub fn interrupt(&self) -> Result<(), Error> {
        self.shared.finished.interrupt()
    }

    /// Closes the server; a task that accepts is interrupted. Streams that nobody accepted are closed; those that were
    /// accepted live on.
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] the second time.
    pub fn close(&self) -> Result<(), Error> {
        let unclaimed = self.shared.finished.close()?;
        drop(unclaimed);
        // The two are closed together, so this one is open.
        let _ = self.shared.listener.close();
        self.shared.permits.reset();
        Ok(())
    }

    /// Whether a task waits for a stream.
    pub fn is_busy(&self) -> bool {
        self.shared.finished.is_busy()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.shared.finished.is_closed()
    }

    /// Where it listens: with the port that was chosen, if port 0 was asked for.
    pub fn local_addr(&self) -> &Endpoint {
        self.shared.listener.local_addr()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // "already closed" is as good.
        let _ = self.close();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local", self.local_addr()).finish_non_exhaustive()
    }
}
