//! What a contender can do.
//!
//! The scenarios are written once, against these traits, so that every contender does the same; a contender says only
//! how its users write the verbs. The calls are static: nothing stands between a scenario and the contender.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::meter::Meter;
use crate::outcome::Outcome;
use crate::pki::Pki;

/// An event loop and its TLS streams.
pub(crate) trait Contender: Sized + 'static {
    type Stream: Stream;
    /// What clients are made with.
    type Client: Clone + 'static;

    /// Runs the loop until `work` is done.
    fn run<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T>;
    fn client(pki: &Pki, resume: bool) -> Outcome<Self::Client>;
    /// Connects to a port of this machine.
    async fn connect(client: &Self::Client, port: u16) -> Outcome<Self::Stream>;
    /// Listens at any port, tells it, and echoes on every connection.
    async fn serve(pki: &Pki, on_port: impl FnOnce(u16), echo: Echo) -> Outcome<()>;
    /// Starts a task that makes one connection after the other.
    fn start_caller(client: Self::Client, port: u16, meter: Arc<Meter>);
    /// Starts a task that writes `size` bytes again and again.
    fn start_writer(writer: <Self::Stream as Stream>::Writer, size: usize, total: u64, meter: Arc<Meter>);
    /// A sleep.
    fn sleep(duration: Duration) -> impl Future<Output = ()>;
    /// Starts `count` tasks, each of which gives way once, and waits for all of them.
    async fn spawn_batch(count: u64) -> Outcome<()>;
}

/// What can be received from.
pub(crate) trait Reader: 'static {
    /// The buffer that a user would have for reading, empty if the contender needs none before there is something.
    fn buffer(size: usize) -> Vec<u8>;
    /// Receives what is there into the front of `buffer` and says how much; 0 at the end.
    async fn receive(&mut self, buffer: &mut Vec<u8>) -> Outcome<usize>;
}

/// What can be sent to.
pub(crate) trait Writer: 'static {
    /// Done when the kernel has all of it.
    async fn send(&mut self, data: &[u8]) -> Outcome<()>;
}

/// An encrypted connection.
pub(crate) trait Stream: Reader + Writer + Sized {
    type Reader: Reader;
    type Writer: Writer;
    fn split(self) -> (Self::Reader, Self::Writer);
    /// Reads lines in the way that is the contender's cheapest, and gives each to `on_line`, until the peer ends the stream.
    async fn lines(self, on_line: impl FnMut(&[u8])) -> Outcome<()>;
    /// Ends the connection as its users are told to.
    async fn close(self);
}

/// How a server echoes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    /// How large a buffer a contender reads with, if it needs one.
    pub(crate) buffer: usize,
    /// Gives the buffer back before it waits for the next message.
    pub(crate) frugal: bool,
}
