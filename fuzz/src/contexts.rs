//! Who the two ends are.

use std::sync::{Arc, OnceLock};

use lem_rs::TcpStream;
use lem_ssl_rs::{ClientAuth, Context, Error, Identity, Roots, Stream, Version, danger};
use lem_ssl_tests::pki::{Authority, Issued, KeyKind, Leaf};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, NamedGroup, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion, version,
};

use crate::tamper;

/// Which end our library is, and what is agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Role {
    /// Our library is the server.
    pub serves: bool,
    /// TLS 1.2; else 1.3.
    pub old: bool,
    /// The server asks for the client's certificate.
    pub asks: bool,
    /// Our library leaves the records to rustls.
    pub rustls_records: bool,
}

impl Role {
    /// Out of four bits: 1, 2, 4 and 32.
    pub fn of(bits: u8) -> Self {
        Self { serves: bits & 1 != 0, old: bits & 2 != 0, asks: bits & 4 != 0, rustls_records: bits & 32 != 0 }
    }
}

struct Pki {
    root: Authority,
    server: Issued,
    client: Issued,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Authority::new("Test Root");
        // graviola has no Ed25519 in TLS 1.2; the default is ECDSA.
        let server = root.issue(Leaf::server(&["server.test"]).with_key(KeyKind::EcdsaP256));
        let client = root.issue(Leaf::client(&["client"]).with_key(KeyKind::EcdsaP256));
        Pki { root, server, client }
    })
}

/// Both ends, with what they remember of each other: nothing, at first, so that an input alone decides what happens.
pub struct Ends {
    /// Which end our library is.
    pub role: Role,
    /// Our end's.
    pub context: Context,
    theirs: Theirs,
}

enum Theirs {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

impl Ends {
    /// Who have never met.
    pub fn new(role: Role) -> Self {
        let theirs =
            if role.serves { Theirs::Client(Arc::new(client(role))) } else { Theirs::Server(Arc::new(server(role))) };
        Self { role, context: context(role), theirs }
    }

    /// The other end's connection.
    pub(crate) fn connection(&self) -> Connection {
        match &self.theirs {
            Theirs::Client(config) => {
                let name = ServerName::try_from("server.test").expect("the name is good");
                ClientConnection::new(config.clone(), name).expect("the configuration is good").into()
            }
            Theirs::Server(config) => ServerConnection::new(config.clone()).expect("the configuration is good").into(),
        }
    }

    /// Our end's handshake.
    ///
    /// # Errors
    /// If the other end is not content, or we are not.
    pub async fn shake_hands(&self, stream: TcpStream) -> Result<Stream, Error> {
        if self.role.serves {
            self.context.upgrade_server(stream).await
        } else {
            self.context.upgrade(stream, "server.test").await
        }
    }
}

fn context(role: Role) -> Context {
    let roots = Roots::Pem(pki().root.certificate_pem().into_bytes());
    let mine = if role.serves { &pki().server } else { &pki().client };
    let mut provider = rustls_graviola::default_provider();
    provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519);
    let mut builder = danger::provider(Context::builder(), Arc::new(provider))
        .versions([if role.old { Version::Tls12 } else { Version::Tls13 }])
        .rustls_records(role.rustls_records)
        .roots(roots.clone())
        .identity(Identity::from_der(mine.chain_der.clone(), mine.private_key()));
    if role.serves && role.asks {
        builder = builder.client_roots(roots).client_auth(ClientAuth::Required);
    }
    builder.build().expect("the context is good")
}

fn versions(role: Role) -> &'static [&'static SupportedProtocolVersion] {
    const OLD: &[&SupportedProtocolVersion] = &[&version::TLS12];
    const NEW: &[&SupportedProtocolVersion] = &[&version::TLS13];
    if role.old { OLD } else { NEW }
}

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(pki().root.certificate_der().clone()).expect("the root is good");
    Arc::new(roots)
}

fn client(role: Role) -> ClientConfig {
    let provider: Arc<CryptoProvider> = tamper::provider();
    let client = &pki().client;
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(role))
        .expect("the versions are supported")
        .with_root_certificates(roots())
        .with_client_auth_cert(client.chain_der.clone(), client.private_key())
        .expect("the identity is good")
}

fn server(role: Role) -> ServerConfig {
    let provider = tamper::provider();
    let server = &pki().server;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions(role))
        .expect("the versions are supported");
    let builder = if role.asks {
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(), provider);
        builder.with_client_cert_verifier(verifier.build().expect("the roots are good"))
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(server.chain_der.clone(), server.private_key()).expect("the identity is good")
}
