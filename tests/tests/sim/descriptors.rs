//! Running out of descriptors.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::sim::{Fault, Faults};
use lem_rs::{Error, Listener, Stream, TcpStream, sleep, spawn, within};

use crate::support::{run, world};

/// A listener, and how often it has paused.
async fn listen() -> Result<(Listener, Rc<Cell<u32>>), Error> {
    let listener = Listener::bind("server.test:7").await?;
    let pauses = Rc::new(Cell::new(0));
    let told = pauses.clone();
    listener.on_pause(move |_| told.set(told.get() + 1));
    Ok((listener, pauses))
}

#[test]
fn a_listener_pauses_when_there_is_no_descriptor_and_goes_on_when_there_is_one() {
    // The listener's, and two clients': none is left for accepting.
    let sim = world(1).descriptors(3).build();
    let net = sim.net();
    run(&sim, async {
        let (listener, pauses) = listen().await?;
        let first = Stream::connect("server.test:7").await?;
        let second = Stream::connect("server.test:7").await?;
        let accepting = spawn(async move {
            let stream = listener.accept().await?;
            stream.write("hello").await
        });
        sleep(Duration::from_secs(10)).await;
        assert!(!accepting.is_finished());
        assert_eq!((pauses.get(), net.open_descriptors()), (1, 3));
        // Every pause is twice as long as the one before, up to a second: some fifteen tries, and not thousands.
        let tries = net.faults().of(Fault::NoDescriptor);
        assert!((10..25).contains(&tries), "{tries}");
        second.abort();
        drop(second);
        accepting.await??;
        assert_eq!(first.read(5).await?, b"hello");
        Ok(())
    });
}

#[test]
fn a_pause_goes_on_through_accepts_that_are_given_up() {
    let sim = world(1).descriptors(3).build();
    let net = sim.net();
    run(&sim, async {
        let (listener, pauses) = listen().await?;
        let _first = Stream::connect("server.test:7").await?;
        let second = Stream::connect("server.test:7").await?;
        for _ in 0..20 {
            let late = within(Duration::from_millis(500), listener.accept()).await;
            assert!(late.is_err_and(|error| error.timed_out().is_some()));
        }
        let tries = net.faults().of(Fault::NoDescriptor);
        assert_eq!(pauses.get(), 1);
        assert!((20..30).contains(&tries), "{tries}");
        second.abort();
        drop(second);
        let _accepted = listener.accept().await?;
        // It is over, and the next one is another.
        within(Duration::from_millis(500), listener.accept()).await.unwrap_err();
        assert_eq!(pauses.get(), 2);
        Ok(())
    });
}

#[test]
fn a_listener_survives_any_row_of_failed_accepts() {
    let sim = world(3).build();
    let net = sim.net();
    run(&sim, async {
        let listener = Listener::bind("server.test:7").await?;
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect("server.test:7").await?);
        }
        net.set_faults(Faults::none().with(Fault::NoDescriptor, 0.7));
        let serving =
            spawn(async move { listener.autospawn(|stream| async move { drop(stream.write("hello").await) }).await });
        for stream in clients {
            assert_eq!(stream.read(5).await?, b"hello");
        }
        serving.cancel();
        Ok(())
    });
    assert!(sim.faults().of(Fault::NoDescriptor) > 10, "{}", sim.faults());
}

#[test]
fn listening_without_a_descriptor_says_so() {
    let sim = world(1).descriptors(0).build();
    let error = run(&sim, async { Ok(Listener::bind("server.test:7").await.unwrap_err()) });
    let Error::Io { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.raw_os_error(), Some(24), "{error}");
}
