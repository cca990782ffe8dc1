//! What sends and receives of a transport, whatever else there is to know of it.

use super::transport::{Flushed, Received, Sent, Transport};
use crate::error::Error;
use crate::proto::InputBuffer;
use crate::runtime::Source;

/// As [`Transport`], without what only its own stream asks for: one that a trait object can stand for.
pub(super) trait Carrier {
    /// See [`Transport::source`].
    fn source(&self) -> &Source;

    /// See [`Transport::receive`].
    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received;

    /// See [`Transport::send`].
    fn send(&mut self, data: &[u8]) -> Result<Sent, Error>;

    /// See [`Transport::has_pending`].
    fn has_pending(&self) -> bool;

    /// See [`Transport::may_delay_pending`].
    fn may_delay_pending(&self) -> bool;

    /// See [`Transport::flush`].
    fn flush(&mut self) -> Result<Flushed, Error>;

    /// See [`Transport::end_sending`].
    fn end_sending(&mut self);
}

impl<T: Transport> Carrier for T {
    fn source(&self) -> &Source {
        Transport::source(self)
    }

    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
        Transport::receive(self, input, want)
    }

    fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        Transport::send(self, data)
    }

    fn has_pending(&self) -> bool {
        Transport::has_pending(self)
    }

    fn may_delay_pending(&self) -> bool {
        Transport::may_delay_pending(self)
    }

    fn flush(&mut self) -> Result<Flushed, Error> {
        Transport::flush(self)
    }

    fn end_sending(&mut self) {
        Transport::end_sending(self);
    }
}
