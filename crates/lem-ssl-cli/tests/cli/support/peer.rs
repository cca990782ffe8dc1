//! A peer that plays a part: on a thread and a machine of its own.

use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::thread::{self, JoinHandle};

use lem_ssl_rs::{Context, Identity, TcpStream, timeout};
use lem_ssl_tests::watched_machine;

use super::WATCHDOG;
use super::world::World;

/// A plain stream to the client that has connected.
pub(crate) type Plain = TcpStream;

/// What a peer does with one connection.
type Part = Box<dyn FnOnce(TcpStream, Context) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Accepts one connection and plays its part with it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn new<F: Future<Output = ()> + 'static>(
        world: &World,
        part: impl FnOnce(TcpStream, Context) -> F + Send + 'static,
    ) -> Self {
        let files = world.good();
        let identity = Identity::from_pem_files(&files.chain, &files.key).unwrap();
        let context = Context::builder().identity(identity).build().unwrap();
        let part: Part = Box::new(|stream, context| Box::pin(part(stream, context)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let play = move || {
            let machine = watched_machine();
            let played = machine.run(async {
                let listener = lem_ssl_rs::Listener::adopt(listener).unwrap();
                let played = async { part(listener.accept().await.unwrap(), context).await };
                timeout(WATCHDOG, played).await
            });
            played.unwrap().expect("the peer is done in time");
        };
        Self { port, thread: Some(thread::spawn(play)) }
    }

    /// Waits until it has played its part; its panic is the test's.
    #[track_caller]
    pub(crate) fn join(mut self) {
        if let Err(panic) = self.thread.take().unwrap().join() {
            std::panic::resume_unwind(panic);
        }
    }
}
