//! Building a context.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::{Limits, StreamOptions};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, KeyLogFile, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::{Context, Deadlines, Inner, no_identity, no_roots};
use crate::error::{ConfigError, ConfigPart, Error};
use crate::identity::Identity;
use crate::provider::default_provider;
use crate::trust::{ClientChain, Roots, ServerChain, load};

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.2 (RFC 5246), with ECDHE key exchange and AEAD suites only.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Chooses what a [`Context`] does. What is not chosen has a safe default.
#[derive(Clone)]
#[must_use = "call build"]
pub struct ContextBuilder {
    roots: Vec<Roots>,
    identity: Option<Identity>,
    client_roots: Vec<Roots>,
    alpn: Vec<Vec<u8>>,
    versions: Vec<Version>,
    provider: Option<Arc<CryptoProvider>>,
    deadlines: Deadlines,
    options: StreamOptions,
    accept_missing_close_notify: bool,
    key_log: bool,
    handshakes: usize,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            identity: None,
            client_roots: Vec::new(),
            alpn: Vec::new(),
            versions: vec![Version::Tls12, Version::Tls13],
            provider: None,
            deadlines: Deadlines::default(),
            options: StreamOptions::default(),
            accept_missing_close_notify: false,
            key_log: false,
            handshakes: 256,
            verifier: None,
        }
    }
}

impl ContextBuilder {
    /// Whom a client trusts. Called again, it adds. Without a call: [`Roots::WebPki`].
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots.push(roots);
        self
    }

    /// Who we are: what a server shows to its clients, and a client to a server that asks.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Makes a server ask every client for a certificate that leads to these roots, and refuse a client without one.
    /// Called again, it adds. Without a call clients are not asked.
    pub fn client_roots(mut self, roots: Roots) -> Self {
        self.client_roots.push(roots);
        self
    }

    /// The application protocols that are offered or accepted (ALPN, RFC 7301), the best first: `["h2", "http/1.1"]`.
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The protocol versions that are spoken. Default: both.
    pub fn versions(mut self, versions: impl IntoIterator<Item = Version>) -> Self {
        self.versions = versions.into_iter().collect();
        self
    }

    /// The cryptography, instead of the default one.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// How long resolving, connecting and the handshake may take together. Default 30 s.
    pub fn connect_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.connect = deadline;
        self
    }

    /// How long a handshake may take. Default 10 s.
    pub fn handshake_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.handshake = deadline;
        self
    }

    /// How long closing may take: flushing, saying goodbye, waiting for the peer's goodbye. Default 5 s.
    pub fn close_deadline(mut self, deadline: Duration) -> Self {
        self.options.close_deadline = deadline;
        self
    }

    /// What a peer may make a stream store: the longest line, the most that a read of everything collects.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// How many handshakes, with the streams that nobody has accepted yet, a server carries at once. Default 256.
    pub fn concurrent_handshakes(mut self, handshakes: usize) -> Self {
        self.handshakes = handshakes.max(1);
        self
    }

    /// Takes a connection that ends without `close_notify` as cleanly ended. Some old servers never send one. An
    /// attacker on the way can then cut off the end of what is received without anybody noticing: use it only with
    /// protocols that mark their own end.
    pub fn accept_missing_close_notify(mut self, accept: bool) -> Self {
        self.accept_missing_close_notify = accept;
        self
    }

    /// Writes every connection's secrets to the file that the environment variable `SSLKEYLOGFILE` names, so that a
    /// capture can be decrypted. Whoever has that file can read everything.
    pub fn key_log(mut self, enable: bool) -> Self {
        self.key_log = enable;
        self
    }

    pub(crate) fn server_verifier(mut self, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    pub(crate) fn chosen_provider(&self) -> Result<Arc<CryptoProvider>, ConfigError> {
        self.provider.clone().map_or_else(default_provider, Ok)
    }

    /// The context. Reads the files that were named, and checks everything that can be checked without a peer.
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) that says what is wrong with which part.
    pub fn build(self) -> Result<Context, Error> {
        let provider = self.chosen_provider()?;
        let versions = self.supported_versions()?;
        for protocol in &self.alpn {
            if protocol.is_empty() || protocol.len() > 255 {
                let problem = "an ALPN protocol must have from 1 to 255 bytes (RFC 7301 section 3.1)";
                return Err(ConfigError::new(ConfigPart::Alpn, problem).into());
            }
        }
        let key = match &self.identity {
            Some(identity) => Some(identity.certified(&provider)?),
            None => None,
        };
        let client = match self.server_verifier_or_roots(&provider)? {
            Some(verifier) => Ok(self.client_config(&provider, &versions, verifier, key.clone())?),
            None => Err(no_roots()),
        };
        let server = match key {
            Some(key) => Ok(self.server_config(&provider, &versions, key)?),
            None => Err(no_identity()),
        };
        let inner = Inner {
            client,
            server,
            deadlines: self.deadlines,
            options: self.options,
            accept_missing_close_notify: self.accept_missing_close_notify,
            handshakes: self.handshakes,
        };
        Ok(Context { inner: Arc::new(inner) })
    }

    fn supported_versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
        if self.versions.is_empty() {
            let problem = "no protocol version is enabled";
            return Err(ConfigError::new(ConfigPart::Versions, problem));
        }
        // Newest first, whatever the order in which they were given.
        let newest_first = [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)];
        let enabled = newest_first.into_iter().filter(|(version, _)| self.versions.contains(version));
        Ok(enabled.map(|(_, version)| version).collect())
    }

    /// What checks servers; `None` if there are no roots.
    fn server_verifier_or_roots(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ServerCertVerifier>>, ConfigError> {
        if let Some(verifier) = &self.verifier {
            return Ok(Some(verifier.clone()));
        }
        let roots = if self.roots.is_empty() { load(&[Roots::WebPki])? } else { load(&self.roots)? };
        if roots.is_empty() {
            return Ok(None);
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| ConfigError::new(ConfigPart::Roots, "the roots cannot be used").because(error))?;
        Ok(Some(Arc::new(ServerChain(verifier))))
    }

    fn client_config(
        &self,
        provider: &Arc<CryptoProvider>,
        versions: &[&'static SupportedProtocolVersion],
        verifier: Arc<dyn ServerCertVerifier>,
        key: Option<Arc<CertifiedKey>>,
    ) -> Result<Arc<ClientConfig>, ConfigError> {
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(unusable_provider)?
            // "dangerous" is what rustls calls giving a verifier; ours wraps its own.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match key {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.clone();
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(Arc::new(config))
    }

    fn server_config(
        &self,
        provider: &Arc<CryptoProvider>,
        versions: &[&'static SupportedProtocolVersion],
        key: Arc<CertifiedKey>,
    ) -> Result<Arc<ServerConfig>, ConfigError> {
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(unusable_provider)?;
        let builder = match self.client_verifier(provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.alpn_protocols = self.alpn.clone();
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(Arc::new(config))
    }

    fn client_verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigError> {
        if self.client_roots.is_empty() {
            return Ok(None);
        }
        let roots: Arc<RootCertStore> = Arc::new(load(&self.client_roots)?);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().map_err(|error| {
                ConfigError::new(ConfigPart::Roots, "the roots for clients cannot be used").because(error)
            })?;
        Ok(Some(Arc::new(ClientChain(verifier))))
    }
}

fn unusable_provider(error: rustls::Error) -> ConfigError {
    ConfigError::new(ConfigPart::Provider, "the cryptography lacks what the enabled versions need").because(error)
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("roots", &self.roots)
            .field("identity", &self.identity)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}
