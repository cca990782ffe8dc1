//! Many writers for one stream, in order, none of them "busy".

use std::fmt;
use std::rc::Rc;

use super::halves::WriteHalf;
use super::transport::Transport;
use super::write_turns::WriteTurns;
use crate::error::Error;

/// Lets several tasks write to one stream: each write goes out whole, in the order in which they were begun, and the
/// others wait their turn where a plain [`WriteHalf`] would say "busy". Clones are the same queue. A write whose turn
/// has come and whose future is not polled is passed over, and has its turn when it is polled again. One that has begun
/// keeps its turn until it has ended.
///
/// A write of which the stream has accepted a part is finished by the stream if it is dropped, timed out or interrupted,
/// so that two messages never run into each other. Closing the writer or the stream under a write ends the message where
/// it is, behind what was accepted; the write returns "closed" then. Wait for the writes before closing, or let the
/// protocol show the peer that a message is incomplete.
pub struct WriteQueue<T: Transport> {
    writer: Rc<WriteHalf<T>>,
    turns: Rc<WriteTurns>,
}

impl<T: Transport> WriteQueue<T> {
    /// A queue before `writer`.
    ///
    /// ```
    /// # use lem_rs::{Error, Listener, Machine, TcpStream, WriteQueue, spawn};
    /// # Machine::new()?.run(async {
    /// # let listener = Listener::bind("127.0.0.1:0").await?;
    /// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
    /// # let peer = listener.accept().await?;
    /// let (_reader, writer) = stream.split();
    /// let queue = WriteQueue::new(writer);
    /// let tasks = ["one\n", "two\n"].map(|line| {
    ///     let queue = queue.clone();
    ///     spawn(async move { queue.write(line).await })
    /// });
    /// for task in tasks {
    ///     task.await??;
    /// }
    /// assert_eq!(peer.read(8).await?.len(), 8);
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(writer: WriteHalf<T>) -> Self {
        let turns = WriteTurns::new(&writer.inner().core);
        Self { writer: Rc::new(writer), turns }
    }

    /// Writes all of `data` when it is its turn. Done when the kernel has it.
    ///
    /// # Errors
    /// As [`Stream::write`](crate::Stream::write), but never [`Error::Busy`], unless somebody writes past the queue, through
    /// [`writer`](Self::writer). After [`Error::Interrupted`] the message was
    /// either not begun or is sent whole, unless the stream is aborted. [`Error::Closed`] if the sending side was closed
    /// when only a part of the message had been accepted: the rest of it is not sent.
    ///
    /// **Cancel safety:** dropped before a byte was accepted it writes nothing; dropped after that, the rest is sent in the
    /// background.
    pub async fn write(&self, data: &(impl AsRef<[u8]> + ?Sized)) -> Result<(), Error> {
        let _turn = self.turns.take().await;
        match self.writer.write_whole(data.as_ref()).await {
            // A shutdown of the writer waits where a write would.
            Err(Error::Busy) if self.writer.is_closed() => Err(Error::Closed),
            written => written,
        }
    }

    /// The half behind the queue, to close it, or to interrupt the write under way.
    pub fn writer(&self) -> &WriteHalf<T> {
        &self.writer
    }
}

impl<T: Transport> Clone for WriteQueue<T> {
    fn clone(&self) -> Self {
        Self { writer: self.writer.clone(), turns: self.turns.clone() }
    }
}

impl<T: Transport> fmt::Debug for WriteQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue").field("writer", &self.writer).finish_non_exhaustive()
    }
}
