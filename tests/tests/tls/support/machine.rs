//! A machine for one test.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Plain, UnixStream, timeout};
use lem_ssl_tests::{BoxedTest, watched_machine};

/// Runs `main` on a machine that must be empty afterwards. The deadline is a watchdog: nothing takes nearly so long, not
/// even a loop over thousands of connections on a slow machine.
#[track_caller]
pub(crate) fn run<F: Future>(main: F) -> F::Output {
    run_boxed(Box::pin(main))
}

#[track_caller]
fn run_boxed<T>(main: BoxedTest<'_, T>) -> T {
    let machine = watched_machine();
    let output = machine.run(timeout(Duration::from_secs(180), main)).unwrap().expect("the test hangs");
    assert_eq!(machine.counts(), (0, 0, 0), "tasks, timers, sockets that are left over");
    output
}

/// Two ends of a connection, plain.
pub(crate) fn wire() -> (UnixStream, UnixStream) {
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    (plain(one), plain(other))
}

fn plain(socket: std::os::unix::net::UnixStream) -> UnixStream {
    let transport = Plain::new(Source::adopt(socket).unwrap());
    UnixStream::new(transport, InputBuffer::default(), StreamOptions::default())
}

/// Lets everybody see what was written: the machine looks at its sockets in order, so when the beat has come round,
/// a task that waited for something that was sent before has run.
pub(crate) struct Beat {
    sender: UnixStream,
    receiver: UnixStream,
}

impl Beat {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = wire();
        Self { sender, receiver }
    }

    pub(crate) async fn once(&self) {
        let mut reading = pin!(self.receiver.read(1));
        // It finds nothing yet, so that it waits for the event; what is there already would be read at once.
        let first = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "nothing was sent");
        self.sender.write("x").await.unwrap();
        reading.await.unwrap();
    }
}
