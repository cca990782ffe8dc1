//! Addresses as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;
use std::str::FromStr;

use super::services::{encrypted, port_of};
use super::zone;
use crate::error::AddressError;

/// Where to connect to, or to listen.
///
/// | text | meaning |
/// |---|---|
/// | `example.org:443` | a name and a port |
/// | `example.org:https` | a name and a service |
/// | `https://example.org/path` | a URL; the scheme gives the port, unless it names one |
/// | `192.0.2.1:443`, `[2001:db8::1]:443` | an IP address and a port |
/// | `[fe80::1%eth0]:443`, `[fe80::1%2]:443` | the same on one interface, by its name (on Linux) or its index |
/// | `:443`, `:https` | for listening: every interface, over IPv6 and IPv4 |
/// | `unix:/run/service.sock` | a Unix-domain socket |
/// | `("example.org", 443)` | a name and a port; a port in the text gives way to the second |
///
/// ```
/// use lem_rs::{Address, ToAddress};
/// let https = Address::Name { host: "example.org".into(), port: 443 };
/// assert_eq!("https://example.org/index.html".to_address()?, https);
/// assert_eq!(("example.org:80", 443).to_address()?, https);
/// assert!("example.org:70000".to_address().is_err());
/// # Ok::<(), lem_rs::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A name to be resolved, and a port. The name is ASCII, without brackets, and may end in a dot.
    Name {
        /// The host's name.
        host: String,
        /// The port; zero only for listening, where it asks for a free one.
        port: u16,
    },
    /// An IP address and a port.
    Ip(SocketAddr),
    /// Every interface of this machine, only for listening: over IPv6 and IPv4 as `[::]` is, and where the machine has no
    /// IPv6, over IPv4 alone.
    Any {
        /// The port; zero asks for a free one.
        port: u16,
    },
    /// A Unix-domain socket.
    Unix(PathBuf),
}

impl Address {
    /// The name that was written, if it was one: what a certificate is checked against.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Name { host, .. } => Some(host),
            Self::Ip(_) | Self::Any { .. } | Self::Unix(_) => None,
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Name { port, .. } | Self::Any { port } => Some(*port),
            Self::Ip(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }

    /// Whether one can connect to it. What is only for listening is not: every interface (`:443`), and port 0. Connecting
    /// says so itself; this is for libraries that do something before.
    ///
    /// # Errors
    /// What to write instead.
    ///
    /// ```
    /// # use lem_rs::ToAddress;
    /// assert!("localhost:443".to_address()?.check_destination().is_ok());
    /// let error = ":443".to_address()?.check_destination().unwrap_err();
    /// assert_eq!(error.problem(), "without a host it is only for listening: write localhost:443");
    /// # Ok::<(), lem_rs::AddressError>(())
    /// ```
    pub fn check_destination(&self) -> Result<(), AddressError> {
        let wrong = |problem: String| Err(AddressError::new(&self.to_string(), problem));
        match (self, self.port()) {
            (Self::Any { port: 0 }, _) => wrong("without a host it is only for listening".into()),
            (Self::Any { port }, _) => {
                wrong(format!("without a host it is only for listening: write localhost:{port}"))
            }
            (_, Some(0)) => wrong("port 0 is only for listening: it asks for a free port".into()),
            _ => Ok(()),
        }
    }

    /// As [`parse`](Self::parse), unless the scheme of a URL stands for plain text.
    pub(super) fn parse_encrypted(text: &str, port: Option<u16>) -> Result<Self, AddressError> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        match scheme.and_then(|scheme| Some((scheme, encrypted(scheme)?))) {
            Some((scheme, encrypted)) => {
                let problem = format!("{scheme}:// is plain text: write {encrypted}, or use TcpStream or Listener");
                Err(AddressError::new(text, problem))
            }
            None => Self::parse(text, port),
        }
    }

    pub(super) fn parse(text: &str, port: Option<u16>) -> Result<Self, AddressError> {
        let wrong = |problem: String| AddressError::new(text, problem);
        if text.is_empty() {
            return Err(wrong("it is empty".into()));
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(wrong("the path after \"unix:\" is empty".into())),
                _ if path.contains('\0') => Err(wrong("the path contains a NUL".into())),
                _ => Ok(Self::Unix(path.into())),
            };
        }
        let (authority, scheme_port) = split_url(text).map_err(wrong)?;
        let (host, service) = split_port(authority, port.is_some(), scheme_port.is_some()).map_err(wrong)?;
        let port = match (port, service) {
            (Some(port), _) => port,
            (None, Some(service)) => parse_port(service).map_err(wrong)?,
            (None, None) => scheme_port.ok_or_else(|| wrong(missing_port(authority, &host)))?,
        };
        match host {
            Host::Ip(ip) => Ok(Self::Ip(SocketAddr::new(ip, port))),
            Host::V6(ip, zone) => Ok(Self::Ip(SocketAddrV6::new(ip, port, 0, zone).into())),
            Host::Any => Ok(Self::Any { port }),
            Host::Name(name) => {
                check_name(name).map_err(wrong)?;
                Ok(Self::Name { host: name.into(), port })
            }
        }
    }
}

enum Host<'a> {
    Name(&'a str),
    Ip(IpAddr),
    /// In brackets, and the index of its zone, or zero.
    V6(Ipv6Addr, u32),
    /// None was written: every interface.
    Any,
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Any => Ok(()),
            Self::Ip(IpAddr::V6(ip)) | Self::V6(ip, 0) => write!(f, "[{ip}]"),
            Self::V6(ip, zone) => write!(f, "[{ip}%{zone}]"),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// The authority of a URL (RFC 3986 section 3.2) and its scheme's port; a text that is no URL is all authority.
fn split_url(text: &str) -> Result<(&str, Option<u16>), String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return check_no_path(text).map(|()| (text, None));
    };
    let port = port_of(scheme).ok_or_else(|| format!("the scheme {scheme:?} is not known"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err("it has a user name, which does not belong to an address".into());
    }
    Ok((authority, Some(port)))
}

/// Only a URL has a path.
fn check_no_path(text: &str) -> Result<(), String> {
    // What stands in brackets is looked at elsewhere.
    let begin = text.find(']').unwrap_or(0);
    match text[begin..].find(['/', '?', '#']).map(|at| begin + at) {
        None => Ok(()),
        Some(0) if text.starts_with('/') => Err(format!("for a Unix-domain socket write {:?}", format!("unix:{text}"))),
        Some(at) => Err(format!("leave out {:?}, or write {:?}", &text[at..], format!("https://{text}"))),
    }
}

/// Host and service of an authority. `bare` says that the port is known already, so that `::1` may stand alone; `is_url`,
/// that a percent sign is written `%25` (RFC 6874).
fn split_port(authority: &str, bare: bool, is_url: bool) -> Result<(Host<'_>, Option<&str>), String> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (ip, rest) = bracketed.split_once(']').ok_or("the bracket that begins an IPv6 address is not closed")?;
        let (ip, zone) = match ip.split_once('%') {
            Some((ip, zone)) => (ip, zone::index_of(zone, is_url)?),
            None => (ip, 0),
        };
        let ip = ip.parse().map_err(|_| format!("{ip:?} is no IPv6 address"))?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((Host::V6(ip, zone), None)),
            (_, Some("")) | (_, None) => Err("after the bracket a colon and a port are expected".into()),
            (_, service) => Ok((Host::V6(ip, zone), service)),
        };
    }
    if bare && let Ok(ip) = authority.parse() {
        return Ok((Host::Ip(ip), None));
    }
    let (host, service) = match authority.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            let ip = [host, authority].into_iter().find(|ip| ip.parse::<Ipv6Addr>().is_ok());
            return Err(format!("an IPv6 address is written in brackets: [{}]:443", ip.unwrap_or("2001:db8::1")));
        }
        Some((_, "")) => return Err("the port after the colon is missing".into()),
        Some((host, service)) => (host, Some(service)),
        None => (authority, None),
    };
    if host.is_empty() {
        // A URL names somebody, and so does a text with a port beside it.
        return if is_url || bare { Err("the host is empty".into()) } else { Ok((Host::Any, service)) };
    }
    Ok((host.parse().map_or(Host::Name(host), |ip| Host::Ip(IpAddr::V4(ip))), service))
}

/// Says what to write instead of an authority without a port.
fn missing_port(authority: &str, host: &Host<'_>) -> String {
    if authority.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("it has no host: write example.org:{authority}")
    } else {
        format!("it has no port: write {host}:443, or {host}:https")
    }
}

fn parse_port(service: &str) -> Result<u16, String> {
    if service.bytes().all(|byte| byte.is_ascii_digit()) {
        return service.parse().map_err(|_| format!("the port {service} is not between 1 and 65535"));
    }
    port_of(service).ok_or_else(|| format!("the service {service:?} is not known: write its port number"))
}

/// A host name that can be asked for (RFC 1123 section 2.1, with the underscore that many use).
fn check_name(name: &str) -> Result<(), String> {
    const MAX_NAME: usize = 253;
    const MAX_LABEL: usize = 63;
    if name == "unix" {
        return Err("a host called unix looks like the path of a socket: write unix. with a dot".into());
    }
    if !name.is_ascii() {
        return Err("the host is not ASCII: write an international name in its \"xn--\" form".into());
    }
    let allowed = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if let Some(letter) = name.chars().find(|letter| !allowed(letter)) {
        return Err(format!("the host contains {letter:?}, which no host name does"));
    }
    let labels = name.strip_suffix('.').unwrap_or(name);
    if labels.len() > MAX_NAME {
        return Err(format!("the host is longer than {MAX_NAME} characters"));
    }
    match labels.split('.').find(|label| label.is_empty() || label.len() > MAX_LABEL) {
        Some("") => Err("the host has an empty part".into()),
        Some(_) => Err(format!("a part of the host is longer than {MAX_LABEL} characters")),
        // "1.2.3" and "0x7f000001" are nothing that a resolver should be asked (WHATWG URL, "ends in a number"): the C
        // library's would take them for 1.2.0.3 and 127.0.0.1.
        None if labels.rsplit('.').next().is_some_and(is_number) => {
            Err("the host looks like an IPv4 address but is none".into())
        }
        None => Ok(()),
    }
}

/// Whether the C library reads it as a number: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x").or_else(|| label.strip_prefix("0X")) {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text, None)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Ip(address) => address.fmt(f),
            Self::Any { port } => write!(f, ":{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
