//! Streams: the original's verbs, written once for every transport.

mod close;
mod copy;
mod graceful_close;
mod halves;
mod handle;
mod inner;
mod lines;
mod options;
mod outbox;
mod plain;
mod polled;
mod read;
mod send_buffer;
mod slots;
mod state;
mod transport;
mod until;
mod whole;
mod write;
mod write_queue;

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
pub use whole::{CloseCause, Stream};
pub use write::Write;
pub use write_queue::WriteQueue;
