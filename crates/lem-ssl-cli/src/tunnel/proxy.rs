//! The header of the PROXY protocol: who the client is, for a back end that sees only us.
//!
//! Numbers and layout: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use clap::ValueEnum;
use lem_ssl_rs::{Endpoint, Info};

use super::credentials::{Credentials, MAX_NAMES};
use super::record::{suite, version};

/// What begins every header of version 2.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2, and a connection on behalf of somebody else.
const PROXY: u8 = 0x21;

/// Families and transports.
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Types of further values.
const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_COMMON_NAME: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;

/// Types of our own, from the range for that (section 2.2.8): the subject of the client's certificate, and its alternative
/// names, one in each.
const CLIENT_SUBJECT: u8 = 0xe0;
const CLIENT_NAME: u8 = 0xe1;

/// A longer text of a certificate is left out: one that was cut would be another one.
const MAX_TEXT: usize = 1024;

/// The fixed part of a header.
const HEAD: usize = SIGNATURE.len() + 4;

/// So long a header may be: what is behind its fixed part has fewer bytes than [`proxied`](super::proxied) takes, and other
/// programs have limits, too.
const MAX_HEADER: usize = 4096;

/// Bits of the client field of [`SSL`].
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERTIFICATE: u8 = 0x02;
const CLIENT_SESSION: u8 = 0x04;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Version {
    /// A line of text: addresses only
    V1,
    /// Binary: addresses, and what the session and the client's certificate say
    V2,
}

/// The line of version 1 (section 2.1).
fn line(client: &Endpoint, local: &Endpoint) -> Vec<u8> {
    let (Some(client), Some(local)) = (client.ip(), local.ip()) else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let (from, to) = (client.port(), local.port());
    match (client.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(client), IpAddr::V4(local)) => format!("PROXY TCP4 {client} {local} {from} {to}\r\n"),
        (client, local) => {
            let [client, local] = [client, local].map(in_ipv6);
            format!("PROXY TCP6 {client} {local} {from} {to}\r\n")
        }
    }
    .into_bytes()
}

fn in_ipv6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// The header for a connection from `client`, which came in at `local`, and what was agreed on with it, if it speaks TLS.
pub(super) fn header(
    version: Version,
    client: &Endpoint,
    local: &Endpoint,
    session: Option<&Info>,
    credentials: Option<&Credentials>,
) -> Vec<u8> {
    if version == Version::V1 {
        return line(client, local);
    }
    let (family, mut rest) = addresses(client, local);
    if let Some(info) = session {
        if let Some(protocol) = &info.alpn {
            value(&mut rest, ALPN, protocol);
        }
        if let Some(name) = &info.requested_name {
            value(&mut rest, AUTHORITY, name.as_bytes());
        }
        value(&mut rest, SSL, &secured(info, credentials));
    }
    if let Some(credentials) = credentials {
        text(&mut rest, CLIENT_SUBJECT, &credentials.subject);
        credentials.names.iter().take(MAX_NAMES).for_each(|name| text(&mut rest, CLIENT_NAME, &name.to_string()));
    }
    let mut header = Vec::with_capacity(HEAD + rest.len());
    header.extend(SIGNATURE);
    header.extend([PROXY, family]);
    header.extend(length(rest.len()));
    header.extend(rest);
    header
}

/// The header of a connection of our own (`LOCAL`): to look whether a back end answers.
pub(super) fn own_header(version: Version) -> Vec<u8> {
    const LOCAL: u8 = 0x20;
    match version {
        Version::V1 => b"PROXY UNKNOWN\r\n".to_vec(),
        Version::V2 => [&SIGNATURE[..], &[LOCAL, UNSPECIFIED, 0, 0]].concat(),
    }
}

/// Both ends in one family: on a socket for both, IPv4 comes in the clothes of IPv6.
fn addresses(client: &Endpoint, local: &Endpoint) -> (u8, Vec<u8>) {
    let (Some(client), Some(local)) = (client.ip(), local.ip()) else { return (UNSPECIFIED, Vec::new()) };
    let mut bytes = Vec::new();
    let family = match (client.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            bytes.extend(from.octets());
            bytes.extend(to.octets());
            TCP_OVER_IPV4
        }
        (from, to) => {
            for ip in [from, to] {
                bytes.extend(in_ipv6(ip).octets());
            }
            TCP_OVER_IPV6
        }
    };
    for port in [client, local].map(|end: SocketAddr| end.port()) {
        bytes.extend(port.to_be_bytes());
    }
    (family, bytes)
}

/// What is said of a client that speaks TLS. If it has shown a certificate, that was verified, or there would be no session.
fn secured(info: &Info, credentials: Option<&Credentials>) -> Vec<u8> {
    let certified = !info.peer_certificates.is_empty();
    let client = match (certified, info.resumed) {
        (false, _) => CLIENT_SSL,
        (true, false) => CLIENT_SSL | CLIENT_CERTIFICATE | CLIENT_SESSION,
        (true, true) => CLIENT_SSL | CLIENT_SESSION,
    };
    let mut said = vec![client];
    said.extend(u32::from(!certified).to_be_bytes());
    value(&mut said, SSL_VERSION, version(info).as_bytes());
    if let Some(name) = credentials.and_then(|credentials| credentials.common_name.as_deref()) {
        text(&mut said, SSL_COMMON_NAME, name);
    }
    if info.cipher_suite.is_some() {
        value(&mut said, SSL_CIPHER, suite(info).as_bytes());
    }
    said
}

/// What a certificate says, if it is not empty and not too long.
fn text(to: &mut Vec<u8>, kind: u8, text: &str) {
    if !text.is_empty() && text.len() <= MAX_TEXT {
        value(to, kind, text.as_bytes());
    }
}

/// Adds a value, if the header stays short enough; what comes behind it may have room all the same.
fn value(to: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if to.len() + 3 + value.len() > MAX_HEADER - HEAD {
        return;
    }
    to.push(kind);
    to.extend(length(value.len()));
    to.extend(value);
}

/// No header of ours is longer than this field allows ([`MAX_HEADER`]).
fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use lem_ssl_rs::AlternativeName;

    use super::*;

    fn ip(text: &str) -> Endpoint {
        Endpoint::Ip(text.parse().unwrap())
    }

    #[test]
    fn a_header_without_tls_is_that_of_the_specification() {
        let header = header(Version::V2, &ip("192.0.2.1:56324"), &ip("198.51.100.7:443"), None, None);
        let expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb";
        assert_eq!(header, expected);
    }

    #[test]
    fn a_header_is_one_that_we_would_read_whatever_a_certificate_says() {
        let name = |length: usize| AlternativeName::Dns("x".repeat(length));
        for names in [vec![name(1000); MAX_NAMES], vec![name(MAX_TEXT); MAX_NAMES], vec![name(200); MAX_NAMES]] {
            let (subject, fingerprint) = ("s".repeat(MAX_TEXT), [0; 32]);
            let common_name = Some("c".repeat(MAX_TEXT));
            let credentials = Credentials { subject, common_name, names, fingerprint };
            let (client, local) = (ip("[2001:db8::1]:1"), ip("[2001:db8::2]:2"));
            let header = header(Version::V2, &client, &local, None, Some(&credentials));
            assert!(header.len() <= MAX_HEADER && header.len() > MAX_HEADER - MAX_TEXT, "{}", header.len());
            let read = crate::tunnel::proxied::read(&header);
            assert!(matches!(read, Ok(crate::tunnel::proxied::Header::Whole { length, .. }) if length == header.len()));
        }
    }

    #[test]
    fn a_line_of_version_1_is_one_that_we_would_read() {
        for (client, local, expected) in [
            ("192.0.2.1:56324", "198.51.100.7:443", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
            ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
            ("[2001:db8::1]:1", "[::1]:2", "PROXY TCP6 2001:db8::1 ::1 1 2\r\n"),
        ] {
            let line = header(Version::V1, &ip(client), &ip(local), None, None);
            assert_eq!(String::from_utf8_lossy(&line), expected);
            assert!(matches!(crate::tunnel::proxied::read(&line), Ok(crate::tunnel::proxied::Header::Whole { .. })));
        }
        let local = header(Version::V1, &Endpoint::Unix(None), &ip("[::1]:2"), None, None);
        assert_eq!(local, b"PROXY UNKNOWN\r\n");
    }

    #[test]
    fn ipv4_on_a_socket_for_both_families_is_ipv4() {
        let header = header(Version::V2, &ip("[::ffff:192.0.2.1]:1"), &ip("[::ffff:192.0.2.2]:2"), None, None);
        assert_eq!(header[13..16], [TCP_OVER_IPV4, 0, 12]);
    }

    #[test]
    fn ipv6_has_its_own_family() {
        let header = header(Version::V2, &ip("[2001:db8::1]:1"), &ip("[2001:db8::2]:2"), None, None);
        assert_eq!(header[13..16], [TCP_OVER_IPV6, 0, 36]);
        assert_eq!(header.len(), 16 + 36);
        assert_eq!(header[48..], [0, 1, 0, 2]);
    }

    #[test]
    fn a_client_of_a_local_socket_has_no_address() {
        let header = header(Version::V2, &Endpoint::Unix(None), &Endpoint::Unix(Some("/run/x".into())), None, None);
        assert_eq!(header[12..], [PROXY, UNSPECIFIED, 0, 0]);
    }
}
