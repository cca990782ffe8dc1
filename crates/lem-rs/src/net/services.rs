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

/// The service that is the same in TLS, if this one is plain text: `https` for `http`.
pub(super) fn encrypted(service: &str) -> Option<String> {
    let encrypted = format!("{}s", service.to_ascii_lowercase());
    (port_of(service).is_some() && port_of(&encrypted).is_some()).then_some(encrypted)
}
