//! A certificate that was given, with its key, as it is kept: one file, so that the two are never of two minds.

use lem_ssl_rs::{Certificate, Context, Identity, Roots};

use super::key::Key;
use super::names::Names;
use crate::base64;

/// A certificate and its key, found to be of use.
#[derive(Debug, Clone)]
pub(super) struct Issued {
    pub(super) identity: Identity,
    /// In lower case.
    names: Vec<String>,
    /// Seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// What the authority knows it by, for its renewal (RFC 9773 section 4.1).
    pub(super) id: Option<String>,
}

impl Issued {
    /// Reads the chain and the key behind it in `pem`, and checks that they belong together.
    pub(super) fn read(pem: &str) -> Result<Self, String> {
        let identity = Identity::from_pem(pem, pem).map_err(|error| error.to_string())?;
        let context = Context::builder().roots(Roots::None).identity(identity.clone()).build();
        context.map_err(|error| error.to_string())?;
        let leaf = Certificate::read(&identity.chain()[0]).map_err(|error| error.to_string())?;
        Ok(Self {
            names: leaf.names().iter().map(|name| name.to_ascii_lowercase()).collect(),
            not_before: leaf.not_before().seconds_since_1970(),
            not_after: leaf.not_after().seconds_since_1970(),
            id: leaf.authority_key().map(|key| format!("{}.{}", base64::url(key), base64::url(leaf.serial()))),
            identity,
        })
    }

    /// Whether it is valid for all of these names.
    pub(super) fn covers(&self, names: &Names) -> bool {
        names.as_slice().iter().all(|name| self.is_for(name))
    }

    /// Whether it is to be shown for these names instead of `shown`, at `today`: one that is good for all names goes
    /// before one that is not, one that has not ended before one that has, and then the one that was given later. Its
    /// end says nothing about that: authorities go over to shorter lives.
    pub(super) fn supersedes(&self, shown: &Self, names: &Names, today: i64) -> bool {
        let rank = |issued: &Self| (issued.covers(names), issued.not_after > today, issued.not_before);
        rank(self) >= rank(shown)
    }

    /// Whether it is valid for this name.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }
}

/// The text that is kept of a chain that was given and its key.
pub(super) fn text(chain: &str, key: &Key) -> String {
    format!("{}\n{}", chain.trim_end(), key.pem())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lem_ssl_tests::pki::{Authority, Leaf};

    #[test]
    fn a_certificate_is_read_with_its_key_and_nothing_else_is_one() {
        let root = Authority::new("Root");
        let (one, other) = (root.issue(Leaf::server(&["A.test", "b.test"])), root.issue(Leaf::server(&["a.test"])));
        let read = Issued::read(&format!("{}{}", one.chain_pem, one.key_pem)).unwrap();
        assert!(read.covers(&"b.test,a.test".parse().unwrap()) && !read.covers(&"c.test".parse().unwrap()));
        assert_eq!(read.not_after - read.not_before, 30 * 86_400 + 3600);
        let id = read.id.unwrap();
        assert_eq!(id.split('.').count(), 2, "{id}");
        for text in [
            format!("{}{}", one.chain_pem, other.key_pem),
            one.chain_pem.clone(),
            one.key_pem.clone(),
            one.chain_pem[..one.chain_pem.len() / 2].to_owned(),
            String::new(),
        ] {
            assert!(Issued::read(&text).is_err(), "{text}");
        }
    }
}
