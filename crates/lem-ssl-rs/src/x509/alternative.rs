//! The names in a certificate, by what they are.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::general_name::GeneralName;
use super::name::{printable, readable};

/// A subject alternative name (RFC 5280 section 4.2.1.6).
///
/// Characters that would steer a terminal, or hide what stands behind them, are replaced by U+FFFD: a name with one is the
/// name of nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlternativeName {
    /// A host's name, perhaps with `*` as its first label.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// A URI, such as a SPIFFE ID.
    Uri(String),
    /// An e-mail address.
    Email(String),
    /// A distinguished name, as [`Certificate::subject`](crate::Certificate::subject) is written.
    Directory(String),
}

impl AlternativeName {
    /// `None` for kinds that are not written, and for what is no such name.
    pub(super) fn of(name: GeneralName<'_>) -> Option<Self> {
        let text = |bytes| printable(&String::from_utf8_lossy(bytes));
        Some(match name {
            GeneralName::Dns(bytes) => Self::Dns(text(bytes)),
            GeneralName::Uri(bytes) => Self::Uri(text(bytes)),
            GeneralName::Email(bytes) => Self::Email(text(bytes)),
            GeneralName::Directory(der) => Self::Directory(readable(der)?),
            GeneralName::Ip(bytes) => match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
                (Ok(v4), _) => Self::Ip(Ipv4Addr::from(v4).into()),
                (_, Ok(v6)) => Self::Ip(Ipv6Addr::from(v6).into()),
                _ => return None,
            },
            GeneralName::Other(_) => return None,
        })
    }
}

impl fmt::Display for AlternativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) | Self::Directory(text) => f.write_str(text),
            Self::Ip(address) => address.fmt(f),
        }
    }
}
