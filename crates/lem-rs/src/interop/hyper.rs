// The program on the page is compiled where hyper is with all that it needs: as documentation of `tests/ecosystem`.
#![cfg_attr(not(doctest), doc = include_str!("hyper.md"))]

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt;

use super::write_error;
use crate::runtime::{RemoteTimer, now, spawn_detached};
use crate::stream::{Polled, Stream, Transport};

/// A stream for hyper: what its `serve_connection` and `handshake` take, for HTTP/1 and HTTP/2.
///
/// The peer's clean end is hyper's end of the connection; a cut is an error. hyper shuts down as it sees fit; dropping it
/// closes the stream gracefully.
///
/// hyper flushes behind each piece of an answer, in HTTP/2 behind each frame. What is flushed leaves when 32 KiB are there,
/// and at the latest when hyper's task gives way: frames that follow each other share records and system calls.
#[derive(Debug)]
pub struct Io<T: Transport>(Polled<T>);

impl<T: Transport> Io<T> {
    /// Makes a stream hyper's.
    pub fn new(stream: Stream<T>) -> Self {
        Self(stream.into_polled())
    }

    /// The stream, for a protocol that goes on over the same connection (an HTTP upgrade). What hyper had read beyond its
    /// own part it hands out itself.
    pub fn into_stream(self) -> Stream<T> {
        self.0.into_stream()
    }

    /// The stream's poll functions: its addresses, its info, a handle to end it.
    pub fn get_ref(&self) -> &Polled<T> {
        &self.0
    }
}

impl<T: Transport> rt::Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.get_mut().0.poll_read_with(cx, |there| {
            let count = there.len().min(buffer.remaining());
            buffer.put_slice(&there[..count]);
            count
        }))?;
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> rt::Write for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_write(cx, data).map_err(write_error)
    }

    /// hyper would copy bodies into one buffer for a stream that gathers nothing.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_write_vectored(cx, pieces).map_err(write_error)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_flush_later(cx).map_err(write_error)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_close(cx).map_err(write_error)
    }
}

/// Spawns hyper's tasks on the machine that runs. They need not be `Send`.
///
/// Exhaustive on purpose: its name is how one is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Executor;

impl<F: Future<Output: 'static> + 'static> rt::Executor<F> for Executor {
    /// # Panics
    /// Outside of [`Machine::run`](crate::Machine::run).
    fn execute(&self, future: F) {
        spawn_detached(future);
    }
}

/// The machine's clock and timers, for hyper's timeouts.
///
/// Exhaustive on purpose: its name is how one is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        let now = now();
        self.sleep_until(now.checked_add(duration).unwrap_or(now + FAR_AWAY))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(RemoteTimer::new(deadline)))
    }

    fn now(&self) -> Instant {
        now()
    }
}

/// A deadline that no clock can show never comes.
const FAR_AWAY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// hyper wants it to be `Send` and `Sync`.
struct Sleep(RemoteTimer);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().0.poll(cx)
    }
}

impl rt::Sleep for Sleep {}
