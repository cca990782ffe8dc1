//! Where the two ends meet.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::sim::{Faults, Link, Rng, Sim};
use lem_rs::transport::{InputBuffer, StreamOptions};
use lem_rs::{Listener, Plain, ReadMode, TcpStream, spawn};

use crate::contexts::Ends;
use crate::peer::Peer;
use crate::tamper;

/// An honest conversation: what is said arrives, and both ends are content.
pub fn meet_honestly(ends: &Rc<Ends>) {
    tamper::clear();
    let near = ends.clone();
    let ours = move |stream: TcpStream| async move {
        let stream = near.shake_hands(stream).await.expect("an honest peer is welcome");
        assert_eq!(stream.read(ReadMode::All).await.expect("an honest peer says goodbye"), b"something");
        stream.write("an answer").await.expect("the peer listens");
        stream.shutdown().await.expect("the peer says goodbye");
    };
    meet(0, false, ours, |stream| async {
        let mut peer = Peer::new(ends, stream);
        assert!(peer.shake_hands(Vec::new()).await, "our end welcomes an honest peer");
        peer.seal(b"something");
        peer.say_goodbye();
        while peer.flush().await && peer.hear().await {}
    });
}

/// What the other end has said must arrive, however slow the world is.
const PATIENCE: Duration = Duration::from_secs(3_600);

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
        let (far, _) = listener.accept_source().await.expect("the world permits it");
        let options = StreamOptions::default().close_deadline(PATIENCE);
        let far = TcpStream::new(Plain::new(far), InputBuffer::default(), options);
        listener.close().expect("it is open");
        let ours = spawn(ours(near));
        theirs(far).await;
        ours.await.expect("our end does not panic");
    })
    .expect("the machine is not stalled");
    let left = sim.leftovers();
    assert!(left.is_empty(), "left behind: {left}");
}
