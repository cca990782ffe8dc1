//! Identities whose signatures have one length, and an encrypted echo.

use std::sync::{Arc, OnceLock};

use lem_rs::spawn;
use lem_ssl_rs::{Context, Error, Identity, ReadMode, Roots, danger};
use lem_ssl_tests::pki::{Authority, Issued, KeyKind, Leaf};
use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;

/// A server for `server.test`, and a client that trusts it. New ones for each run: they remember sessions.
pub(crate) fn contexts() -> (Context, Context) {
    contexts_with(Arc::new(provider()))
}

/// As [`contexts`], with this cryptography.
pub(crate) fn contexts_with(provider: Arc<CryptoProvider>) -> (Context, Context) {
    static PKI: OnceLock<(Authority, Issued)> = OnceLock::new();
    let (root, issued) = PKI.get_or_init(|| {
        let root = Authority::with_key("Test Root", KeyKind::Ed25519);
        let issued = root.issue(Leaf::server(&["server.test"]).with_key(KeyKind::Ed25519));
        (root, issued)
    });
    let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
    let roots = Roots::Pem(root.certificate_pem().into_bytes());
    let client = danger::provider(Context::builder(), provider.clone()).roots(roots);
    let server = danger::provider(Context::builder(), provider).roots(Roots::None).identity(identity);
    (client.build().unwrap(), server.build().unwrap())
}

/// One key exchange, the fastest: many handshakes are made.
pub(crate) fn provider() -> CryptoProvider {
    let mut provider = rustls_graviola::default_provider();
    provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
    provider
}

/// Sends `data` to an encrypted echo at `server.test:443` and returns what comes back.
pub(crate) async fn echo(data: Vec<u8>) -> Result<Vec<u8>, Error> {
    let (client, server) = contexts();
    let listening = server.listen("server.test:443").await?;
    let serving = spawn(async move {
        let stream = listening.accept().await?;
        loop {
            match stream.read(ReadMode::Available).await {
                Ok(bytes) => stream.write(&bytes).await?,
                Err(Error::Closed) => return stream.shutdown().await,
                Err(error) => return Err(error),
            }
        }
    });
    let (reader, writer) = client.connect("server.test:443").await?.split();
    let writing = spawn(async move {
        writer.write(&data).await?;
        writer.close()
    });
    let back = reader.read(ReadMode::All).await;
    writing.await??;
    drop(reader);
    serving.await??;
    back
}
