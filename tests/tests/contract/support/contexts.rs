//! The contexts of the encrypted streams.

use std::sync::OnceLock;
use std::time::Duration;

use lem_ssl_rs::{Context, ContextBuilder, Identity, Roots};
use lem_ssl_tests::pki::{self, Leaf};

/// A builder for clients and servers that gives handshakes their time.
pub(crate) fn patient_builder() -> ContextBuilder {
    // Two cores, many tests at once, and unoptimised arithmetic: ten seconds may be too few.
    Context::builder().handshake_deadline(Duration::from_secs(60))
}

/// The context of a server that is `localhost` and 127.0.0.1.
pub(crate) fn server_context(builder: ContextBuilder) -> Context {
    builder.roots(Roots::None).identity(identity().clone()).build().unwrap()
}

/// The context of a client that trusts this server, and nobody else.
pub(crate) fn client_context(builder: ContextBuilder) -> Context {
    builder.roots(Roots::Pem(identity().chain_pem().into())).build().unwrap()
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let issued = pki::self_signed(Leaf::server(&["localhost", "127.0.0.1"]));
        Identity::from_pem(issued.chain_pem, issued.key_pem).unwrap()
    })
}
