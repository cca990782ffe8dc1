//! The name of a server, as a certificate could be valid for it.

use std::net::Ipv6Addr;

use rustls::pki_types::ServerName;

use crate::error::{ConfigError, ConfigPart};

/// Reads the name that a certificate must be valid for.
///
/// # Errors
/// If there can be no such certificate.
pub(crate) fn parse_name(name: &str) -> Result<ServerName<'static>, ConfigError> {
    // The dot that ends a fully qualified name is no part of what certificates and SNI hold (RFC 6066 section 3).
    let bare = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let hint = if name.contains(',') {
            ": write one name alone"
        } else if name.contains([':', '/', '[']) {
            ": write the bare name or IP address, without a scheme, a port or brackets"
        } else if name.contains('*') {
            ": a wildcard stands in certificates only: write the name of the one server"
        } else if !name.is_ascii() {
            ": write an international name in its \"xn--\" form"
        } else {
            ""
        };
        let problem = format!("{name:?} is no name that a certificate could be valid for{hint}");
        ConfigError::new(ConfigPart::ServerName, problem)
    })
}

/// A name as it stands in files: all ways to write one name give the same.
pub(super) fn canonical(name: &ServerName<'_>) -> String {
    name.to_str().to_ascii_lowercase()
}

/// Reads a name that a person has written into a file, and gives its canonical form. Addresses may have the brackets that they
/// have in front of a port, and a zone, which no certificate has: it is left out.
///
/// # Errors
/// As of [`parse_name`].
pub(super) fn canonical_of(written: &str) -> Result<String, ConfigError> {
    let inside = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(written);
    let address = match inside.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address,
        _ => inside,
    };
    let is_address = address.parse::<Ipv6Addr>().is_ok();
    parse_name(if is_address { address } else { written }).map(|name| canonical(&name))
}
