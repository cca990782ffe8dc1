//! Streams: the original's verbs, written once for every transport.
//!
//! | for | see |
//! |---|---|
//! | the verbs | `whole`: [`Stream`]; `halves`, `polled`, `handle`, `lines`, `until`, `copy`, `write_queue`, `write_turns` |
//! | what a poll of one does | `read`, `write`, `close` on the shared `inner`; `slots`: which operation waits |
//! | the state | `state`: the connection and its two directions; `send_buffer`: accepted, not with the transport |
//! | the transport | `transport`: the trait; `plain`: the simplest one; `outbox`: sealed, not with the kernel |
//! | the end | `closing`: flush, goodbye, wait for the peer's; `graceful_close`: what waits for that |

mod boxed;
mod carrier;
mod close;
mod close_cause;
mod closing;
mod copy;
mod graceful_close;
mod halves;
mod handle;
mod handle_target;
mod inner;
mod lines;
mod options;
mod outbox;
mod plain;
mod polled;
mod read;
mod retyped;
mod send_buffer;
mod slots;
mod state;
mod transport;
mod until;
mod whole;
mod write;
mod write_queue;
mod write_turns;

pub use boxed::{BoxedInfo, BoxedStream, BoxedTransport};
pub use close_cause::CloseCause;
pub use copy::{CopyError, CopySide, ReadSide, WriteSide, copy, copy_bidirectional};
pub use graceful_close::close_transport;
pub use halves::{ReadHalf, WriteHalf};
pub use handle::StreamHandle;
pub use lines::Lines;
pub use options::StreamOptions;
pub use outbox::Outbox;
pub use plain::Plain;
pub use polled::Polled;
pub use read::{Read, ReadInto};
pub use transport::{Flushed, Received, Sent, Transport};
pub use until::{Peek, ReadUntil};
pub use whole::Stream;
pub use write::Write;
pub use write_queue::WriteQueue;
