//! The rules of a stream, free of sockets and of clocks: bytes in, decisions out.

mod buffer;
mod mode;
mod reader;
mod slot;

pub use buffer::InputBuffer;
pub(crate) use buffer::newline_in;
pub use mode::{ParseReadModeError, ReadMode};
pub use reader::Limits;
pub(crate) use reader::{Reader, Verdict};
pub(crate) use slot::{Place, WaiterSlot};
