//! Several identities behind one address, chosen by the name that the client asks for (SNI, RFC 6066 section 3).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// What a server shows to a client that asks for a name that no identity is for, or for none at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum UnknownName {
    /// The first identity.
    #[default]
    First,
    /// Nothing: the handshake is refused.
    Refuse,
}

thread_local! {
    /// The name in the last `ClientHello` that was resolved on this thread. rustls' unbuffered connection does not keep
    /// it; the session takes it from here, in the same call.
    static REQUESTED: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
    /// Whether the last `resolve` refused the name; rustls' own error does not say so.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the last `resolve` on this thread recorded a refusal that was not [taken](take_refused).
pub(crate) fn is_refused() -> bool {
    REFUSED.get()
}

/// Takes the refusal recorded by the last `resolve` on this thread.
pub(crate) fn take_refused() -> bool {
    REFUSED.take()
}

/// Takes the name recorded by the last `resolve` on this thread.
pub(crate) fn take_requested() -> Option<Box<str>> {
    REQUESTED.take()
}

/// Chooses an identity by name. Of several for one name, the first whose key can sign what the client understands.
#[derive(Debug)]
pub(crate) struct ByName {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    others: Vec<Arc<CertifiedKey>>,
}

impl ByName {
    /// The names are those that each certificate is valid for; the first identity is for all others too, if `unknown`
    /// says so.
    pub(crate) fn new(keys: &[Arc<CertifiedKey>], unknown: UnknownName) -> Self {
        let mut table = Self { exact: HashMap::new(), wildcard: HashMap::new(), others: Vec::new() };
        for key in keys {
            let Some(leaf) = key.cert.first() else { continue };
            // A certificate that cannot be read was refused before.
            let Ok(leaf) = EndEntityCert::try_from(leaf) else { continue };
            for name in leaf.valid_dns_names() {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix("*.") {
                    Some(parent) => table.wildcard.entry(parent.to_owned()).or_default().push(key.clone()),
                    None => table.exact.entry(name).or_default().push(key.clone()),
                }
            }
        }
        if unknown == UnknownName::First {
            // All of them: a client that cannot use the first one's key may use another's.
            table.others = keys.to_vec();
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
        REQUESTED.set(hello.server_name().map(Into::into));
        let candidates = self.for_name(hello.server_name());
        REFUSED.set(candidates.is_empty());
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        // Without a usable one, the first makes the handshake fail with the error that says so.
        candidates.iter().find(usable).or(candidates.first()).cloned()
    }
}
