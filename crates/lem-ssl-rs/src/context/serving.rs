//! Who we are, and the server's side of a context.
//!
//! Reachable only through the function pointer `Wanted::make`, so the linker can drop it: a program that only connects
//! contains no handshake of servers, no code that signs, no tickets, no check of clients. So only [`Wanted::default`] may
//! name [`make`], and only the builder's methods for identities and servers may call [`Wanted::default`].

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, SignatureScheme, SupportedCipherSuite};

use super::configs::{Parts, unusable_provider};
use super::{no_identity, only_tls13};
use crate::early_keys::keeping_secrets;
use crate::error::{ConfigError, ConfigPart};
use crate::identity::acme;
use crate::identity::{ByName, Chosen, Identity, KeyLoader, Recorded, Resolve, UnknownName, is_raw};
use crate::provider::default_keys;
use crate::record_layer::RecordLayer;
use crate::tickets::{SessionMemory, Tickets, ticketer};
use crate::traffic::keeping_traffic_secrets;
use crate::trust::{ClientAuth, Clients, RevocationLists, Roots, clients};

/// What was chosen for identities and servers, and what makes it.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) identities: Vec<Identity>,
    pub(super) unknown_name: UnknownName,
    pub(super) client_roots: Vec<Roots>,
    pub(super) client_auth: Option<ClientAuth>,
    /// Chooses before the names do.
    pub(super) resolve: Option<Resolve>,
    /// Checks clients in the place of roots.
    pub(super) client_verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// All of a server's side.
    pub(super) server_config: Option<Arc<ServerConfig>>,
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
            resolve: None,
            client_verifier: None,
            server_config: None,
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
    check_raw_keys(wanted, &keys, parts)?;
    let client = keys.first().map(|key| Arc::new(OneIdentity(key.clone())) as Arc<dyn ResolvesClientCert>);
    if let Some(config) = &wanted.server_config {
        return Ok(Made { client, server: Ok(adopted(config, wanted, parts)?) });
    }
    let clients = checked_clients(wanted, parts)?;
    check_early_data(wanted, parts)?;
    let has_identity = !keys.is_empty() || wanted.resolve.is_some();
    let server = match unusable_in(wanted, &keys, parts) {
        Some(unusable) => Err(unusable),
        None if has_identity => Ok(serving(wanted, parts, clients, &keys, provider)?),
        None => Err(no_identity()),
    };
    Ok(Made { client, server })
}

/// How clients are checked.
fn checked_clients(wanted: &Wanted, parts: &Parts<'_>) -> Result<Option<Clients>, ConfigError> {
    let by_roots = wanted.client_auth.is_some() || !wanted.revocation_lists.is_empty();
    if let Some(verifier) = &wanted.client_verifier {
        if by_roots || !wanted.client_roots.is_empty() {
            let problem =
                "clients cannot be checked in two ways: both roots or lists and a verifier of another kind were given";
            return Err(ConfigError::new(ConfigPart::ClientAuth, problem));
        }
        return Ok(Some(Clients { verifier: verifier.clone(), policy: policy_of(&**verifier) }));
    }
    if wanted.client_roots.is_empty() && by_roots {
        let problem = "clients cannot be checked without roots that vouch for them: call client_roots";
        return Err(ConfigError::new(ConfigPart::ClientAuth, problem));
    }
    let auth = wanted.client_auth.unwrap_or_default();
    clients(&wanted.client_roots, auth, &wanted.revocation_lists, parts.provider)
}

/// What a verifier of another kind says of itself. What else it relies on is not known here; it is asked again when a
/// session is resumed.
fn policy_of(verifier: &dyn ClientCertVerifier) -> Vec<u8> {
    let asks = [verifier.offer_client_auth(), verifier.client_auth_mandatory(), verifier.requires_raw_public_keys()];
    let mut policy = b"a verifier of another kind".to_vec();
    policy.extend(asks.map(u8::from));
    for name in verifier.root_hint_subjects() {
        policy.extend((name.as_ref().len() as u64).to_be_bytes());
        policy.extend(name.as_ref());
    }
    policy
}

/// Raw public keys go with TLS 1.3 and with each other only.
fn check_raw_keys(wanted: &Wanted, keys: &[Arc<CertifiedKey>], parts: &Parts<'_>) -> Result<(), ConfigError> {
    let raw = keys.iter().filter(|key| is_raw(&key.cert)).count();
    let asks_for_raw = wanted.client_verifier.as_ref().is_some_and(|verifier| verifier.requires_raw_public_keys());
    if (raw > 0 || asks_for_raw) && parts.speaks(ProtocolVersion::TLSv1_2) {
        return Err(only_tls13());
    }
    if raw > 0 && (raw < keys.len() || wanted.resolve.is_some()) {
        let problem = "a context shows either certificates or raw public keys, not both";
        return Err(ConfigError::new(ConfigPart::Identity, problem));
    }
    Ok(())
}

/// A server's side as rustls knows it. Early data are off: a stream has no room for them.
fn adopted(config: &ServerConfig, wanted: &Wanted, parts: &Parts<'_>) -> Result<Serving, ConfigError> {
    let is_chosen = !wanted.client_roots.is_empty()
        || wanted.client_auth.is_some()
        || !wanted.revocation_lists.is_empty()
        || wanted.resolve.is_some()
        || wanted.client_verifier.is_some()
        || wanted.early_data > 0;
    if is_chosen {
        let problem = "the server's side cannot be chosen in two ways: both a configuration of rustls and parts of one were given";
        return Err(ConfigError::new(ConfigPart::Identity, problem));
    }
    let mut config = config.clone();
    config.max_early_data_size = 0;
    config.cert_resolver = Arc::new(Recorded(config.cert_resolver));
    let config = Arc::new(with_key_logs(config, parts));
    Ok(Serving { config, early: None, clients: None, policy: Vec::new(), tickets: Tickets::Off })
}

/// For exporting, as for clients; for telling refused early data from what follows them; and for the next keys of records that
/// are to be ours.
fn with_key_logs(mut config: ServerConfig, parts: &Parts<'_>) -> ServerConfig {
    config.key_log = keeping_secrets(config.key_log);
    if config.enable_secret_extraction && parts.record_layer == RecordLayer::Own {
        config.key_log = keeping_traffic_secrets(config.key_log);
    }
    if let Some(exports) = parts.exports {
        config.key_log = exports(config.key_log);
        config.require_ems = true;
    }
    config
}

/// What a client shows to every server that asks.
#[derive(Debug)]
struct OneIdentity(Arc<CertifiedKey>);

impl ResolvesClientCert for OneIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn only_raw_public_keys(&self) -> bool {
        is_raw(&self.0.cert)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn serving(
    wanted: &Wanted,
    parts: &Parts<'_>,
    clients: Option<Clients>,
    keys: &[Arc<CertifiedKey>],
    loader: KeyLoader,
) -> Result<Serving, ConfigError> {
    let policy = resumption_policy(clients.as_ref(), parts);
    let resumption = Resumption::of(&wanted.tickets, parts.provider, &policy)?;
    let by_name = ByName::new(keys, wanted.unknown_name);
    let identities: Arc<dyn ResolvesServerCert> = match wanted.resolve.clone() {
        Some(resolve) => Arc::new(Chosen { resolve, keys: loader, by_name }),
        None => Arc::new(by_name),
    };
    let has_challenges =
        wanted.resolve.is_some() || keys.iter().any(|key| key.cert.first().is_some_and(acme::is_challenge));
    let identities = if has_challenges {
        // Authorities have no certificate of their own, and come for no session.
        let config = config(parts, None, identities.clone(), Resumption::Off)?;
        let validations = Arc::new(acme::validations(&config, identities.clone()));
        Arc::new(acme::Diverting { clients: identities, validations })
    } else {
        identities
    };
    let mut config = config(parts, clients.as_ref(), Arc::new(Recorded(identities)), resumption)?;
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
    identities: Arc<dyn ResolvesServerCert>,
    resumption: Resumption,
) -> Result<ServerConfig, ConfigError> {
    let builder = ServerConfig::builder_with_provider(parts.provider.clone())
        .with_protocol_versions(parts.versions)
        .map_err(unusable_provider)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients.verifier.clone()),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identities);
    config.alpn_protocols = parts.alpn.to_vec();
    config.key_log = parts.key_log.clone();
    config.cert_compressors.extend(&parts.compression.compressors);
    config.cert_decompressors.extend(&parts.compression.decompressors);
    // Where the records stay with rustls: for the alert to a client whose resumed session is refused.
    config.enable_secret_extraction = clients.is_some() || parts.record_layer.wants_secrets(parts.provider);
    let mut config = with_key_logs(config, parts);
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
