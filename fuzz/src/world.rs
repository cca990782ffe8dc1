//! Where the two ends meet.

use std::future::Future;

use lem_rs::sim::{Faults, Link, Rng, Sim};
use lem_rs::{Listener, TcpStream, spawn};

/// Runs both ends of a connection in the simulated world, until both are over: ours as a task, so that a panic shows.
/// Nothing may be left then. A rough world delivers in any pieces.
pub fn meet<O, T>(
    seed: u8,
    rough: bool,
    ours: impl FnOnce(TcpStream) -> O + 'static,
    theirs: impl FnOnce(TcpStream) -> T,
) where
    O: Future<Output = ()> + 'static,
    T: Future<Output = ()>,
{
    let link = if rough { Link::any(&mut Rng::new(seed.into())) } else { Link::default() };
    let sim = Sim::builder(seed.into())
        .host("server.test", ["10.0.0.1"])
        .link(link)
        .faults(if rough { Faults::rough() } else { Faults::none() })
        .build();
    sim.run(async {
        let listener = Listener::bind("server.test:7").await.expect("the world permits it");
        let near = TcpStream::connect("server.test:7").await.expect("the world permits it");
        let far = listener.accept().await.expect("the world permits it");
        listener.close().expect("it is open");
        let ours = spawn(ours(near));
        theirs(far).await;
        ours.await.expect("our end does not panic");
    })
    .expect("the machine is not stalled");
    let left = sim.leftovers();
    assert!(left.is_empty(), "left behind: {left}");
}
