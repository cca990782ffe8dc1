//! The rules of a stream, free of sockets and of clocks: bytes in, decisions out.

mod batch;
mod buffer;
mod mode;
mod reader;
mod slot;

pub(crate) use batch::Batch;
pub use buffer::InputBuffer;
pub use mode::{ParseReadModeError, ReadMode};
pub use reader::Limits;
pub(crate) use reader::{Reader, Verdict};
pub(crate) use slot::{Place, WaiterSlot};
