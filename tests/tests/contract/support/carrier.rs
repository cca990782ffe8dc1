//! The kinds of streams that the contract is checked on: each makes a connected pair inside of one machine.

use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions, Transport, connect_source};
use lem_rs::{Address, BoxedTransport, Deadline, Endpoint, Limits, Listener, Plain, Stream, ToAddress};
use lem_ssl_rs::{ContextBuilder, Tls, Version};
use lem_ssl_tests::scratch::Scratch;

use super::contexts::{client_context, patient_builder, server_context};
use super::run::both;

/// A kind of stream.
pub(crate) trait Carrier: 'static {
    /// What carries the bytes.
    type Carried: Transport;

    /// Two connected streams with these options.
    async fn pair_with(options: StreamOptions) -> (Stream<Self::Carried>, Stream<Self::Carried>);

    /// Two connected streams as they are by default.
    async fn pair() -> (Stream<Self::Carried>, Stream<Self::Carried>) {
        Self::pair_with(StreamOptions::default()).await
    }
}

/// A kind of stream that is encrypted.
pub(crate) trait Encrypted: Carrier<Carried = Tls> {
    /// As [`Carrier::pair`]; a connection that ends without `close_notify` counts as cleanly ended.
    async fn lenient_pair() -> (Stream<Tls>, Stream<Tls>);
}

/// Plain TCP.
pub(crate) struct Tcp;

/// A plain Unix-domain socket.
pub(crate) struct Unix;

/// TLS 1.3 over TCP; the first of the pair is the client.
pub(crate) struct Tls13;

/// As [`Tls13`], with the records of rustls.
pub(crate) struct Tls13OnRustls;

/// TLS 1.2 over a Unix-domain socket; the first of the pair is the server.
pub(crate) struct Tls12;

/// A plain stream, in a box.
pub(crate) struct BoxedTcp;

/// A stream of TLS 1.3, in a box.
pub(crate) struct BoxedTls13;

impl Carrier for BoxedTcp {
    type Carried = BoxedTransport;

    async fn pair_with(options: StreamOptions) -> (Stream<BoxedTransport>, Stream<BoxedTransport>) {
        let (one, other) = Tcp::pair_with(options).await;
        (one.boxed(), other.boxed())
    }
}

impl Carrier for BoxedTls13 {
    type Carried = BoxedTransport;

    async fn pair_with(options: StreamOptions) -> (Stream<BoxedTransport>, Stream<BoxedTransport>) {
        let (one, other) = Tls13::pair_with(options).await;
        (one.boxed(), other.boxed())
    }
}

impl Carrier for Tcp {
    type Carried = Plain;

    async fn pair_with(options: StreamOptions) -> (Stream<Plain>, Stream<Plain>) {
        plain_pair("127.0.0.1:0", options).await
    }
}

impl Carrier for Unix {
    type Carried = Plain;

    async fn pair_with(options: StreamOptions) -> (Stream<Plain>, Stream<Plain>) {
        let scratch = Scratch::new("contract");
        plain_pair(&unix_address(&scratch), options).await
    }
}

impl Carrier for Tls13 {
    type Carried = Tls;

    async fn pair_with(options: StreamOptions) -> (Stream<Tls>, Stream<Tls>) {
        tls_pair("127.0.0.1:0", builder(Version::Tls13, options)).await
    }
}

impl Encrypted for Tls13 {
    async fn lenient_pair() -> (Stream<Tls>, Stream<Tls>) {
        let builder = builder(Version::Tls13, StreamOptions::default());
        tls_pair("127.0.0.1:0", builder.accept_missing_close_notify(true)).await
    }
}

impl Carrier for Tls13OnRustls {
    type Carried = Tls;

    async fn pair_with(options: StreamOptions) -> (Stream<Tls>, Stream<Tls>) {
        tls_pair("127.0.0.1:0", builder(Version::Tls13, options).rustls_records(true)).await
    }
}

impl Encrypted for Tls13OnRustls {
    async fn lenient_pair() -> (Stream<Tls>, Stream<Tls>) {
        let builder = builder(Version::Tls13, StreamOptions::default()).rustls_records(true);
        tls_pair("127.0.0.1:0", builder.accept_missing_close_notify(true)).await
    }
}

impl Carrier for Tls12 {
    type Carried = Tls;

    async fn pair_with(options: StreamOptions) -> (Stream<Tls>, Stream<Tls>) {
        tls12_pair(builder(Version::Tls12, options)).await
    }
}

impl Encrypted for Tls12 {
    async fn lenient_pair() -> (Stream<Tls>, Stream<Tls>) {
        tls12_pair(builder(Version::Tls12, StreamOptions::default()).accept_missing_close_notify(true)).await
    }
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

async fn tls12_pair(builder: ContextBuilder) -> (Stream<Tls>, Stream<Tls>) {
    let scratch = Scratch::new("contract");
    let (client, server) = tls_pair(&unix_address(&scratch), builder).await;
    (server, client)
}

async fn tls_pair(address: &str, builder: ContextBuilder) -> (Stream<Tls>, Stream<Tls>) {
    let server = server_context(builder.clone()).listen(address).await.unwrap();
    let client = client_context(builder);
    let (client, accepted) = both(client.connect_as(server.local_addr(), "localhost"), server.accept()).await;
    (client.unwrap(), accepted.unwrap())
}

fn builder(version: Version, options: StreamOptions) -> ContextBuilder {
    patient_builder().versions([version]).limits(options.limits).close_deadline(options.close_deadline)
}

/// The address of a socket in `scratch`.
pub(super) fn unix_address(scratch: &Scratch) -> String {
    format!("unix:{}", scratch.path().join("socket").display())
}

fn target_of(endpoint: &Endpoint) -> Address {
    endpoint.to_address().unwrap()
}
