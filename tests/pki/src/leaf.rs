//! What an end-entity certificate shall say.

use std::time::{Duration, SystemTime};

use super::KeyKind;

/// A request for an end-entity certificate: of a server or of a client.
///
/// Start from [`Leaf::server`] or [`Leaf::client`] and change what the test is about.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// The subject's alternative names: DNS names, wildcards among them, IP addresses in text, or URIs.
    ///
    /// The first is the subject's common name too. May be empty.
    pub names: &'a [&'a str],
    /// The first second of validity; fractions are dropped.
    pub not_before: SystemTime,
    /// The last second of validity; fractions are dropped.
    pub not_after: SystemTime,
    /// Whether it is for authenticating a client; otherwise it is for a server, never for both.
    pub client: bool,
    /// The kind of the leaf's own key. Who issues it has a key of its own kind.
    pub key: KeyKind,
    /// Bytes of ballast in an extension that no one knows: a certificate longer than a TLS record
    /// makes handshake messages span records.
    pub padding: usize,
}

impl<'a> Leaf<'a> {
    /// A certificate for a server of these names, valid now.
    pub fn server(names: &'a [&'a str]) -> Self {
        let now = SystemTime::now();
        Self {
            names,
            not_before: now - HOUR,
            not_after: now + 30 * DAY,
            client: false,
            key: KeyKind::EcdsaP256,
            padding: 0,
        }
    }

    /// A certificate for a client of these names, valid now.
    pub fn client(names: &'a [&'a str]) -> Self {
        Self { client: true, ..Self::server(names) }
    }

    /// The same, but it ran out yesterday.
    #[must_use]
    pub fn expired(self) -> Self {
        let now = SystemTime::now();
        Self { not_before: now - 31 * DAY, not_after: now - DAY, ..self }
    }

    /// The same, but it begins tomorrow.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        let now = SystemTime::now();
        Self { not_before: now + DAY, not_after: now + 31 * DAY, ..self }
    }

    /// The same with another kind of key.
    #[must_use]
    pub fn with_key(self, key: KeyKind) -> Self {
        Self { key, ..self }
    }

    /// The same with this many bytes of ballast.
    #[must_use]
    pub fn with_padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
