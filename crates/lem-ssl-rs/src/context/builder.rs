//! Building a context.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lem_rs::{Limits, StreamOptions};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{KeyLog, KeyLogFile, NoKeyLog};

use super::configs::{Parts, Version, supported};
use super::serving::{Made, Wanted};
use super::{Context, Deadlines, Inner, no_identity, no_roots};
use crate::error::{ConfigError, ConfigPart, Error};
use crate::identity::{Identity, UnknownName};
use crate::provider::default_provider;
use crate::tickets::Tickets;
use crate::trust::{
    ClientAuth, LoadRoots, OnVerified, RevocationLists, Roots, Servers, built_in_roots, load_roots, servers,
};

/// Chooses what a [`Context`] does. What is not chosen has a safe default.
#[derive(Clone)]
#[must_use = "call build"]
pub struct ContextBuilder {
    roots: Vec<Roots>,
    /// Loads them. Set with the first, as is all that makes something optional: a program that asks for none of it
    /// contains none of it.
    load_roots: Option<LoadRoots>,
    /// For identities and servers.
    wanted: Option<Wanted>,
    key_log: Option<fn() -> Arc<dyn KeyLog>>,
    alpn: Vec<Vec<u8>>,
    versions: Vec<Version>,
    provider: Option<Arc<CryptoProvider>>,
    deadlines: Deadlines,
    options: StreamOptions,
    accept_missing_close_notify: bool,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
    on_verified: Option<OnVerified>,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            load_roots: None,
            wanted: None,
            key_log: None,
            alpn: Vec::new(),
            versions: vec![Version::Tls12, Version::Tls13],
            provider: None,
            deadlines: Deadlines::default(),
            options: StreamOptions::default(),
            accept_missing_close_notify: false,
            verifier: None,
            on_verified: None,
        }
    }
}

impl ContextBuilder {
    /// Whom a client trusts. Called again, it adds. Without a call: [`Roots::WebPki`].
    pub fn roots(mut self, roots: Roots) -> Self {
        self.load_roots = Some(load_roots);
        self.roots.push(roots);
        self
    }

    /// Who we are: what a server shows to its clients, and a client to a server that asks. Called again, it adds: a
    /// server then chooses by the name that its client asks for; a client shows the first.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.wanted().identities.push(identity);
        self
    }

    /// What a server shows to a client that asks for a name that no identity is for. Default: the first identity.
    pub fn unknown_name(mut self, unknown: UnknownName) -> Self {
        self.wanted().unknown_name = unknown;
        self
    }

    /// Makes a server ask every client for a certificate that leads to these roots, and refuse a client without one.
    /// Called again, it adds. Without a call clients are not asked.
    ///
    /// The client is told the roots' names, so that one with several certificates can choose. If the names take more than
    /// 63 KiB, which is more than a message of the protocol holds, it is told none of them: that is allowed, and means that
    /// it may show any.
    pub fn client_roots(mut self, roots: Roots) -> Self {
        self.wanted().client_roots.push(roots);
        self
    }

    /// Whether a client that has no certificate is refused. Default: it is, if clients are asked at all.
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.wanted().client_auth = Some(auth);
        self
    }

    /// Makes a server refuse clients whose certificate, or whose issuer's, is on one of these lists. Called again, it
    /// adds.
    pub fn revocation_lists(mut self, lists: RevocationLists) -> Self {
        self.wanted().revocation_lists.push(lists);
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

    /// Takes a connection that ends without `close_notify` as cleanly ended. Some old servers never send one. An
    /// attacker on the way can then cut off the end of what is received without anybody noticing: use it only with
    /// protocols that mark their own end.
    pub fn accept_missing_close_notify(mut self, accept: bool) -> Self {
        self.accept_missing_close_notify = accept;
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
    /// capture can be decrypted. Anybody who has that file can read everything.
    pub fn key_log(mut self, enable: bool) -> Self {
        self.key_log = enable.then_some(|| Arc::new(KeyLogFile::new()));
        self
    }

    /// Which servers can resume a session that a server of this context has begun. Default: only this process's.
    pub fn tickets(mut self, tickets: Tickets) -> Self {
        self.wanted().tickets = tickets;
        self
    }

    /// Lets servers receive early data (0-RTT, RFC 8446 section 2.3) from clients that come back: at most `most` bytes
    /// each before the handshake is finished. Default 0: none is received.
    ///
    /// It takes two more steps, so that no code meets early data unprepared: open the server with
    /// [`ServerOptions::early_data`](crate::ServerOptions::early_data), and accept with
    /// [`Server::accept_early`](crate::Server::accept_early). Every other server of this context refuses early data; the
    /// client then sends it again after the handshake, and nothing is lost.
    ///
    /// One thing to know about refused early data, for example after a restart: rustls looks for the end of it by
    /// trying to decrypt, up to `most` bytes, and its interface makes us look at a record several times, each of which
    /// counts. Early data of more than about a third of `most` fail the handshake instead, and the client has to
    /// connect again. So let `most` be at least three times what clients send.
    ///
    /// # Replay
    /// Early data come before the client has shown that it is there: anybody who has recorded them can send them again
    /// (RFC 8446 sections 8 and E.5). What is done about it here is single use (section 8.1): sessions for early data
    /// are remembered in this context, some thousands of them, and each is resumed once. A first flight that is sent
    /// again finds its session gone, its early data are refused, and the handshake, which only the client can finish,
    /// comes to nothing.
    ///
    /// That holds for one context and its clones, on any number of threads, and for those that take its place in a
    /// [`LiveContext`](crate::LiveContext). Contexts that were built apart, other processes, other machines, and this
    /// one after a restart do not know of each other's sessions: they refuse the early data, and then the client, or
    /// somebody who made it fail, may get the same request carried out here and there. No server can prevent that (section 8), so let early
    /// data do only what may be done twice.
    ///
    /// Session tickets that a [`Fleet`](Tickets::Fleet) shares are opened by any of its machines any number of times,
    /// which is no single use: the two exclude each other.
    pub fn early_data(mut self, most: u32) -> Self {
        self.wanted().early_data = most;
        self
    }

    fn wanted(&mut self) -> &mut Wanted {
        self.wanted.get_or_insert_default()
    }

    pub(crate) fn server_verifier(mut self, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    pub(crate) fn chosen_provider(&self) -> Result<Arc<CryptoProvider>, ConfigError> {
        self.provider.clone().map_or_else(default_provider, Ok)
    }

    /// The context. Reads the files that were named, and checks everything that can be checked without a peer, except
    /// dates: an identity that has expired is served, because a wrong clock must not keep a server from starting. Clients
    /// will refuse it; [`Identity::warnings`] tells.
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
        };
        let made = match &self.wanted {
            Some(wanted) => (wanted.make)(wanted, &parts)?,
            None => Made { client: None, server: Err(no_identity()) },
        };
        let (verifier, explainer) = match (&self.verifier, self.load_roots) {
            (Some(verifier), _) => (Some(verifier.clone()), None),
            (None, load) => {
                let roots = load.map_or_else(|| Ok(built_in_roots()), |load| load(&self.roots, ConfigPart::Roots))?;
                servers(roots, &provider, self.on_verified)?
                    .map(|Servers { verifier, explainer }| (verifier, explainer))
                    .unzip()
            }
        };
        let client = match verifier {
            Some(verifier) => Ok(parts.client(verifier, made.client)?),
            None => Err(no_roots()),
        };
        let inner = Inner {
            client,
            explainer,
            server: made.server,
            deadlines: self.deadlines,
            options: self.options,
            accept_missing_close_notify: self.accept_missing_close_notify,
        };
        Ok(Context { inner: Arc::new(inner) })
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
