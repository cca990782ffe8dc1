//! What connections are accepted by: the listener of plain streams, and the server of encrypted ones.

use std::future::Future;

use lem_rs::transport::Transport;
use lem_rs::{Error, Listener, Plain, Stream};
use lem_ssl_rs::{Context, Server, Tls};
use lem_ssl_tests::scratch::Scratch;

use super::carrier::unix_address;
use super::contexts::{client_context, patient_builder, server_context};

/// Accepts connections, and makes them.
pub(crate) trait Door: Sized + 'static {
    type Carried: Transport;

    async fn open() -> Self;
    async fn connect(&self) -> Result<Stream<Self::Carried>, Error>;
    async fn accept(&self) -> Result<Stream<Self::Carried>, Error>;
    async fn autospawn<F>(&self, handler: impl Fn(Stream<Self::Carried>) -> F) -> Result<(), Error>
    where
        F: Future<Output = ()> + 'static;
    fn interrupt(&self) -> Result<(), Error>;
    fn close(&self) -> Result<(), Error>;
    fn is_busy(&self) -> bool;
    fn is_closed(&self) -> bool;
}

/// A listener on TCP.
pub(crate) struct TcpDoor(Listener);

/// A listener on a Unix-domain socket.
pub(crate) struct UnixDoor(
    Listener,
    /// Where the socket lives.
    #[expect(dead_code, reason = "it is there to be dropped")]
    Scratch,
);

/// A server of TLS on TCP.
pub(crate) struct TlsDoor(Server, Context);

/// The verbs of the accepting value in field 0.
macro_rules! verbs {
    ($carried:ty) => {
        type Carried = $carried;

        async fn accept(&self) -> Result<Stream<$carried>, Error> {
            self.0.accept().await
        }

        async fn autospawn<F>(&self, handler: impl Fn(Stream<$carried>) -> F) -> Result<(), Error>
        where
            F: Future<Output = ()> + 'static,
        {
            self.0.autospawn(handler).await
        }

        fn interrupt(&self) -> Result<(), Error> {
            self.0.interrupt()
        }

        fn close(&self) -> Result<(), Error> {
            self.0.close()
        }

        fn is_busy(&self) -> bool {
            self.0.is_busy()
        }

        fn is_closed(&self) -> bool {
            self.0.is_closed()
        }
    };
}

impl Door for TcpDoor {
    verbs!(Plain);

    async fn open() -> Self {
        Self(Listener::bind("127.0.0.1:0").await.unwrap())
    }

    async fn connect(&self) -> Result<Stream<Plain>, Error> {
        Stream::connect(self.0.local_addr()).await
    }
}

impl Door for UnixDoor {
    verbs!(Plain);

    async fn open() -> Self {
        let scratch = Scratch::new("contract");
        Self(Listener::bind(unix_address(&scratch)).await.unwrap(), scratch)
    }

    async fn connect(&self) -> Result<Stream<Plain>, Error> {
        Stream::connect(self.0.local_addr()).await
    }
}

impl Door for TlsDoor {
    verbs!(Tls);

    async fn open() -> Self {
        let builder = patient_builder();
        Self(server_context(builder.clone()).listen("127.0.0.1:0").await.unwrap(), client_context(builder))
    }

    async fn connect(&self) -> Result<Stream<Tls>, Error> {
        self.1.connect(self.0.local_addr()).await
    }
}
