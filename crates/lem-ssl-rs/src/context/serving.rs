//! Who we are, and the server's side of a context.
//!
//! Reachable only through the function pointer `Wanted::make`, so the linker can drop it: a program that only connects
//! contains no handshake of servers, no code that signs, no tickets, no check of clients. So only [`Wanted::default`] may
//! name [`make`], and only the builder's methods for identities and servers may call [`Wanted::default`].

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ProtocolVersion, ServerConfig, SupportedCipherSuite};

use super::configs::{Parts, unusable_provider};
use super::no_identity;
use crate::error::{ConfigError, ConfigPart};
use crate::identity::{ByName, Identity, UnknownName};
use crate::provider::default_keys;
use crate::tickets::{SessionMemory, Tickets, ticketer};
use crate::trust::{ClientAuth, Clients, RevocationLists, Roots, clients};

/// What was chosen for identities and servers, and what makes it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) identities: Vec<Identity>,
    pub(super) unknown_name: UnknownName,
    pub(super) client_roots: Vec<Roots>,
    pub(super) client_auth: Option<ClientAuth>,
    pub(super) revocation_lists: Vec<RevocationLists>,
    pub(super) tickets: Tickets,
    /// How many bytes of early data a client may send; 0 for none.
    pub(super) early_data: u32,
    pub(super) make: fn(&Self, &Parts<'_>) -> Result<Made, ConfigError>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            unknown_name: UnknownName::default(),
            client_roots: Vec::new(),
            client_auth: None,
            revocation_lists: Vec::new(),
            tickets: Tickets::default(),
            early_data: 0,
            make,
        }
    }
}

/// What was made of what was wanted.
pub(super) struct Made {
    /// Shows our first identity to servers that ask.
    pub(super) client: Option<Arc<dyn ResolvesClientCert>>,
    pub(super) server: Result<Serving, ConfigError>,
}

/// What a context needs to accept connections.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) config: Arc<ServerConfig>,
    /// For servers that receive early data; `None` if this context does not.
    pub(super) early: Option<Arc<ServerConfig>>,
    /// How clients are checked; `None` if they are not.
    pub(super) clients: Option<Clients>,
    /// What a resumed session relies on without asking again: whom we believe, and the protocols.
    policy: Vec<u8>,
    tickets: Tickets,
}

impl Serving {
    /// This one, with the ticket keys and the remembered sessions of `before` if they are a process's own and the policy is
    /// the same: then a new certificate costs nobody the session.
    pub(super) fn with_tickets_of(&self, before: &Self) -> Self {
        let mut after = self.clone();
        let own = |serving: &Self| matches!(serving.tickets, Tickets::PerProcess);
        if own(self) && own(before) && self.policy == before.policy {
            let config = Arc::make_mut(&mut after.config);
            config.ticketer = before.config.ticketer.clone();
            config.session_storage = before.config.session_storage.clone();
            if let (Some(early), Some(before)) = (&mut after.early, &before.early) {
                Arc::make_mut(early).session_storage = before.session_storage.clone();
            }
        }
        after
    }
}

/// Loads the keys, checks what can be checked, and makes both sides' parts.
fn make(wanted: &Wanted, parts: &Parts<'_>) -> Result<Made, ConfigError> {
    let provider = match parts.keys {
        Some(provider) => provider,
        None => default_keys()?,
    };
    let mut keys = Vec::new();
    for identity in &wanted.identities {
        keys.push(identity.certified(provider)?);
    }
    if wanted.client_roots.is_empty() && (wanted.client_auth.is_some() || !wanted.revocation_lists.is_empty()) {
        let problem = "clients cannot be checked without roots that vouch for them: call client_roots";
        return Err(ConfigError::new(ConfigPart::ClientAuth, problem));
    }
    let auth = wanted.client_auth.unwrap_or_default();
    let clients = clients(&wanted.client_roots, auth, &wanted.revocation_lists, parts.provider)?;
    check_early_data(wanted, parts)?;
    let server = match (keys.first(), unusable_in(wanted, &keys, parts)) {
        (Some(_), Some(unusable)) => Err(unusable),
        (Some(_), None) => Ok(serving(wanted, parts, clients, &keys)?),
        (None, _) => Err(no_identity()),
    };
    let client = keys.first().map(|key| Arc::new(SingleCertAndKey::from(key.clone())) as Arc<dyn ResolvesClientCert>);
    Ok(Made { client, server })
}

fn serving(
    wanted: &Wanted,
    parts: &Parts<'_>,
    clients: Option<Clients>,
    keys: &[Arc<CertifiedKey>],
) -> Result<Serving, ConfigError> {
    let policy = resumption_policy(clients.as_ref(), parts);
    let resumption = Resumption::of(&wanted.tickets, parts.provider, &policy)?;
    let mut config = config(parts, clients.as_ref(), ByName::new(keys, wanted.unknown_name), resumption)?;
    let mut early = None;
    if wanted.early_data > 0 {
        early = Some(Arc::new(receiving_early_data(&config, wanted.early_data)));
        if config.ticketer.enabled() {
            // With tickets, rustls receives none; this is how much it skips of a client that sends some all the same.
            config.max_early_data_size = wanted.early_data;
        }
    }
    Ok(Serving { config: Arc::new(config), early, clients, policy, tickets: wanted.tickets.clone() })
}

fn config(
    parts: &Parts<'_>,
    clients: Option<&Clients>,
    identities: ByName,
    resumption: Resumption,
) -> Result<ServerConfig, ConfigError> {
    let builder = ServerConfig::builder_with_provider(parts.provider.clone())
        .with_protocol_versions(parts.versions)
        .map_err(unusable_provider)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients.verifier.clone()),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(identities));
    config.alpn_protocols = parts.alpn.to_vec();
    config.key_log = parts.key_log.clone();
    // For the alert to a client whose resumed session is refused.
    config.enable_secret_extraction = clients.is_some();
    // For clients without tickets, or all of them if there are none. The memory is as new as the policy, unless the context
    // before had the same one.
    config.session_storage = Arc::new(SessionMemory::new());
    match resumption {
        Resumption::Tickets(ticketer) => config.ticketer = ticketer,
        Resumption::Remembered => {}
        Resumption::Off => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
    }
    Ok(config)
}

/// The same server receiving early data (0-RTT, RFC 8446 section 2.3), at most so many bytes of each client.
///
/// Its sessions are remembered, each to be resumed once: a first flight that is sent again finds its session gone (RFC
/// 8446 section 8.1). A ticket that the client alone remembers can be used any number of times.
fn receiving_early_data(server: &ServerConfig, most: u32) -> ServerConfig {
    let mut early = server.clone();
    early.ticketer = Arc::new(NoTickets);
    early.session_storage = Arc::new(SessionMemory::new());
    early.max_early_data_size = most;
    // To be answered before the handshake is finished is what early data are for.
    early.send_half_rtt_data = true;
    early
}

/// How a server resumes sessions.
enum Resumption {
    Tickets(Arc<dyn ProducesTickets>),
    /// The cryptography has nothing to seal tickets with.
    Remembered,
    Off,
}

impl Resumption {
    fn of(tickets: &Tickets, provider: &CryptoProvider, policy: &[u8]) -> Result<Self, ConfigError> {
        Ok(match (tickets, ticketer(tickets, provider, policy)?) {
            (_, Some(ticketer)) => Self::Tickets(ticketer),
            (Tickets::Off, None) => Self::Off,
            (_, None) => Self::Remembered,
        })
    }
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

/// Why a server cannot show one of these keys in any enabled version.
fn unusable_in(wanted: &Wanted, keys: &[Arc<CertifiedKey>], parts: &Parts<'_>) -> Option<ConfigError> {
    if parts.speaks(ProtocolVersion::TLSv1_3) {
        return None;
    }
    let (identity, _) = wanted.identities.iter().zip(keys).find(|(_, key)| !works_in_tls12(key, parts.provider))?;
    let problem = format!(
        "a server cannot use the private key for {} (Ed25519?) in TLS 1.2 with this cryptography: enable TLS 1.3, or \
         take a key on P-256",
        identity.origin()
    );
    Some(ConfigError::new(ConfigPart::Identity, problem))
}

/// Whether a server can show this key in TLS 1.2.
fn works_in_tls12(key: &CertifiedKey, provider: &CryptoProvider) -> bool {
    provider.cipher_suites.iter().any(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => key.key.choose_scheme(suite.sign).is_some(),
        _ => false,
    })
}

fn check_early_data(wanted: &Wanted, parts: &Parts<'_>) -> Result<(), ConfigError> {
    let wrong = |problem: &str| Err(ConfigError::new(ConfigPart::EarlyData, problem));
    match &wanted.tickets {
        _ if wanted.early_data == 0 => Ok(()),
        Tickets::Fleet(_) => wrong(
            "early data (0-RTT) cannot be received with the tickets of a fleet: any of its machines would take the \
             same early data again; use one or the other",
        ),
        Tickets::Off => wrong("early data (0-RTT) come with resumed sessions, and those are off (Tickets::Off)"),
        Tickets::PerProcess if !parts.speaks(ProtocolVersion::TLSv1_3) => {
            wrong("early data (0-RTT) come with TLS 1.3, which is not enabled")
        }
        Tickets::PerProcess => Ok(()),
    }
}

/// What a resumed session relies on without asking again: whom we believe, and the protocols.
fn resumption_policy(clients: Option<&Clients>, parts: &Parts<'_>) -> Vec<u8> {
    let mut policy = Vec::new();
    let clients = clients.map(|clients| clients.policy.as_slice()).unwrap_or_default();
    for part in [clients].into_iter().chain(parts.alpn.iter().map(Vec::as_slice)) {
        policy.extend((part.len() as u64).to_be_bytes());
        policy.extend(part);
    }
    policy
}
