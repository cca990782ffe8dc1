//! A network that fails where it is told to: a TCP proxy on the loopback interface.
//!
//! What it does to a connection is a value, [`Faults`]: one [`Fault`] for each direction, at a byte of the test's choice.
//! It knows nothing of TLS and nothing of the code that is tested: blocking sockets of the standard library, and two
//! threads for each connection.
//!
//! ```
//! use lem_ssl_tests::proxy::{Fault, Faults, Proxy};
//! use std::io::Read;
//! use std::net::{TcpListener, TcpStream};
//!
//! let server = TcpListener::bind("127.0.0.1:0")?;
//! let proxy = Proxy::start(server.local_addr()?, |_| Faults { to_server: Fault::Truncate { at: 0 }, ..Faults::NONE })?;
//! let client = TcpStream::connect(proxy.address())?;
//! let (mut accepted, _) = server.accept()?;
//! assert_eq!(accepted.read(&mut [0; 16])?, 0, "the client has said nothing, and seems to have ended");
//! # drop(client);
//! # Ok::<(), std::io::Error>(())
//! ```

mod fault;
mod link;
mod record;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

pub use fault::{Fault, Faults};
use link::Link;
use record::Record;
pub use record::Transcript;

/// A proxy that runs until it is dropped; its connections end with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    journal: Option<Arc<Journal>>,
    over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// The connections of a proxy that writes down what is said on them, in the order in which they were accepted.
type Journal = Mutex<Vec<Arc<Record>>>;

impl Proxy {
    /// Starts a proxy in front of `target`. The connection of number `n`, counted from 0, suffers `plan(n)`.
    ///
    /// # Errors
    /// What the operating system says if there is no port for it.
    pub fn start(target: SocketAddr, plan: impl Fn(usize) -> Faults + Send + 'static) -> io::Result<Self> {
        Self::begin(target, plan, None)
    }

    /// As [`start`](Self::start), and it writes down what both ends have said: see [`transcript`](Self::transcript).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn recording(target: SocketAddr, plan: impl Fn(usize) -> Faults + Send + 'static) -> io::Result<Self> {
        Self::begin(target, plan, Some(Arc::default()))
    }

    fn begin(
        target: SocketAddr,
        plan: impl Fn(usize) -> Faults + Send + 'static,
        journal: Option<Arc<Journal>>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let (ends, records) = (over.clone(), journal.clone());
        let accept = move || {
            for (number, client) in listener.incoming().enumerate() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // A client that is gone already, or a server that is: the connection just ends.
                let _ = client.and_then(|client| {
                    let record = records.as_deref().map(next_record);
                    Link::new(client, TcpStream::connect(target)?, record, ends.clone())?.carry(plan(number))
                });
            }
        };
        let acceptor = std::thread::Builder::new().name("proxy".into()).spawn(accept)?;
        Ok(Self { address, journal, over, acceptor: Some(acceptor) })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said on the connection of this number. Waits until both ends have said everything.
    ///
    /// # Panics
    /// If the proxy [records](Self::recording) nothing, or there was no such connection.
    pub fn transcript(&self, number: usize) -> Transcript {
        let journal = self.journal.as_ref().expect("the proxy records");
        let record = journal.lock().unwrap_or_else(PoisonError::into_inner)[number].clone();
        record.transcript()
    }
}

/// A record for the connection that was just accepted.
fn next_record(journal: &Journal) -> Arc<Record> {
    let record = Arc::new(Record::default());
    journal.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    record
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // The task that accepts looks at that when there is something to accept.
        if TcpStream::connect(self.address).is_ok()
            && let Some(acceptor) = self.acceptor.take()
        {
            // A panic of it was reported, and concerns connections that nobody waits for any more.
            let _ = acceptor.join();
        }
    }
}
