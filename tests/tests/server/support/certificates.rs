//! One authority, and the contexts of those who trust it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lem_ssl_rs::{Context, ContextBuilder, Identity, Roots, Stream, danger};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use lem_ssl_tests::records::builder;
use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

/// Two cores, many tests at once, and unoptimised arithmetic: the default of ten seconds may be too few.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who vouches for all servers and clients here.
pub(crate) fn root() -> &'static Authority {
    static ROOT: OnceLock<Authority> = OnceLock::new();
    ROOT.get_or_init(|| Authority::new("Test Root"))
}

/// A server's chain and key for these names.
pub(crate) fn issue(names: &[&str]) -> Issued {
    root().issue(Leaf::server(names))
}

pub(crate) fn identity(issued: &Issued) -> Identity {
    Identity::from_der(issued.chain_der.clone(), issued.private_key())
}

/// A patient server's context, without an identity.
pub(crate) fn server_builder() -> ContextBuilder {
    danger::provider(builder(), provider()).roots(Roots::None).handshake_deadline(PATIENCE)
}

/// The context of a server that is `localhost`.
pub(crate) fn server_context() -> Context {
    server_builder().identity(localhost().clone()).build().unwrap()
}

/// A patient client's context, which trusts the authority.
pub(crate) fn client_builder() -> ContextBuilder {
    danger::provider(builder(), provider())
        .roots(Roots::Pem(root().certificate_pem().into_bytes()))
        .handshake_deadline(PATIENCE)
        .connect_deadline(PATIENCE)
}

/// A client without an identity.
pub(crate) fn client_context() -> Context {
    client_builder().build().unwrap()
}

/// What the other end of `stream` has shown.
#[track_caller]
pub(crate) fn certificates_of(stream: &Stream) -> Vec<CertificateDer<'static>> {
    stream.info().unwrap().peer_certificates
}

/// The cryptography of both ends, with the one key exchange that is fast and short: thousands of handshakes are made.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| {
            let mut provider = rustls_graviola::default_provider();
            provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
            Arc::new(provider)
        })
        .clone()
}

fn localhost() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| identity(&issue(&["localhost", "127.0.0.1", "::1"])))
}
