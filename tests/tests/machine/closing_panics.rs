//! A transport that panics while it is closed: those who wait for the end of that do not wait for ever.

use std::cell::Cell;
use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use lem_rs::transport::{Flushed, InputBuffer, Received, Sent, Source, StreamOptions, Transport};
use lem_rs::{Error, JoinError, Stream, spawn, yield_now};

use crate::support::run;

/// Its goodbye does not go at once so many times, and then it panics.
struct Fragile {
    source: Source,
    ends: Cell<bool>,
    left: usize,
}

impl Transport for Fragile {
    type Info = ();
    fn info(&self) {}
    fn source(&self) -> &Source {
        &self.source
    }
    fn receive(&mut self, _: &mut InputBuffer, _: usize) -> Received {
        let _ = self.source.try_read(&mut [0]);
        Received::Blocked
    }
    fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        Ok(Sent::Accepted(data.len()))
    }
    fn has_pending(&self) -> bool {
        self.ends.get()
    }
    fn flush(&mut self) -> Result<Flushed, Error> {
        if !self.ends.get() {
            return Ok(Flushed::Done);
        }
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => std::panic::resume_unwind(Box::new("quiet")),
        }
        Ok(Flushed::Blocked)
    }
    fn end_sending(&mut self) {
        self.ends.set(true);
    }
}

fn fragile(left: usize) -> (Rc<Stream<Fragile>>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let transport = Fragile { source: Source::adopt(ours).unwrap(), ends: Cell::new(false), left };
    (Rc::new(Stream::new(transport, InputBuffer::default(), StreamOptions::default())), theirs)
}

#[test]
fn a_panic_in_the_task_that_closes_ends_the_shutdown() {
    run(async {
        let (stream, peer) = fragile(1);
        let closing = stream.clone();
        let closing = spawn(async move { closing.shutdown().await });
        yield_now().await;
        // Something to do for the task that closes.
        std::io::Write::write_all(&mut &peer, b"x").unwrap();
        let ended = closing.await?;
        assert!(matches!(ended, Err(Error::Task(JoinError::Panicked(_)))), "{ended:?}");
        assert!(stream.shutdown().await.is_err(), "also later");
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_panic_in_the_call_that_closes_is_no_success_for_others_and_interrupts_who_waits() {
    run(async {
        let (stream, _peer) = fragile(0);
        let reading = stream.clone();
        let reading = spawn(async move { reading.read(1).await });
        yield_now().await;
        assert!(catch_unwind(AssertUnwindSafe(|| stream.close())).is_err(), "it panics");
        let ended = stream.shutdown().await;
        assert!(matches!(ended, Err(Error::Task(JoinError::Panicked(_)))), "{ended:?}");
        assert!(matches!(reading.await?, Err(Error::Interrupted)));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn an_abort_ends_the_shutdown_that_waits_with_interrupted() {
    run(async {
        let (stream, _peer) = fragile(1000);
        let mut closing = pin!(stream.shutdown());
        poll_fn(|cx| {
            assert!(closing.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        stream.abort();
        assert!(matches!(closing.await, Err(Error::Interrupted)));
        Ok::<(), Error>(())
    })
    .unwrap();
}
