//! placeholder docs
#![forbid(unsafe_code)]

mod error;
mod net;
mod proto;
mod runtime;
mod stream;
mod sync;
mod time;
mod world;

pub use error::{AddressError, Attempt, ConnectError, Cut, Error, JoinError, Phase, Timeout};
pub use net::{Accept, Address, Listener, ToAddress, connect_source};
pub use proto::{EndOfStream, InputBuffer, Limits, ParseReadModeError, ReadMode};
pub use runtime::{
    Direction, JoinHandle, Machine, MachineBuilder, Source, Unblock, now, spawn, unblock, yield_now,
};
pub use stream::{
    CloseCause, Flushed, Outbox, Plain, Read, ReadHalf, ReadInto, Received, Sent, Stream,
    StreamOptions, Transport, Write, WriteHalf, WriteQueue, close_transport,
};
pub use sync::{Get, Queue, QueueReset, Sleeper};
pub use time::{Deadline, Sleep, sleep, sleep_until, timeout};
pub use world::{Endpoint, OwnedSocket, Resolve};

/// A plain TCP stream.
pub type TcpStream = Stream<Plain>;

/// A plain stream over a Unix-domain socket.
pub type UnixStream = Stream<Plain>;
