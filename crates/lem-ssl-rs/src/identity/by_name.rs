//! Several identities behind one address, chosen by the name that the client asks for (SNI, RFC 6066 section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::acme;
use super::raw_key::is_raw;
use super::recorded::{Refusal, refuse};

/// What a server shows to a client that asks for a name that no identity is for, or for none at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnknownName {
    /// The first identity.
    #[default]
    First,
    /// Nothing: the handshake is refused.
    Refuse,
}

/// Chooses an identity by name. Of several for one name, the first whose key can sign what the client understands.
#[derive(Debug)]
pub(crate) struct ByName {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    others: Vec<Arc<CertifiedKey>>,
    /// Certificates that answer an authority's challenge, by exact name, and are shown for nothing else.
    challenges: HashMap<String, Arc<CertifiedKey>>,
    /// Whether these are raw public keys, which no certificate stands among.
    raw: bool,
}

impl ByName {
    /// The names are those that each certificate is valid for; the first identity is for all others too, if `unknown`
    /// says so.
    pub(crate) fn new(keys: &[Arc<CertifiedKey>], unknown: UnknownName) -> Self {
        let mut table = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            others: Vec::new(),
            challenges: HashMap::new(),
            raw: keys.iter().any(|key| is_raw(&key.cert)),
        };
        for key in keys {
            let Some(leaf) = key.cert.first() else { continue };
            if acme::is_challenge(leaf) {
                table.challenges.extend(acme::names(leaf).map(|name| (name, key.clone())));
                continue;
            }
            if unknown == UnknownName::First {
                // All of them: a client that cannot use the first one's key may use another's.
                table.others.push(key.clone());
            }
            // A certificate that cannot be read was refused before; a raw public key has no name.
            let Ok(leaf) = EndEntityCert::try_from(leaf) else { continue };
            for name in leaf.valid_dns_names() {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix("*.") {
                    Some(parent) => table.wildcard.entry(parent.to_owned()).or_default().push(key.clone()),
                    None => table.exact.entry(name).or_default().push(key.clone()),
                }
            }
        }
        table
    }

    /// The identities for `name`, best first. A wildcard stands for one label (RFC 9525 section 6.3).
    fn for_name(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let found = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let by_wildcard = || self.wildcard.get(name.split_once('.')?.1);
            self.exact.get(&name).or_else(by_wildcard)
        });
        found.unwrap_or(&self.others)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if acme::is_validation(&hello) {
            let name = hello.server_name().map(str::to_ascii_lowercase);
            let challenge = name.and_then(|name| self.challenges.get(&name).cloned());
            return challenge.or_else(|| refuse(Refusal::UnknownName));
        }
        let candidates = self.for_name(hello.server_name());
        if candidates.is_empty() {
            return refuse(Refusal::UnknownName);
        }
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        // Without a usable one, the first makes the handshake fail with the error that says so.
        candidates.iter().find(usable).or(candidates.first()).cloned()
    }

    fn only_raw_public_keys(&self) -> bool {
        self.raw
    }
}
