//! The machine in a simulated world: clock, network and names in memory, and everything a function of one seed.
//!
//! Needs the feature `sim`. Tasks, timers, streams and listeners are the real ones; only what is outside of the machine is
//! simulated. So a test can run a client and a server, and anything between them that uses the machine's verbs, through
//! hours of bad weather in milliseconds; and what failed once fails again with the same seed.
//!
//! ```
//! use lem_rs::sim::{Faults, Link, Rng, Sim};
//! use lem_rs::{Error, Listener, ReadMode, Stream, spawn};
//!
//! let seed = 42;
//! let sim = Sim::builder(seed)
//!     .host("echo.test", ["10.0.0.1"])
//!     .link(Link::any(&mut Rng::new(seed)))
//!     .faults(Faults::rough())
//!     .build();
//! let answer = sim.run(async {
//!     let listener = Listener::bind("echo.test:7").await?;
//!     spawn(async move {
//!         let stream = listener.accept().await?;
//!         let line = stream.read(ReadMode::Line).await?;
//!         stream.write(&line).await
//!     })
//!     .detach();
//!     let stream = Stream::connect("echo.test:7").await?;
//!     stream.write("hello\n").await?;
//!     stream.read(ReadMode::Line).await
//! })?;
//! assert_eq!(answer.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", sim.trace())), b"hello\n");
//! assert!(sim.leftovers().is_empty(), "{}", sim.leftovers());
//! # Ok::<(), Error>(())
//! ```
//!
//! # How to go about it
//! 1. Build the world without faults, and let servers listen: that needs names and descriptors, which fail in bad
//!    weather. Then call [`Net::set_faults`].
//! 2. Let tasks say what they do with [`Net::note`]: it stands in the [`Trace`] beside what the world does, and changes
//!    nothing.
//! 3. What the test decides, it draws from [`Sim::rng`], one [fork](Rng::fork) for each actor.
//! 4. At the end make it calm again, wait for everything that was spawned, and compare what has to be true. Look at
//!    [`Sim::leftovers`].
//! 5. Do so for some hundred seeds, and print seed and trace when one fails.
//!
//! # Time
//! The clock begins at zero ([`Sim::elapsed`]) and stands still while tasks run. When all wait, it jumps to the next thing
//! that happens; a turn of the machine's loop takes a microsecond, so that a task that spins sees time pass, too. Use
//! [`now`](crate::now) and never `Instant::now`. When tasks wait and nothing can happen any more, the run ends as
//! [`Error::Stalled`](crate::Error::Stalled).
//!
//! # Network
//! Everybody shares one machine: clients and servers are its tasks. A server listens on any address, a name's or
//! another; what nobody listens on refuses. Clients come from 192.0.2.1 or `2001:db8::1`, or from the loopback address that
//! they connect to. Unix-domain sockets exist as well. A connection has a [`Link`]: latency, jitter, bandwidth,
//! finite buffers at both ends, segments. The ends of a connection follow Linux: closing with something unread
//! sends RST, what arrives at a closed socket is answered with RST, a reset is told once and then reads end; and an
//! event is told once after each call that found nothing, not again. On one half of the connections a short read or write
//! means that there is no more now, on the other half it means nothing, as systems differ in that. A connect that
//! nobody answers fails after 127 seconds; a connection that is cut off never does.
//!
//! UDP sockets share the machine as well. A datagram travels for the link's latency and jitter, so that one may overtake
//! another; with [`Fault::DatagramLoss`], [`Fault::DatagramDuplicate`] and [`Fault::DatagramReorder`] more happens to it.
//! What finds a receiver's buffer full is lost, and what nobody receives is told to a sender with a peer, as ICMP does.
//! Multicast and broadcast reach every socket of the world that wants them.
//!
//! # Signals
//! With the feature `signal` a test sends them with `Net::signal`.
//!
//! # Faults
//! Each [`Fault`] has a probability in [`Faults`] and is counted in [`FaultCounts`]. They hold for the whole world;
//! [`Net`] has switches for a test that wants a certain fault at a certain place or time.
//!
//! # What is not simulated
//! - **Threads.** [`unblock`](crate::unblock) runs its call on a thread after a virtual delay, and the whole world waits
//!   for it: it cannot race. A waker that another thread keeps is not waited for. Sockets of the operating
//!   system cannot be adopted, and its descriptors cannot be watched.
//! - **Randomness of cryptography.** The contents of TLS records differ between runs; their sizes do not, if the
//!   identities and the authorities that issued them have Ed25519 or RSA keys: signatures by ECDSA vary in length
//!   (`lem-ssl-rs` makes such identities with `Identity::self_signed_ed25519`). The [`Trace`] holds only times, addresses
//!   and sizes.
//! - **What outlives a run.** A TLS context remembers sessions; make new ones for each run.
//! - **The calendar.** Certificates and tickets go by the real clock.
//! - **Hash tables.** A program that iterates over a `HashMap` gets another order in each run; use a `BTreeMap`.
//!
//! # Wakers
//! A run fails as soon as a future says `Pending` and nothing is left that could wake its task: a lost wake-up is found
//! where it begins ([`SimBuilder::check_wakers`]).

mod agenda;
mod bound;
mod conn;
mod connecting;
mod datagrams;
mod faults;
mod link;
mod names;
mod net;
mod rng;
mod shared;
#[cfg(feature = "signal")]
mod signals;
mod simulation;
mod state;
mod trace;
mod wire;
mod world;

pub use faults::{Fault, FaultCounts, Faults};
pub use link::Link;
pub use net::Net;
pub use rng::Rng;
pub use simulation::{Leftovers, Sim, SimBuilder};
pub use trace::{Event, Trace};
