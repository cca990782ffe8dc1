//! From a builder's choices to what rustls wants.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, KeyLog, KeyLogFile, NoKeyLog, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};

use super::builder::Version;
use crate::error::{ConfigError, ConfigPart};
use crate::identity::ByName;
use crate::tickets::{Tickets, ticketer};
use crate::trust::Clients;

/// How a server resumes sessions.
pub(super) enum Resumption {
    Tickets(Arc<dyn ProducesTickets>),
    /// The cryptography has nothing to seal tickets with.
    Remembered,
    Off,
}

impl Resumption {
    pub(super) fn of(tickets: &Tickets, provider: &CryptoProvider, policy: &[u8]) -> Result<Self, ConfigError> {
        Ok(match (tickets, ticketer(tickets, provider, policy)?) {
            (_, Some(ticketer)) => Self::Tickets(ticketer),
            (Tickets::Off, None) => Self::Off,
            (_, None) => Self::Remembered,
        })
    }
}

/// How many sessions are remembered for early data. A handshake begins two of them, of some 200 bytes each, and as
/// many more as the client's certificates have.
const REMEMBERED: usize = 4096;

/// The server, and the same one receiving early data (0-RTT, RFC 8446 section 2.3), at most so many bytes of each client.
///
/// The sessions of the second are remembered, each to be resumed once: a first flight that is sent again finds its
/// session gone (RFC 8446 section 8.1). A ticket that the client alone remembers can be used any number of times.
pub(super) fn with_early_data(server: Arc<ServerConfig>, most: u32) -> (Arc<ServerConfig>, Arc<ServerConfig>) {
    let mut early = ServerConfig::clone(&server);
    early.ticketer = Arc::new(NoTickets);
    early.session_storage = ServerSessionMemoryCache::new(REMEMBERED);
    early.max_early_data_size = most;
    // To be answered before the handshake is finished is what early data are for.
    early.send_half_rtt_data = true;
    let mut server = server;
    if server.ticketer.enabled() {
        // With tickets, rustls receives none; this is how much it skips of a client that sends some all the same.
        Arc::make_mut(&mut server).max_early_data_size = most;
    }
    (server, Arc::new(early))
}

/// No session is carried by its client.
#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// What both sides of a context have in common.
pub(super) struct Parts<'a> {
    pub(super) provider: &'a Arc<CryptoProvider>,
    pub(super) versions: &'a [&'static SupportedProtocolVersion],
    pub(super) alpn: &'a [Vec<u8>],
    pub(super) key_log: bool,
}

impl Parts<'_> {
    /// For connecting.
    pub(super) fn client(
        &self,
        verifier: Arc<dyn ServerCertVerifier>,
        key: Option<Arc<CertifiedKey>>,
    ) -> Result<Arc<ClientConfig>, ConfigError> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(self.versions)
            .map_err(unusable_provider)?
            // "dangerous" is what rustls calls giving a verifier; ours wraps its own.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match key {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.to_vec();
        config.key_log = self.key_log();
        Ok(Arc::new(config))
    }

    /// For accepting.
    pub(super) fn server(
        &self,
        clients: Option<&Clients>,
        identities: ByName,
        ticketer: Resumption,
    ) -> Result<Arc<ServerConfig>, ConfigError> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(self.versions)
            .map_err(unusable_provider)?;
        let builder = match clients {
            Some(clients) => builder.with_client_cert_verifier(clients.verifier.clone()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(identities));
        config.alpn_protocols = self.alpn.to_vec();
        config.key_log = self.key_log();
        match ticketer {
            Resumption::Tickets(ticketer) => {
                config.ticketer = ticketer;
                // Sessions that are remembered would be resumed whatever the tickets' policy says.
                config.session_storage = Arc::new(NoServerSessionStorage {});
            }
            Resumption::Off => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
            // rustls' own: a few hundred sessions, remembered in memory.
            Resumption::Remembered => {}
        }
        Ok(Arc::new(config))
    }

    fn key_log(&self) -> Arc<dyn KeyLog> {
        if self.key_log { Arc::new(KeyLogFile::new()) } else { Arc::new(NoKeyLog {}) }
    }
}

/// The enabled versions, newest first, whatever the order in which they were given.
pub(super) fn supported(enabled: &[Version]) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    if enabled.is_empty() {
        return Err(ConfigError::new(ConfigPart::Versions, "no protocol version is enabled"));
    }
    let newest_first = [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)];
    let chosen = newest_first.into_iter().filter(|(version, _)| enabled.contains(version));
    Ok(chosen.map(|(_, version)| version).collect())
}

/// Whether a server can show this key in TLS 1.2.
pub(super) fn works_in_tls12(key: &CertifiedKey, provider: &CryptoProvider) -> bool {
    provider.cipher_suites.iter().any(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => key.key.choose_scheme(suite.sign).is_some(),
        _ => false,
    })
}

fn unusable_provider(error: rustls::Error) -> ConfigError {
    ConfigError::new(ConfigPart::Provider, "the cryptography lacks what the enabled versions need").because(error)
}
