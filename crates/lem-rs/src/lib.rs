#![doc = include_str!("../README.md")]
//!
//! # What is where
//!
//! | to | see |
//! |---|---|
//! | run tasks | [`Machine`], [`run_main`], [`spawn`], [`JoinHandle`], [`yield_now`], [`unblock`] |
//! | keep tasks together, end them | [`JoinSet`], [`JoinHandle::cancel_on_drop`] |
//! | wait | [`sleep`], [`within`], [`timeout`], [`Deadline`], [`Sleeper`] |
//! | talk between tasks | [`Queue`], [`Inbox`], [`WriteQueue`] |
//! | talk to a machine from other threads | [`channel`], [`Spawner`] |
//! | connect and listen | [`TcpStream`], [`UnixStream`], [`Listener`], [`Address`] |
//! | read and write | [`Stream`], [`ReadMode`], [`ReadHalf`], [`WriteHalf`], [`copy`], [`copy_bidirectional`] |
//! | take any stream | [`Stream::boxed`], [`BoxedStream`] |
//! | set options of sockets | [`SocketOptions`], [`KeepAlive`] |
//! | send datagrams | [`UdpSocket`] |
//! | wait for any descriptor | `Watcher`, on Unix |
//! | take over sockets of a service manager | `activation`, with the feature of that name, on Linux |
//! | receive signals | `signal`, with the feature of that name |
//! | read standard input | [`stdio`] |
//! | give a stream to another library | [`Polled`], with the features `futures-io`, `tokio-io` and `hyper` |
//! | know what went wrong | [`Error`] |
//! | test in a simulated world | `sim`, with the feature of that name |
//! | put a protocol of your own under the verbs | [`transport`], which is unstable |
//! | write a function for streams of any kind | the bound [`Transport`](transport::Transport) |
//!
//! # Outside of a machine
//!
//! What needs a machine finds the one that runs on the current thread. Outside of [`Machine::run`], what begins or
//! awaits tasks, calls on other threads, and time panics, because that is a mistake in the program: `spawn`, `unblock`,
//! `sleep`, `within`, [`Sleeper`], [`Queue`], each under "Panics". What works with sockets, files and signals returns
//! [`Error::Misuse`].
//!
//! # What 0.1 promises
//!
//! A program that builds with 0.1.0 builds with every 0.1.x, and does the same there, but for two things:
//!
//! - [`transport`] is for authors of transports and unstable, and so is every method whose documentation says so. Of
//!   it, the bound `T: Transport` is stable.
//! - Enums get variants and structs get fields where they are `#[non_exhaustive]`; the few that are not say why. The
//!   texts of messages get better, but for those that the contract fixes: "busy", "not busy", "interrupted", "closed"
//!   and "already closed".
//!
//! All that is public is listed in `SURFACE.txt`, which a check compares: nothing changes there unnoticed. The features
//! `futures-io`, `tokio-io` and `hyper` implement the traits of `futures-io` 0.3, `tokio` 1 and `hyper` 1. The oldest
//! compiler is `rust-version` in the manifest, 1.89 now; a patch release never raises it.
#![forbid(unsafe_code)]
// On docs.rs each item that needs a feature says so.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "activation", target_os = "linux"))]
pub mod activation;
mod endpoint;
mod error;
mod interop;
mod net;
mod proto;
mod runtime;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;
pub mod stdio;
mod stream;
mod sync;
mod time;
pub mod transport;
mod world;

pub use endpoint::Endpoint;
pub use error::{
    AddressError, Attempt, ConnectError, Cut, EndOfStream, Error, JoinError, Phase, ProtocolError, Timeout,
};
#[cfg(feature = "hyper")]
pub use interop::hyper;
pub use net::{Address, HandlerError, HandlerResult, KeepAlive, Listener, SocketOptions, ToAddress, UdpSocket};
pub use proto::{Limits, ParseReadModeError, ReadMode};
#[cfg(unix)]
pub use runtime::Watcher;
pub use runtime::{
    CancelOnDrop, Direction, JoinHandle, JoinSet, Machine, MachineBuilder, Unblock, longest_poll, now, run_main, spawn,
    unblock, yield_now,
};
pub use stream::{
    BoxedInfo, BoxedStream, BoxedTransport, CloseCause, CopyError, CopySide, Lines, Peek, Plain, Polled, Read,
    ReadHalf, ReadInto, ReadSide, ReadUntil, Stream, StreamHandle, Write, WriteHalf, WriteQueue, WriteSide, copy,
    copy_bidirectional,
};
pub use sync::{Get, Inbox, Queue, QueueReset, RemoteTask, Sleeper, Spawner, Take, channel};
pub use time::{Deadline, Sleep, sleep, sleep_until, timeout, within};
pub use world::{ListenOptions, OwnedListener, OwnedSocket, Resolve, UdpOptions};

/// A plain TCP stream.
pub type TcpStream = Stream<Plain>;

/// A plain stream over a Unix-domain socket.
pub type UnixStream = Stream<Plain>;
