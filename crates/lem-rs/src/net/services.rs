//! Service names that may stand for a port.
//!
//! A fixed table, from the registry of service names and port numbers (RFC 6335): the same on every machine, in an
//! empty container too, and without a file read on the loop.

const SERVICES: &[(&str, u16)] = &[
    ("amqp", 5672),
    ("amqps", 5671),
    ("coaps", 5684),
    ("domain", 53),
    ("domain-s", 853),
    ("ftp", 21),
    ("ftps", 990),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("https-alt", 8443),
    ("imap", 143),
    ("imaps", 993),
    ("irc", 6667),
    ("ircs", 6697),
    ("ldap", 389),
    ("ldaps", 636),
    ("mqtt", 1883),
    // Registered as secure-mqtt, and written so in URLs.
    ("mqtts", 8883),
    ("mysql", 3306),
    ("nntps", 563),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("redis", 6379),
    // In URLs only, without a port of its own.
    ("rediss", 6379),
    ("secure-mqtt", 8883),
    ("sip-tls", 5061),
    ("sips", 5061),
    ("smtp", 25),
    ("smtps", 465),
    ("submission", 587),
    ("submissions", 465),
    ("syslog-tls", 6514),
    ("telnets", 992),
    ("ws", 80),
    ("wss", 443),
    ("xmpp-client", 5222),
    ("xmpps-client", 5223),
];

/// The port of a service, by its name in any case.
pub(super) fn port_of(service: &str) -> Option<u16> {
    SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, port)| *port)
}

/// Those that are plain text, and whose service in TLS does not have their name with an `s` behind it; nothing where it has
/// no name at all.
const PLAIN: &[(&str, Option<&str>)] = &[
    ("domain", Some("domain-s")),
    ("http-alt", Some("https-alt")),
    ("mysql", None),
    ("postgresql", None),
    ("xmpp-client", Some("xmpps-client")),
];

/// What to write for the same in TLS, if this service is plain text: `https://` for `http`.
pub(super) fn encrypted(service: &str) -> Option<String> {
    let service = service.to_ascii_lowercase();
    let encrypted = format!("{service}s");
    if port_of(&service).is_some() && port_of(&encrypted).is_some() {
        return Some(format!("{encrypted}://"));
    }
    let (_, encrypted) = PLAIN.iter().find(|(name, _)| *name == service)?;
    let to_write = encrypted.map(|encrypted| format!("{encrypted}://"));
    Some(to_write.unwrap_or_else(|| "host:port, if TLS is spoken there".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Services that are plain text have another port in TLS, or none; the others say in their name that they are TLS.
    #[test]
    fn each_service_is_either_plain_text_or_says_that_it_is_not() {
        const TLS: &[&str] = &["domain-s", "https-alt", "secure-mqtt", "sip-tls", "syslog-tls", "xmpps-client"];
        for (name, _) in SERVICES {
            let is_tls = TLS.contains(name) || (name.ends_with('s') && !["redis", "ws"].contains(name));
            assert_eq!(encrypted(name).is_none(), is_tls, "{name}");
        }
        assert_eq!(encrypted("XMPP-Client").as_deref(), Some("xmpps-client://"));
    }
}
