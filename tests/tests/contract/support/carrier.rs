//! The kinds of streams that the contract is checked on: each makes a connected pair inside of one machine.

use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions, Transport, connect_source};
use lem_rs::{Address, BoxedTransport, Deadline, Endpoint, Limits, Listener, Plain, Stream, ToAddress};
use lem_ssl_rs::{ContextBuilder, Tls, Version};
use lem_ssl_tests::scratch::Scratch;

use super::contexts::{client_context, patient_builder, server_context};
use super::run::both;

/// A kind of stream, as a value: what a test does with it is compiled once for each type of stream, and not for each kind.
pub(crate) trait Carrier: Copy + 'static {
    /// What carries the bytes.
    type Carried: Transport;

    /// Two connected streams with these options.
    async fn pair_with(self, options: StreamOptions) -> (Stream<Self::Carried>, Stream<Self::Carried>);

    /// Two connected streams as they are by default.
    async fn pair(self) -> (Stream<Self::Carried>, Stream<Self::Carried>) {
        self.pair_with(StreamOptions::default()).await
    }

    /// Whether the end of a connection is all that a peer sees of it: then an end that was cut looks like a complete one.
    fn ends_alike(self) -> bool {
        false
    }
}

/// Plain streams.
#[derive(Clone, Copy)]
pub(crate) enum Bare {
    /// TCP.
    Tcp,
    /// A Unix-domain socket.
    Unix,
}

/// Encrypted streams.
#[derive(Clone, Copy)]
pub(crate) enum Encrypted {
    /// TLS 1.3 over TCP; the first of the pair is the client.
    Tls13,
    /// As [`Tls13`](Self::Tls13), with the records of rustls.
    Tls13OnRustls,
    /// TLS 1.2 over a Unix-domain socket; the first of the pair is the server.
    Tls12,
}

/// Streams in a box.
#[derive(Clone, Copy)]
pub(crate) enum Boxed {
    /// As [`Bare::Tcp`].
    Tcp,
    /// As [`Encrypted::Tls13`].
    Tls13,
}

impl Carrier for Bare {
    type Carried = Plain;

    async fn pair_with(self, options: StreamOptions) -> (Stream<Plain>, Stream<Plain>) {
        match self {
            Self::Tcp => plain_pair("127.0.0.1:0", options).await,
            Self::Unix => plain_pair(&unix_address(&Scratch::new("contract")), options).await,
        }
    }

    fn ends_alike(self) -> bool {
        matches!(self, Self::Unix)
    }
}

impl Carrier for Encrypted {
    type Carried = Tls;

    async fn pair_with(self, options: StreamOptions) -> (Stream<Tls>, Stream<Tls>) {
        self.pair_of(patient_builder().limits(options.limits).close_deadline(options.close_deadline)).await
    }
}

impl Encrypted {
    /// As [`Carrier::pair`]; a connection that ends without `close_notify` counts as cleanly ended.
    pub(crate) async fn lenient_pair(self) -> (Stream<Tls>, Stream<Tls>) {
        self.pair_of(patient_builder().accept_missing_close_notify(true)).await
    }

    async fn pair_of(self, builder: ContextBuilder) -> (Stream<Tls>, Stream<Tls>) {
        match self {
            Self::Tls13 => tls_pair("127.0.0.1:0", builder.versions([Version::Tls13])).await,
            Self::Tls13OnRustls => {
                tls_pair("127.0.0.1:0", builder.versions([Version::Tls13]).rustls_records(true)).await
            }
            Self::Tls12 => {
                let scratch = Scratch::new("contract");
                let (client, server) = tls_pair(&unix_address(&scratch), builder.versions([Version::Tls12])).await;
                (server, client)
            }
        }
    }
}

impl Carrier for Boxed {
    type Carried = BoxedTransport;

    async fn pair_with(self, options: StreamOptions) -> (Stream<BoxedTransport>, Stream<BoxedTransport>) {
        match self {
            Self::Tcp => boxed(Bare::Tcp.pair_with(options).await),
            Self::Tls13 => boxed(Encrypted::Tls13.pair_with(options).await),
        }
    }
}

fn boxed<T: Transport>((one, other): (Stream<T>, Stream<T>)) -> (Stream<BoxedTransport>, Stream<BoxedTransport>) {
    (one.boxed(), other.boxed())
}

/// The default options with other limits.
pub(crate) fn options_with(limits: Limits) -> StreamOptions {
    StreamOptions::default().limits(limits)
}

async fn plain_pair(address: &str, options: StreamOptions) -> (Stream<Plain>, Stream<Plain>) {
    let listener = Listener::bind(address).await.unwrap();
    let target = target_of(listener.local_addr());
    let deadline = Deadline::after(Duration::from_secs(60));
    let (client, server) = both(connect_source(&target, &deadline), listener.accept_source()).await;
    let stream = |source: Source| Stream::new(Plain::new(source), InputBuffer::default(), options);
    (stream(client.unwrap()), stream(server.unwrap().0))
}

async fn tls_pair(address: &str, builder: ContextBuilder) -> (Stream<Tls>, Stream<Tls>) {
    let server = server_context(builder.clone()).listen(address).await.unwrap();
    let client = client_context(builder);
    let (client, accepted) = both(client.connect_as(server.local_addr(), "localhost"), server.accept()).await;
    (client.unwrap(), accepted.unwrap())
}

/// The address of a socket in `scratch`.
pub(super) fn unix_address(scratch: &Scratch) -> String {
    format!("unix:{}", scratch.path().join("socket").display())
}

fn target_of(endpoint: &Endpoint) -> Address {
    endpoint.to_address().unwrap()
}
