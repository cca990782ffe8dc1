//! What clients and authorities are shown: certificates as they come, without a new context.

use std::sync::{OnceLock, PoisonError, RwLock};

use lem_ssl_rs::{ClientHello, Identity, IdentityChoice};

use super::challenge;
use super::issued::Issued;
use super::names::Names;
use super::store::Store;

/// The certificates of one process, by the names that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    store: OnceLock<Store>,
    entries: RwLock<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    names: Names,
    issued: Option<Issued>,
}

/// What a client is shown that asks for no name, or for one that is not among ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Our first certificate.
    First,
    /// What the context has beside ours; it may refuse.
    Context,
}

impl Shown {
    /// Keeps what it shows in this store, from now on and for good.
    pub(super) fn store(&self, of: impl FnOnce() -> Store) -> &Store {
        self.store.get_or_init(of)
    }

    /// Whether it was said where.
    pub(super) fn has_store(&self) -> bool {
        self.store.get().is_some()
    }

    /// These names are ours, whether there is a certificate or not.
    pub(super) fn expect(&self, names: &Names) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if !entries.iter().any(|entry| entry.names == *names) {
            entries.push(Entry { names: names.clone(), issued: None });
        }
    }

    /// Shows this certificate for these names.
    pub(super) fn set(&self, names: &Names, issued: Issued) {
        self.change(names, |shown| *shown = Some(issued));
    }

    /// Shows one that was read from the folder, unless what is shown has come since.
    pub(super) fn set_stored(&self, names: &Names, issued: Issued) {
        self.change(names, |shown| {
            let today = crate::certificate::now();
            if shown.as_ref().is_none_or(|shown| issued.supersedes(shown, names, today)) {
                *shown = Some(issued);
            }
        });
    }

    fn change(&self, names: &Names, change: impl FnOnce(&mut Option<Issued>)) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.names == *names) {
            change(&mut entry.issued);
        }
    }

    /// What is shown for these names.
    pub(super) fn current(&self, names: &Names) -> Option<Issued> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| entry.names == *names)?.issued.clone()
    }

    /// Chooses for a client. One that asks for a name that is ours is refused while there is no certificate for it: the
    /// client would accept no other.
    pub(crate) fn choose(&self, hello: &ClientHello<'_>, otherwise: Otherwise) -> IdentityChoice {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let validates = hello.alpn().any(|protocol| protocol == b"acme-tls/1");
        if validates {
            return self.answer(name.as_deref()).map_or(IdentityChoice::Refuse, IdentityChoice::Identity);
        }
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let of = |issued: Option<&Issued>| {
            let identity = issued.map(|issued| issued.identity.clone());
            identity.map_or(IdentityChoice::Refuse, IdentityChoice::Identity)
        };
        let ours = name.and_then(|name| Some((entries.iter().find(|entry| entry.names.contains(&name))?, name)));
        match (ours, otherwise) {
            (Some((entry, name)), _) => of(entry.issued.as_ref().filter(|issued| issued.is_for(&name))),
            (None, Otherwise::First) => {
                entries.first().map_or(IdentityChoice::ByName, |entry| of(entry.issued.as_ref()))
            }
            (None, Otherwise::Context) => IdentityChoice::ByName,
        }
    }

    /// The answer to an authority's challenge for one of our names.
    fn answer(&self, name: Option<&str>) -> Option<Identity> {
        let name = name?;
        let is_ours = {
            let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
            entries.iter().any(|entry| entry.names.contains(name))
        };
        if is_ours { challenge::shown(name, self.store.get()?) } else { None }
    }
}
