//! Where to connect to, as people write it.

use lem_ssl_rs::{Address, Error, ToAddress};

/// Reads `text`, and `port` beside it; a port that nobody gives is `default`.
pub(crate) fn parse(text: &str, port: Option<&str>, default: u16) -> Result<Address, Error> {
    let Some(port) = port else {
        return match text.to_address() {
            // It may be right but for the port; if not, the first complaint is the better one.
            Err(error) if has_no_port(text) => Ok((text, default).to_address().map_err(|_| error)?),
            other => Ok(other?),
        };
    };
    if let Ok(port) = port.parse::<u16>() {
        return Ok((text, port).to_address()?);
    }
    // A service's name: the library knows those behind a colon.
    let host = match (text, default).to_address()? {
        Address::Name { host, .. } => host,
        Address::Ip(ip) if ip.is_ipv6() => format!("[{}]", ip.ip()),
        Address::Ip(ip) => ip.ip().to_string(),
        Address::Any { .. } => String::new(),
        without_port => return Ok(without_port),
    };
    Ok(format!("{host}:{port}").to_address()?)
}

/// `host`, `192.0.2.1`, `::1`, `[::1]`: without a port.
fn has_no_port(text: &str) -> bool {
    !text.contains(':') || text.ends_with(']') || text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// The name that the certificate must be valid for, if the address tells one.
pub(crate) fn name_of(address: &Address) -> Option<String> {
    match address {
        Address::Name { host, .. } => Some(host.clone()),
        Address::Ip(ip) => Some(ip.ip().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, port: Option<&str>) -> String {
        parse(text, port, 443).map_or_else(|error| error.to_string(), |address| address.to_string())
    }

    #[test]
    fn a_port_may_stand_in_the_address_or_beside_it_or_nowhere() {
        assert_eq!(parsed("example.org", None), "example.org:443");
        assert_eq!(parsed("example.org:8443", None), "example.org:8443");
        assert_eq!(parsed("example.org", Some("8443")), "example.org:8443");
        assert_eq!(parsed("example.org:1", Some("8443")), "example.org:8443");
        assert_eq!(parsed("example.org", Some("imaps")), "example.org:993");
        assert_eq!(parsed("example.org:1", Some("imaps")), "example.org:993");
        assert_eq!(parsed("https://example.org/x", None), "example.org:443");
        assert_eq!(parsed("192.0.2.1", None), "192.0.2.1:443");
        assert_eq!(parsed("::1", None), "[::1]:443");
        assert_eq!(parsed("[::1]", None), "[::1]:443");
        assert_eq!(parsed("::1", Some("imaps")), "[::1]:993");
        assert_eq!(parsed("unix:/run/x", None), "unix:/run/x");
    }

    #[test]
    fn a_wrong_address_is_told_as_it_was_written() {
        assert!(parsed("example.org:", None).contains("the port after the colon is missing"));
        assert!(parsed("exa mple.org", None).contains("invalid address \"exa mple.org\""));
        assert!(parsed("example.org:70000", None).contains("70000"));
        assert!(parsed("example.org", Some("70000")).contains("70000"));
    }
}
