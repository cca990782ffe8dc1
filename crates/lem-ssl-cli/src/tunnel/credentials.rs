//! Who a client is, by the certificate that it has shown and that the handshake has verified.

use lem_ssl_rs::{AlternativeName, Certificate, Info};

use crate::text::{hex, printable};

/// What a client's certificate says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    /// For people: `CN=alice, O=Example`. No decision rests on it.
    pub(super) subject: String,
    pub(super) common_name: Option<String>,
    pub(super) names: Vec<AlternativeName>,
    /// The SHA-256 hash of the certificate.
    pub(super) fingerprint: [u8; 32],
}

/// So many names are told of a client; a certificate may have hundreds.
pub(super) const MAX_NAMES: usize = 16;

impl Credentials {
    /// `None` for a client that has shown none, or one that nobody can read.
    pub(super) fn of(info: &Info) -> Option<Self> {
        let fingerprint = Certificate::fingerprint(info.peer_certificates.first()?).ok()?;
        let certificate = info.peer()?.ok()?;
        Some(Self {
            subject: certificate.subject().unwrap_or_default().to_owned(),
            common_name: certificate.common_name().map(str::to_owned),
            names: certificate.alternative_names().to_vec(),
            fingerprint,
        })
    }

    /// The client in a few words: its subject, or else its first name, or else the hash of its certificate.
    pub(super) fn label(&self) -> String {
        match (self.subject.as_str(), self.names.first()) {
            ("", Some(name)) => printable(&name.to_string()).into_owned(),
            ("", None) => format!("sha256:{}", hex(&self.fingerprint)),
            (subject, _) => printable(subject).into_owned(),
        }
    }

    /// The names that are told of it.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.names.iter().take(MAX_NAMES).map(|name| printable(&name.to_string()).into_owned())
    }

    /// Everything that a list could go by, as the rest of a sentence.
    pub(super) fn shown(&self) -> String {
        let names: Vec<_> = self.names().collect();
        let names = if names.is_empty() { "no names".to_owned() } else { names.join(", ") };
        let subject = if self.subject.is_empty() { "no subject" } else { &self.subject };
        format!("it has shown {}, for {names}, fingerprint {}", printable(subject), hex(&self.fingerprint))
    }
}
