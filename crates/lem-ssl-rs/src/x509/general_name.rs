//! Names of every kind that a certificate may be for (RFC 5280 section 4.2.1.6).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::der::{Reader, tag};
use super::name::{printable, readable};

/// A name (RFC 5280 section 4.2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GeneralName<'a> {
    Email(&'a [u8]),
    Dns(&'a [u8]),
    Directory(&'a [u8]),
    Uri(&'a [u8]),
    /// An address; in constraints an address and a mask.
    Ip(&'a [u8]),
    /// With the tag's number.
    Other(u8),
}

impl<'a> GeneralName<'a> {
    pub(super) fn read(kind: u8, contents: &'a [u8]) -> Self {
        const EMAIL: u8 = tag::context_primitive(1);
        const DNS: u8 = tag::context_primitive(2);
        const DIRECTORY: u8 = tag::context(4);
        const URI: u8 = tag::context_primitive(6);
        const IP: u8 = tag::context_primitive(7);
        match kind {
            EMAIL => Self::Email(contents),
            DNS => Self::Dns(contents),
            // An explicit tag around a name.
            DIRECTORY => Self::Directory(Reader(contents).expect(tag::SEQUENCE).unwrap_or_default()),
            URI => Self::Uri(contents),
            IP => Self::Ip(contents),
            other => Self::Other(other & 0x1f),
        }
    }

    /// As people write it; `None` for what is not written.
    pub(crate) fn readable(self) -> Option<String> {
        match self {
            Self::Email(text) | Self::Dns(text) | Self::Uri(text) => Some(printable(&String::from_utf8_lossy(text))),
            Self::Directory(name) => readable(name),
            Self::Ip(bytes) => match bytes.len() {
                4 | 16 => address(bytes),
                8 | 32 => {
                    let (base, mask) = bytes.split_at(bytes.len() / 2);
                    let prefix: u32 = mask.iter().map(|byte| byte.leading_ones()).sum();
                    Some(format!("{}/{prefix}", address(base)?))
                }
                _ => None,
            },
            Self::Other(_) => None,
        }
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => Some(Ipv4Addr::from(v4).to_string()),
        (_, Ok(v6)) => Some(Ipv6Addr::from(v6).to_string()),
        _ => None,
    }
}
