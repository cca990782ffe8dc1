//! Early data (0-RTT): what a server can do before the handshake is over.

use std::future::poll_fn;
use std::task::Poll;

use lem_rs::transport::{Flushed, Sent, Transport};
use lem_rs::{Direction, Phase};

use super::Handshake;
use crate::error::Error;

impl Handshake {
    /// Whether the handshake is finished.
    pub(crate) fn is_over(&self) -> bool {
        !self.inner.tls.is_handshaking()
    }

    /// Whether early data have come that were not taken.
    pub(crate) fn has_early_data(&self) -> bool {
        self.inner.tls.has_early_data()
    }

    /// Takes the early data that have come.
    pub(crate) fn take_early(&mut self) -> Vec<u8> {
        self.inner.tls.take_early()
    }

    /// Answers early data; done when the kernel has the answer.
    ///
    /// **Cancel safety:** what was accepted is delivered.
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut written = 0;
        let tls = &mut self.inner.tls;
        let write = poll_fn(|cx| {
            loop {
                if tls.flush()? == Flushed::Blocked {
                    break;
                }
                match &data[written..] {
                    [] => {
                        tls.source().unpark(Direction::Write);
                        return Poll::Ready(Ok(()));
                    }
                    rest => match tls.send(rest)? {
                        Sent::Accepted(count) => written += count,
                        Sent::Blocked => break,
                    },
                }
            }
            tls.source().park(Direction::Write, cx);
            Poll::Pending
        });
        self.deadline.limit(Phase::Handshake, &self.target, write).await
    }
}
