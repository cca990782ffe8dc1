//! The transport that adds nothing: TCP and Unix-domain sockets as they are.

use std::io;

use super::options::StreamOptions;
use super::outbox::write_some;
use super::transport::{Flushed, Received, Sent, Transport};
use super::whole::Stream;
use crate::error::{Cut, EndOfStream, Error};
use crate::proto::InputBuffer;
use crate::runtime::Source;
use crate::world::OwnedSocket;

/// Carries bytes as they are.
#[derive(Debug)]
pub struct Plain {
    source: Source,
}

/// A read asks for at least so much: what comes after a short message is fetched with it, for one system call.
const MIN_READ: usize = 16 * 1024;

impl Plain {
    /// A transport over `source`. Unstable, as [`transport`](crate::transport) is.
    pub fn new(source: Source) -> Self {
        Self { source }
    }

    /// The socket, for a transport that takes over (STARTTLS). Unstable, as [`transport`](crate::transport) is.
    pub fn into_source(self) -> Source {
        self.source
    }
}

impl Stream<Plain> {
    /// Takes over a connected socket that was opened elsewhere: a [`std::net::TcpStream`], a Unix-domain one, one end of
    /// a pair.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use lem_rs::{Error, Machine, UnixStream};
    /// Machine::new()?.run(async {
    ///     let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|error| Error::io("make a pair", error))?;
    ///     let (ours, theirs) = (UnixStream::adopt(ours)?, UnixStream::adopt(theirs)?);
    ///     theirs.write("hello\n").await?;
    ///     assert_eq!(ours.read_line_trimmed().await?, "hello");
    ///     Ok::<(), Error>(())
    /// })??;
    /// # }
    /// # Ok::<(), lem_rs::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Source::adopt`], which says what becomes of the socket.
    pub fn adopt(socket: impl Into<OwnedSocket>) -> Result<Self, Error> {
        Ok(Self::new(Plain::new(Source::adopt(socket)?), InputBuffer::default(), StreamOptions::default()))
    }
}

impl Transport for Plain {
    /// Nothing was agreed on.
    type Info = ();

    fn info(&self) {}

    fn source(&self) -> &Source {
        &self.source
    }

    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
        self.source.with_receive_arena(|arena| {
            let room = want.max(MIN_READ).min(arena.len());
            match self.source.try_read(&mut arena[..room]) {
                Ok(0) => Received::Ended(EndOfStream::Clean),
                Ok(count) => {
                    input.extend(&arena[..count]);
                    Received::Progress
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Blocked,
                Err(error) => Received::Ended(read_failed(error)),
            }
        })
    }

    fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        match write_some(&self.source, &data[..data.len().min(MAX_WRITTEN)])? {
            0 => Ok(Sent::Blocked),
            count => Ok(Sent::Accepted(count)),
        }
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush(&mut self) -> Result<Flushed, Error> {
        Ok(Flushed::Done)
    }

    fn end_sending(&mut self) {}

    /// FIN is all the end that there is, so only a reset differs from it.
    fn make_end_abnormal(&self) {
        // It fails only on a connection that is gone.
        let _ = self.source.reset_when_closed();
    }
}

/// One call moves at most so much, so that the stream can count it and give way.
const MAX_WRITTEN: usize = 256 * 1024;

/// How a failing read ends a stream: a reset cuts it off; anything else is an error with the system's text.
pub(crate) fn read_failed(error: io::Error) -> EndOfStream {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            EndOfStream::Cut(Cut::Reset)
        }
        _ => EndOfStream::Failed(Error::io("read from the stream", error)),
    }
}
