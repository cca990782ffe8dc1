//! A stream of the machine, plain or encrypted.

#![forbid(unsafe_code)]

use std::cell::Cell;

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, Transport};
use lem_ssl_rs::lem_rs::{ReadHalf, Stream, WriteHalf};
use lem_ssl_rs::{Endpoint, Error, Info, Limits, Plain, ReadMode, Tls};

use super::duplex::{Duplex, Half};
use crate::ahead::{Ahead, Input};
use crate::answer::strerror;

/// What the modules of plain and of encrypted streams differ in.
pub(crate) trait Kind: Transport {
    /// One coroutine waits at a time, whether it reads or writes, until the stream is split.
    const SHARES_SLOT: bool;

    fn words(error: &Error) -> String;

    fn tls_info(_reader: &ReadHalf<Self>) -> Option<Info>
    where
        Self: Sized,
    {
        None
    }
}

impl Kind for Plain {
    const SHARES_SLOT: bool = false;

    fn words(error: &Error) -> String {
        match error {
            // The original's word for a connection that was reset.
            Error::Truncated(_) => "closed".into(),
            Error::Io { source, .. } => strerror(source),
            other => other.to_string(),
        }
    }
}

impl Kind for Tls {
    const SHARES_SLOT: bool = true;

    fn words(error: &Error) -> String {
        error.to_string()
    }

    fn tls_info(reader: &ReadHalf<Self>) -> Option<Info> {
        reader.info()
    }
}

/// A stream, by its two halves.
pub(crate) struct Conn<T: Kind> {
    reader: ReadHalf<T>,
    writer: WriteHalf<T>,
    ahead: Ahead,
    limits: Limits,
    shares_slot: Cell<bool>,
}

impl<T: Kind> Conn<T> {
    pub(crate) fn new(stream: Stream<T>, limits: Limits) -> Self {
        let (reader, writer) = stream.split();
        Self { reader, writer, ahead: Ahead::default(), limits, shares_slot: Cell::new(T::SHARES_SLOT) }
    }

    /// Takes the stream apart for a protocol that takes over; what was read ahead is that protocol's.
    pub(crate) fn into_stream(self) -> Result<Stream<T>, Error> {
        let stream = self.reader.join(self.writer).map_err(|_halves| Error::Closed)?;
        let (transport, received) = stream.into_parts()?;
        let mut input = InputBuffer::default();
        input.extend(&self.ahead.take_all());
        input.extend(received.as_slice());
        Ok(Stream::new(transport, input, StreamOptions::default()))
    }

    fn check_slot(&self, other_is_busy: bool) -> Result<(), Error> {
        if self.shares_slot.get() && other_is_busy { Err(Error::Busy) } else { Ok(()) }
    }
}

impl<T: Kind> Input for Conn<T> {
    async fn more(&self) -> Result<Vec<u8>, Error> {
        self.reader.read(ReadMode::Available).await
    }

    async fn whole(&self, mode: ReadMode) -> Option<Result<Vec<u8>, Error>> {
        Some(self.reader.read(mode).await)
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}

impl<T: Kind> Duplex for Conn<T> {
    fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    fn check_read(&self) -> Result<(), Error> {
        self.check_slot(self.writer.is_busy())?;
        if self.reader.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    fn check_write(&self) -> Result<(), Error> {
        self.check_slot(self.reader.is_busy())?;
        if self.writer.is_busy() { Err(Error::Busy) } else { Ok(()) }
    }

    fn shares_slot(&self) -> bool {
        self.shares_slot.get()
    }

    async fn write(&self, data: &[u8]) -> Result<(), Error> {
        self.check_slot(self.reader.is_busy())?;
        self.writer.write(data).await
    }

    fn written(&self) -> u64 {
        self.writer.bytes_written()
    }

    fn close(&self) -> Result<(), Error> {
        self.ahead.clear();
        self.reader.handle().close()
    }

    fn interrupt(&self) -> Result<(), Error> {
        let (read, write) = (self.reader.interrupt(), self.writer.interrupt());
        if write.is_ok() { write } else { read }
    }

    fn is_busy(&self) -> bool {
        self.reader.is_busy() || self.writer.is_busy()
    }

    fn is_closed(&self) -> bool {
        self.reader.is_closed()
    }

    fn words(error: &Error) -> String {
        T::words(error)
    }

    fn addresses(&self) -> Result<(Endpoint, Endpoint), Error> {
        Ok((self.reader.peer_addr()?, self.reader.local_addr()?))
    }

    fn tls_info(&self) -> Option<Info> {
        T::tls_info(&self.reader)
    }

    fn half(&self, half: Half) -> Result<(), Error> {
        match half {
            Half::Split => {
                self.shares_slot.set(false);
                Ok(())
            }
            Half::CloseWrite => self.writer.close(),
            Half::InterruptRead => self.reader.interrupt(),
            Half::InterruptWrite => self.writer.interrupt(),
        }
    }

    fn abort(&self) {
        self.ahead.clear();
        self.reader.abort();
    }

    fn set_nodelay(&self, on: bool) -> Result<(), Error> {
        self.reader.socket_options()?.set_nodelay(on)
    }
}
