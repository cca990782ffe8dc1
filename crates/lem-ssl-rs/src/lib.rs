#![doc = include_str!("../README.md")]
//!
//! # What is where
//!
//! | to | see |
//! |---|---|
//! | choose whom to trust and who to be | [`Context`], [`ContextBuilder`], [`Roots`], [`Identity`] |
//! | recognise servers by their keys | [`Trust`], [`KnownHosts`], [`SpkiHash`] |
//! | choose identities by the hello | [`ContextBuilder::identity_resolver`], [`ClientHello`] |
//! | bring parts of rustls along: verifiers, cryptography, signers | [`danger`] |
//! | hand over certificates and keys in DER | [`pki_types`], a crate of its own with a promise of its own (1.x) |
//! | connect | [`Context::connect`], [`Context::connect_as`], [`Context::upgrade`] |
//! | accept | [`Context::listen`], [`Server`], [`Context::upgrade_server`] |
//! | read and write | [`Stream`], [`ReadMode`], [`ReadHalf`], [`WriteHalf`], [`WriteQueue`] |
//! | take any stream, encrypted or not | [`BoxedStream`], [`lem_rs::Stream::boxed`] |
//! | give a stream to another library | [`Polled`], with the features `futures-io`, `tokio-io` and `hyper` |
//! | know what was agreed, and with whom | [`Info`], [`Info::peer`], [`CipherSuite`], [`NamedGroup`] |
//! | export keying material, bind a login to a connection | [`ExportKeyingMaterial`], [`ChannelBinding`] |
//! | know what went wrong | [`Error`], [`TlsError`], [`AlertDescription`], [`CertificateProblem`] |
//! | look at certificates | [`Certificate`], [`Context::explain`], [`Explanation`] |
//! | test in a simulated world | `sim`, with the feature of that name, and the chapter on it in the [guide] |
//! | talk to a machine from other threads | [`channel`], [`Spawner`] |
//! | take over sockets of a service manager | `activation`, with the feature of that name, on Linux |
//! | relay | [`copy`], [`copy_bidirectional`] |
//! | send datagrams, receive signals, read standard input | [`UdpSocket`], `signal` with the feature, [`stdio`] |
//! | put a protocol of your own under the verbs | [`lem_rs::transport`], which is unstable |
//! | run it all | [`run_main`], [`Machine`], [`JoinSet`], [`spawn`], [`sleep`], [`within`], [`timeout`], [`Queue`] |
//!
//! The machine, the streams' verbs and the errors come from [`lem_rs`], whose documentation tells more; what a program
//! needs of it is here as well, and the rest under [`lem_rs`], so that `lem-ssl-rs` is the only line in your manifest.
//!
//! # What 0.1 promises
//!
//! A program that builds with 0.1.0 builds with every 0.1.x, and does the same there, but for three things:
//!
//! - [`danger`] is the door to [rustls](danger::rustls): only there do signatures name its types, which change with its
//!   version, and in any 0.x release. Everything else stays as it is when the library moves to another rustls.
//! - [`lem_rs::transport`] is for authors of transports and unstable, and so is every method whose documentation says
//!   so. Of it, the bound `T: Transport` is stable.
//! - Enums get variants and structs get fields where they are `#[non_exhaustive]`; the few that are not say why. The
//!   texts of messages get better, but for those that the contract fixes: "busy", "not busy", "interrupted", "closed"
//!   and "already closed".
//!
//! [`pki_types`] is a crate of its own that promises to stay compatible within 1.x; this one keeps to 1.x of it. What a
//! connection is made of by default (versions, suites, groups, roots) moves with what is held to be safe, in any
//! release.
//!
//! All that is public is listed in `SURFACE.txt`, which a check compares: nothing changes there unnoticed, and rustls
//! is named nowhere but behind its door. The oldest compiler is `rust-version` in the manifest, 1.89 now; a patch
//! release never raises it.
#![forbid(unsafe_code)]
// On docs.rs each item that needs a feature says so.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aead_key;
mod base64;
mod client;
mod context;
pub mod danger;
mod der;
mod early_keys;
mod error;
mod explain;
mod export;
mod exporter;
pub mod guide;
mod handshake;
mod identity;
mod info;
mod key_tap;
mod live;
mod meter;
mod parameters;
mod pem;
mod provider;
mod record_layer;
mod server;
mod session;
mod text;
mod tickets;
mod traffic;
mod transport;
mod trust;
mod x509;

pub use context::{Context, ContextBuilder, Version};
pub use error::{
    CertificateCheck, CertificateFault, CertificateFinding, CertificateProblem, ConfigError, ConfigPart, Error,
    Explanation, TlsCause, TlsError,
};
pub use export::{ChannelBinding, ExportKeyingMaterial};
pub use identity::{ClientHello, Identity, IdentityChoice, IdentityWarning, UnknownName};
pub use info::{HandshakeKind, Info};
pub use lem_rs;
#[cfg(unix)]
pub use lem_rs::Watcher;
#[cfg(all(feature = "activation", target_os = "linux"))]
pub use lem_rs::activation;
#[cfg(feature = "hyper")]
pub use lem_rs::hyper;
#[cfg(feature = "signal")]
pub use lem_rs::signal;
#[cfg(feature = "sim")]
pub use lem_rs::sim;
pub use lem_rs::{
    Address, AddressError, Attempt, BoxedInfo, BoxedStream, BoxedTransport, CancelOnDrop, CloseCause, ConnectError,
    CopyError, CopySide, Cut, Deadline, EndOfStream, Endpoint, HandlerError, HandlerResult, Inbox, JoinError,
    JoinHandle, JoinSet, KeepAlive, Limits, ListenOptions, Listener, Machine, MachineBuilder, OwnedListener,
    OwnedSocket, ParseReadModeError, Phase, Plain, Queue, QueueReset, ReadMode, RemoteTask, Resolve, Sleep, Sleeper,
    SocketOptions, Spawner, StreamHandle, TcpStream, Timeout, ToAddress, UdpOptions, UdpSocket, UnixStream, channel,
    copy, copy_bidirectional, now, run_main, sleep, sleep_until, spawn, stdio, timeout, unblock, within, yield_now,
};
pub use live::LiveContext;
pub use parameters::{AlertDescription, CipherSuite, NamedGroup, SignatureScheme};
pub use rustls::pki_types;
pub use server::{
    Counters, Drained, Early, Failures, Replayable, Server, ServerEvent, ServerOptions, Threads, serve_threads,
};
pub use tickets::{FleetSecret, Tickets};
pub use transport::{Polled, ReadHalf, Stream, Tls, WriteHalf, WriteQueue};
#[cfg(not(feature = "system-roots"))]
#[doc(hidden)]
pub use trust::FeatureSystemRootsIsOff;
pub use trust::{ClientAuth, KnownHosts, RevocationLists, Roots, Trust};
pub use x509::{AlternativeName, Certificate, Date, ParseSpkiHashError, SpkiHash, UnreadableCertificate};
