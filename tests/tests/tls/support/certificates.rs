//! Certificates and configurations, made once.

use std::sync::{Arc, OnceLock};

use lem_ssl_rs::{ContextBuilder, Identity, Roots, Version, danger};
use lem_ssl_tests::pki::{Authority, Issued, Leaf};
use lem_ssl_tests::records::builder;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, NamedGroup, RootCertStore, ServerConfig};

/// Which end of the connection we are; the scripted peer is the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// One authority, and what it issued.
pub(crate) struct Pki {
    pub(crate) root: Authority,
    pub(crate) server: Issued,
    pub(crate) client: Issued,
}

pub(crate) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let root = Authority::new("Test Root");
        let server = root.issue(Leaf::server(&["localhost", "127.0.0.1", "::1"]));
        let client = root.issue(Leaf::client(&["client.test"]));
        Pki { root, server, client }
    })
}

impl Pki {
    /// A client that trusts the authority.
    pub(crate) fn client_context(&self) -> ContextBuilder {
        danger::provider(builder(), provider()).roots(Roots::Pem(self.root.certificate_pem().into_bytes()))
    }

    /// A server that the authority vouches for.
    pub(crate) fn server_context(&self) -> ContextBuilder {
        danger::provider(builder(), provider()).roots(Roots::None).identity(identity(&self.server))
    }

    /// The one or the other.
    pub(crate) fn context(&self, role: Role) -> ContextBuilder {
        match role {
            Role::Client => self.client_context(),
            Role::Server => self.server_context(),
        }
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.certificate_der().clone()).unwrap();
        Arc::new(roots)
    }

    /// A peer that is a server with this identity; it asks for no client certificate.
    pub(crate) fn server_config(&self, issued: &Issued, versions: &[Version]) -> ServerConfig {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions_of(versions))
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(issued.chain_der.clone(), issued.private_key())
            .unwrap()
    }

    /// A peer that is a server, and wants a client certificate of the authority.
    pub(crate) fn strict_server_config(&self, versions: &[Version]) -> ServerConfig {
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider()).build().unwrap();
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions_of(versions))
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.server.chain_der.clone(), self.server.private_key())
            .unwrap()
    }

    /// A peer that is a client; it trusts the authority and has no certificate.
    pub(crate) fn client_config(&self, versions: &[Version]) -> ClientConfig {
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&versions_of(versions))
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }
}

/// Our side's identity.
pub(crate) fn identity(issued: &Issued) -> Identity {
    Identity::from_der(issued.chain_der.clone(), issued.private_key())
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

pub(crate) fn versions_of(versions: &[Version]) -> Vec<&'static rustls::SupportedProtocolVersion> {
    versions
        .iter()
        .map(|version| match version {
            Version::Tls12 => &rustls::version::TLS12,
            _ => &rustls::version::TLS13,
        })
        .collect()
}

/// A scripted client with `config` that asks for `localhost`.
pub(crate) fn client(config: &Arc<ClientConfig>) -> rustls::Connection {
    rustls::ClientConnection::new(config.clone(), "localhost".try_into().unwrap()).unwrap().into()
}

/// A scripted server with `config`.
pub(crate) fn server(config: &Arc<ServerConfig>) -> rustls::Connection {
    rustls::ServerConnection::new(config.clone()).unwrap().into()
}
