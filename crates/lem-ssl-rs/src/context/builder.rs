//! Building a context.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::Limits;
use lem_rs::transport::StreamOptions;
use rustls::client::danger::ServerCertVerifier;
use rustls::compress::{CertCompressor, CertDecompressor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, KeyLog, KeyLogFile, NoKeyLog, ProtocolVersion, RootCertStore, ServerConfig};

use super::configs::{AdoptClient, Compression, Exports, Parts, Version, supported};
use super::serving::{Made, Serving, Wanted};
use super::{Context, Deadlines, Inner, no_identity, no_roots, only_tls13};
use crate::error::{ConfigError, ConfigPart, Error};
use crate::exporter::keeping_secret;
use crate::provider::default_provider;
use crate::record_layer::RecordLayer;
use crate::trust::{
    Explainer, OnVerified, Recognising, Remembers, Roots, RootsLoader, Servers, Trust, built_in_roots, describe_roots,
    load_roots, recognising, servers,
};

/// Chooses what a [`Context`] does. What is not chosen has a safe default.
#[derive(Clone)]
#[must_use = "call build"]
pub struct ContextBuilder {
    roots: Vec<Roots>,
    /// Loads them. Set with the first, as is all that makes something optional: a program that asks for none of it
    /// contains none of it.
    load_roots: Option<RootsLoader>,
    /// How servers are recognised, and what makes a verifier of that.
    trust: Option<(Trust, Recognising)>,
    /// For identities and servers.
    wanted: Option<Wanted>,
    key_log: Option<fn() -> Arc<dyn KeyLog>>,
    alpn: Vec<Vec<u8>>,
    versions: Vec<Version>,
    provider: Option<Arc<CryptoProvider>>,
    deadlines: Deadlines,
    options: StreamOptions,
    accept_missing_close_notify: bool,
    record_layer: RecordLayer,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
    client_config: Option<(Arc<ClientConfig>, AdoptClient)>,
    exports: Option<Exports>,
    compression: Compression,
    on_verified: Option<OnVerified>,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            load_roots: None,
            trust: None,
            wanted: None,
            key_log: None,
            alpn: Vec::new(),
            versions: vec![Version::Tls12, Version::Tls13],
            provider: None,
            deadlines: Deadlines::default(),
            options: StreamOptions::default(),
            accept_missing_close_notify: false,
            record_layer: RecordLayer::Own,
            verifier: None,
            client_config: None,
            exports: None,
            compression: Compression::default(),
            on_verified: None,
        }
    }
}

impl ContextBuilder {
    /// Whom a client trusts. Called again, it adds. Without a call: [`Roots::WebPki`].
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, Identity, Roots};
    ///
    /// # let identity = Identity::self_signed(["intranet.example"])?;
    /// # let ca = identity.chain_pem();
    /// // A company's own authority, and nobody else.
    /// let context = Context::builder().roots(Roots::Pem(ca.into())).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn roots(mut self, roots: Roots) -> Self {
        self.load_roots = Some(load_roots);
        self.roots.push(roots);
        self
    }

    /// How a client recognises servers, where that is not by their chain alone: pinned keys, or the key that a server had when
    /// it was first seen. The last call counts. Default: [`Trust::Chain`].
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, SpkiHash, Trust};
    ///
    /// let pin: SpkiHash = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse().expect("it is a hash");
    /// // The chain is verified, and the key has to be this one, too.
    /// let context = Context::builder().trust(Trust::ChainAndPins(vec![pin])).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some((trust, recognising));
        self
    }

    /// The application protocols that are offered or accepted (ALPN, RFC 7301), the best first: `["h2", "http/1.1"]`.
    ///
    /// ```
    /// # use lem_ssl_rs::{Context, Error, Identity, Machine, Roots, spawn};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// let context = Context::builder().roots(roots).identity(identity).alpn(["h2", "http/1.1"]).build()?;
    /// # let server = context.listen("localhost:0").await?;
    /// # let address = ("localhost", server.local_addr().ip().map_or(0, |address| address.port()));
    /// # let accepting = spawn(async move { server.accept().await });
    /// let stream = context.connect(address).await?;
    /// assert_eq!(stream.info().and_then(|info| info.alpn).as_deref(), Some(&b"h2"[..]));
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn alpn<P: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The protocol versions that are spoken. Default: both.
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, Version};
    ///
    /// let context = Context::builder().versions([Version::Tls13]).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn versions(mut self, versions: impl IntoIterator<Item = Version>) -> Self {
        self.versions = versions.into_iter().collect();
        self
    }

    /// How long resolving, connecting and the handshake may take together. Default 30 s. Its error lists every
    /// attempt and every address that has not answered; that of a [`timeout`](crate::timeout) around a connect does not.
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
    ///
    /// ```
    /// use lem_ssl_rs::{Context, Error, Limits};
    ///
    /// let context = Context::builder().limits(Limits::default().line(1000)).build()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Takes a connection that ends without `close_notify` as cleanly ended. Some old servers never send one. An
    /// attacker on the way can then cut off the end of what is received without anyone noticing: use it only with
    /// protocols that mark their own end.
    pub fn accept_missing_close_notify(mut self, accept: bool) -> Self {
        self.accept_missing_close_notify = accept;
        self
    }

    /// Leaves records to rustls after the handshake too.
    ///
    /// By default rustls does the handshake, and what follows it in TLS 1.3 is opened and sealed by this library, with the
    /// same cryptography: in the place where it was received, which is faster and takes less memory. rustls keeps the
    /// records in any case in TLS 1.2, with suites other than the three that are usual, with cryptography that does not
    /// give its keys or whose objects must see all records from the first one on (AWS-LC with AES), and with a
    /// configuration of rustls' ([`danger::client_config`](crate::danger::client_config),
    /// [`danger::server_config`](crate::danger::server_config)) that does not allow the extraction of secrets.
    ///
    /// Nothing else depends on it: use it to find out whether something does.
    pub fn rustls_records(mut self, enable: bool) -> Self {
        self.record_layer = if enable { RecordLayer::Rustls } else { RecordLayer::Own };
        self
    }

    /// Calls `on_verified` with each chain that a server showed and that was verified, its own certificate first, on
    /// the thread of the handshake: for reports about servers that refuse us afterwards, so that no stream exists that
    /// could tell.
    pub fn on_verified_server(
        mut self,
        on_verified: impl Fn(&[CertificateDer<'static>]) + Send + Sync + 'static,
    ) -> Self {
        self.on_verified = Some(Arc::new(on_verified));
        self
    }

    /// Writes every connection's secrets to the file that the environment variable `SSLKEYLOGFILE` names, so that a
    /// capture can be decrypted. Anyone who has that file can read everything.
    pub fn key_log(mut self, enable: bool) -> Self {
        self.key_log = enable.then_some(|| Arc::new(KeyLogFile::new()));
        self
    }

    /// Lets streams [export keying material](crate::ExportKeyingMaterial), and bind logins to themselves with `tls-exporter`.
    ///
    /// It costs every connection some two hundred bytes for a secret that is kept as long as the stream. Peers that speak
    /// TLS 1.2 without the extended master secret (RFC 7627), which few do, are refused: two connections could
    /// have the same keying material without it.
    pub fn export_keying_material(mut self, enable: bool) -> Self {
        self.exports = enable.then_some(keeping_secret);
        self
    }

    pub(super) fn wanted(&mut self) -> &mut Wanted {
        self.wanted.get_or_insert_default()
    }

    pub(crate) fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    pub(crate) fn certificate_compression(
        mut self,
        compressors: impl IntoIterator<Item = &'static dyn CertCompressor>,
        decompressors: impl IntoIterator<Item = &'static dyn CertDecompressor>,
    ) -> Self {
        self.compression.compressors.extend(compressors);
        self.compression.decompressors.extend(decompressors);
        self
    }

    pub(crate) fn server_verifier(mut self, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    pub(crate) fn client_verifier(mut self, verifier: Arc<dyn ClientCertVerifier>) -> Self {
        self.wanted().client_verifier = Some(verifier);
        self
    }

    pub(crate) fn client_config(mut self, config: Arc<ClientConfig>) -> Self {
        self.client_config = Some((config, |parts, config| parts.adopted_client(config)));
        self
    }

    pub(crate) fn server_config(mut self, config: Arc<ServerConfig>) -> Self {
        self.wanted().server_config = Some(config);
        self
    }

    pub(crate) fn chosen_provider(&self) -> Result<Arc<CryptoProvider>, ConfigError> {
        self.provider.clone().map_or_else(default_provider, Ok)
    }

    /// The context. Reads the files that were named, and checks everything that can be checked without a peer, except
    /// dates: an identity that has expired is served, because a wrong clock must not keep a server from starting. Clients
    /// will refuse it; [`Identity::warnings`](crate::Identity::warnings) tells.
    ///
    /// # Errors
    /// A [`TlsError::Config`](crate::TlsError::Config) that says what is wrong with which part.
    pub fn build(self) -> Result<Context, Error> {
        let provider = self.chosen_provider()?;
        let versions = supported(&self.versions)?;
        for protocol in &self.alpn {
            if protocol.is_empty() || protocol.len() > 255 {
                let problem = "an ALPN protocol must have from 1 to 255 bytes (RFC 7301 section 3.1)";
                return Err(ConfigError::new(ConfigPart::Alpn, problem).into());
            }
        }
        let parts = Parts {
            provider: &provider,
            keys: self.provider.as_ref().map(|provider| provider.key_provider),
            versions: &versions,
            alpn: &self.alpn,
            key_log: self.key_log.map_or_else(|| Arc::new(NoKeyLog {}) as Arc<dyn KeyLog>, |open| open()),
            exports: self.exports,
            compression: &self.compression,
            record_layer: self.record_layer,
        };
        let made = match &self.wanted {
            Some(wanted) => (wanted.make)(wanted, &parts)?,
            None => Made { client: None, server: Err(no_identity()) },
        };
        if let Some((config, adopt)) = &self.client_config {
            self.check_adopted()?;
            return Ok(self.finish(Ok(adopt(&parts, config)), None, None, made.server));
        }
        let servers = self.servers(&provider)?;
        let explainer = servers.as_ref().and_then(|servers| servers.explainer.clone());
        let remembers = servers.as_ref().and_then(|servers| servers.remembers.clone());
        let client = match servers {
            Some(Servers { only_tls13: true, .. }) if parts.speaks(ProtocolVersion::TLSv1_2) => {
                return Err(only_tls13().into());
            }
            Some(servers) => Ok(parts.client(servers.verifier, made.client)?),
            None => Err(no_roots()),
        };
        Ok(self.finish(client, explainer, remembers, made.server))
    }

    fn finish(
        &self,
        client: Result<Arc<ClientConfig>, ConfigError>,
        explainer: Option<Arc<Explainer>>,
        remembers: Option<Arc<dyn Remembers>>,
        server: Result<Serving, ConfigError>,
    ) -> Context {
        let inner = Inner {
            client,
            explainer,
            remembers,
            server,
            deadlines: self.deadlines,
            options: self.options,
            accept_missing_close_notify: self.accept_missing_close_notify,
            record_layer: self.record_layer,
        };
        Context { inner: Arc::new(inner) }
    }

    /// A client's side that rustls knows already leaves nothing to choose.
    fn check_adopted(&self) -> Result<(), ConfigError> {
        let is_chosen =
            self.verifier.is_some() || self.trust.is_some() || self.on_verified.is_some() || self.load_roots.is_some();
        if !is_chosen {
            return Ok(());
        }
        let problem = "the client's side cannot be chosen in two ways: both a configuration of rustls and parts of one were given";
        Err(ConfigError::new(ConfigPart::Trust, problem))
    }

    /// How servers are checked; `None` if none is trusted.
    fn servers(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Servers>, ConfigError> {
        let load = || match self.load_roots {
            Some(load) => load(&self.roots, ConfigPart::Roots),
            None => Ok(built_in_roots()),
        };
        let asked = || match self.load_roots {
            Some(_) => describe_roots(&self.roots),
            None => Roots::WebPki.to_string(),
        };
        match (&self.verifier, &self.trust) {
            (Some(_), Some(_)) => {
                let problem = "servers cannot be recognised in two ways: both a choice of trust and a verifier of another kind \
                               were given";
                Err(ConfigError::new(ConfigPart::Trust, problem))
            }
            (Some(verifier), None) => Ok(Some(Servers::checked_by(verifier.clone()))),
            (None, None) => servers(load()?, asked(), provider, self.on_verified.clone()),
            (None, Some((trust, recognising))) => {
                let needs_roots = matches!(trust, Trust::Chain | Trust::ChainAndPins(_));
                let roots = if needs_roots || self.load_roots.is_some() { load()? } else { RootCertStore::empty() };
                recognising(trust, roots, asked(), provider, self.on_verified.clone()).map(Some)
            }
        }
    }
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("roots", &self.roots)
            .field("identities", &self.wanted.as_ref().map(|wanted| wanted.identities.as_slice()).unwrap_or_default())
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}
