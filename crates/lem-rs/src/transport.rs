//! What the author of a transport needs: a protocol of your own under the verbs of [`Stream`](crate::Stream).
//!
//! **This module is unstable.** It may change in any 0.x release, and the promise of the rest of the crate does not
//! cover it, nor the methods elsewhere that take or return its types ([`Stream::new`](crate::Stream::new),
//! [`Stream::into_parts`](crate::Stream::into_parts), [`Listener::accept_source`](crate::Listener::accept_source),
//! and those of [`Plain`](crate::Plain)). One use of it is stable: `T: Transport` as a bound, for functions that
//! take a stream of any kind. A program that only opens streams, reads and writes needs nothing else of it.
//!
//! # Where a transport stands
//!
//! ```text
//! Stream, Polled, ReadHalf, WriteHalf     the verbs: one waiter for each direction, limits, deadlines, nothing lost
//!          |                              written once, for every transport
//!      Transport                          bytes in and out of a protocol: what this module is about
//!          |
//!        Source                           the socket: calls that do not block, readiness, the loop's buffers
//! ```
//!
//! A stream calls its transport, which calls its source; nothing calls back. No call of a transport waits: it says
//! that it is [blocked](Received::Blocked), and the stream registers its task with [`Transport::source`] and tries
//! again when the socket is ready. So a transport has no tasks, wakers and timers; what it holds is the state of
//! its protocol:
//!
//! - **Received bytes** go into the [`InputBuffer`] that [`Transport::receive`] is given. What the verbs promise (a
//!   dropped or interrupted read has consumed nothing) is the stream's work. What cannot be delivered yet, such as
//!   a part of a record, stays in the transport.
//! - **Bytes to send** that the kernel refuses wait in an [`Outbox`]. A transport that accepted bytes delivers
//!   them, or the stream fails.
//! - **Memory** for one call is lent by the source ([`Source::with_receive_arena`], [`Source::with_send_arena`]),
//!   so that an idle stream holds none.
//! - **Work** that a peer causes beside moving bytes is charged with [`Source::charge`], so that no peer gets more
//!   than its share of the loop. What takes long, as the public-key part of a handshake, waits for a [`CpuPermit`]
//!   first.
//!
//! What comes before there is a stream, a handshake for example, is a future of your own: it calls the transport,
//! and after "blocked" [parks](Source::park) its task. [`close_transport`] says goodbye for a transport that never
//! became a stream.
//!
//! # A transport
//!
//! It sends everything in capitals, receives what comes, and counts what it has sent.
//!
//! ```
//! use std::io::ErrorKind;
//! use std::time::Duration;
//!
//! use lem_rs::transport::{
//!     Flushed, InputBuffer, Outbox, Received, Sent, Source, StreamOptions, Transport, connect_source,
//! };
//! use lem_rs::{Deadline, EndOfStream, Error, Listener, Machine, ReadMode, Stream, ToAddress};
//!
//! struct Capitals {
//!     source: Source,
//!     outbox: Outbox,
//!     sent: usize,
//! }
//!
//! /// So much is taken from a write at once: the rest is offered again when the kernel has this.
//! const MAX_AHEAD: usize = 64 * 1024;
//!
//! impl Transport for Capitals {
//!     /// How many bytes were sent.
//!     type Info = usize;
//!
//!     fn info(&self) -> usize {
//!         self.sent
//!     }
//!
//!     fn source(&self) -> &Source {
//!         &self.source
//!     }
//!
//!     fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
//!         self.source.with_receive_arena(|arena| {
//!             let room = want.clamp(1, arena.len());
//!             match self.source.try_read(&mut arena[..room]) {
//!                 Ok(0) => Received::Ended(EndOfStream::Clean),
//!                 Ok(count) => {
//!                     input.extend(&arena[..count]);
//!                     Received::Progress
//!                 }
//!                 Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Blocked,
//!                 Err(error) => Received::Ended(EndOfStream::Failed(Error::io("read", error))),
//!             }
//!         })
//!     }
//!
//!     fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
//!         let accepted = &data[..data.len().min(MAX_AHEAD)];
//!         // What the kernel does not take stays in the outbox, which is now our responsibility.
//!         self.outbox.send(&self.source, &accepted.to_ascii_uppercase())?;
//!         self.sent += accepted.len();
//!         Ok(Sent::Accepted(accepted.len()))
//!     }
//!
//!     fn has_pending(&self) -> bool {
//!         !self.outbox.is_empty()
//!     }
//!
//!     fn flush(&mut self) -> Result<Flushed, Error> {
//!         self.outbox.flush(&self.source)
//!     }
//!
//!     /// The protocol has no goodbye of its own: FIN, which the stream sends, is all.
//!     fn end_sending(&mut self) {}
//!
//!     /// So only a reset can tell a peer that something is missing.
//!     fn make_end_abnormal(&self) {
//!         let _ = self.source.reset_when_closed();
//!     }
//! }
//!
//! Machine::new()?.run(async {
//!     let listener = Listener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr().to_address()?;
//!     let source = connect_source(&address, &Deadline::after(Duration::from_secs(10))).await?;
//!     let peer = listener.accept().await?;
//!
//!     let transport = Capitals { source, outbox: Outbox::default(), sent: 0 };
//!     let stream = Stream::new(transport, InputBuffer::default(), StreamOptions::default());
//!     stream.write("hello\n").await?;
//!     assert_eq!(peer.read(ReadMode::Line).await?, b"HELLO\n");
//!     peer.write("and back\n").await?;
//!     assert_eq!(stream.read(ReadMode::Line).await?, b"and back\n");
//!     assert_eq!(stream.info(), Some(6));
//!     Ok::<(), Error>(())
//! })??;
//! # Ok::<(), Error>(())
//! ```
//!
//! `stream/plain.rs` is the transport of plain sockets, and `transport.rs` of `lem-ssl-rs` that of TLS. In the
//! [simulated world](https://docs.rs/lem-rs/latest/lem_rs/sim) a transport runs as it is, over links that a seed
//! breaks.

pub use crate::net::{Accept, connect_source, resolve};
pub use crate::proto::InputBuffer;
pub use crate::runtime::{CpuPermit, Source, SourceHandle};
pub use crate::stream::{Flushed, Outbox, Received, Sent, StreamOptions, Transport, close_transport};
