//! Who may come in: lists of clients by what their certificates say.
//!
//! The handshake has verified the chain by then. A list only decides whether this client of the authority's may pass.

use lem_ssl_rs::AlternativeName;

use super::credentials::Credentials;
use crate::text::hex;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The common name of the subject, in full.
    CommonName(String),
    /// A DNS name among the alternative names. A wildcard in a certificate is a name like any other here.
    Dns(String),
    Uri(UriPattern),
    /// The SHA-256 hash of the certificate.
    Fingerprint([u8; 32]),
}

/// A URI, perhaps with one segment of its path left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UriPattern {
    Whole(String),
    /// What stands before the segment and behind it, with their slashes.
    Open {
        before: String,
        behind: String,
    },
}

/// Clients that may come in: those that one of the patterns is for.
#[derive(Debug, Clone, Default)]
pub(super) struct AccessList {
    patterns: Vec<Pattern>,
}

impl AccessList {
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        Self { patterns }
    }

    /// Whether this client may come in; if not, why, as the rest of a sentence.
    pub(super) fn admit(&self, client: Option<&Credentials>) -> Result<(), String> {
        let Some(client) = client else { return Err("it has shown no certificate that can be read".to_owned()) };
        if self.patterns.iter().any(|pattern| pattern.is_for(client)) { Ok(()) } else { Err(client.shown()) }
    }
}

impl Pattern {
    pub(super) fn common_name(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("the name is empty".to_owned()) } else { Ok(Self::CommonName(text.to_owned())) }
    }

    pub(super) fn dns(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '*');
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(format!("{text:?} is not a DNS name"));
        }
        Ok(Self::Dns(name.to_ascii_lowercase()))
    }

    pub(super) fn uri(text: &str) -> Result<Self, String> {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
        let has_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'));
        if !has_scheme || !text.chars().all(|letter| letter.is_ascii_graphic()) {
            return Err(format!("{text:?} is not a URI"));
        }
        let Some((before, behind)) = text.split_once('*') else { return Ok(Self::Uri(UriPattern::Whole(text.into()))) };
        if behind.contains('*') {
            return Err("only one segment may be a wildcard".to_owned());
        }
        // The slashes of `scheme://` are not those of the path.
        let path = text.split_once("://").map_or(scheme.len() + 1, |(scheme, rest)| {
            scheme.len() + "://".len() + rest.find('/').unwrap_or(rest.len())
        });
        let is_segment = before.ends_with('/') && before.len() > path && (behind.is_empty() || behind.starts_with('/'));
        if !is_segment {
            return Err("a wildcard stands for one whole segment of the path: spiffe://example.org/ns/*/web".to_owned());
        }
        Ok(Self::Uri(UriPattern::Open { before: before.to_owned(), behind: behind.to_owned() }))
    }

    pub(super) fn fingerprint(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|&letter| letter != ':').collect();
        let wrong = || "write the SHA-256 hash of the certificate as 64 hexadecimal digits".to_owned();
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            let pair = &digits[at..at + 2];
            let digits = pair.chars().all(|letter| letter.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| digits).ok_or_else(wrong)?;
        }
        Ok(Self::Fingerprint(hash))
    }

    fn is_for(&self, client: &Credentials) -> bool {
        let names = client.names.iter();
        match self {
            Self::CommonName(wanted) => client.common_name.as_ref() == Some(wanted),
            Self::Dns(wanted) => {
                names.filter_map(dns).any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(wanted))
            }
            Self::Uri(pattern) => {
                // A certificate with several SPIFFE IDs is none (X.509-SVID, section 2).
                let is_ambiguous = |name: &str| is_spiffe(name) && names.clone().filter_map(uri).count() > 1;
                names.clone().filter_map(uri).any(|name| pattern.is_for(name) && !is_ambiguous(name))
            }
            Self::Fingerprint(hash) => client.fingerprint == *hash,
        }
    }
}

impl UriPattern {
    fn is_for(&self, name: &str) -> bool {
        match self {
            Self::Whole(wanted) => name == wanted,
            Self::Open { before, behind } => {
                let segment = name.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(behind.as_str()));
                segment.is_some_and(is_segment)
            }
        }
    }
}

/// Whether this is one segment of a path as SPIFFE IDs have them: nothing that leads elsewhere, nothing that is encoded.
fn is_segment(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    !text.is_empty() && text != "." && text != ".." && text.chars().all(allowed)
}

fn is_spiffe(name: &str) -> bool {
    name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("spiffe://"))
}

fn dns(name: &AlternativeName) -> Option<&str> {
    if let AlternativeName::Dns(name) = name { Some(name) } else { None }
}

fn uri(name: &AlternativeName) -> Option<&str> {
    if let AlternativeName::Uri(name) = name { Some(name) } else { None }
}

/// As it is given on the command line.
impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CommonName(name) => write!(f, "cn:{name}"),
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(UriPattern::Whole(name)) => write!(f, "uri:{name}"),
            Self::Uri(UriPattern::Open { before, behind }) => write!(f, "uri:{before}*{behind}"),
            Self::Fingerprint(hash) => write!(f, "fingerprint:{}", hex(hash)),
        }
    }
}

/// `cn:NAME`, `dns:NAME`, `uri:URI`, `fingerprint:SHA256`.
impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("cn", name)) => Self::common_name(name),
            Some(("dns", name)) => Self::dns(name),
            Some(("uri", name)) => Self::uri(name),
            Some(("fingerprint", hash)) => Self::fingerprint(hash),
            _ => Err("write cn:NAME, dns:NAME, uri:URI or fingerprint:SHA256".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(common_name: Option<&str>, names: &[AlternativeName]) -> Credentials {
        Credentials {
            subject: "somebody".into(),
            common_name: common_name.map(str::to_owned),
            names: names.to_vec(),
            fingerprint: [7; 32],
        }
    }

    fn admits(pattern: &str, client: &Credentials) -> bool {
        AccessList::new(vec![pattern.parse().unwrap()]).admit(Some(client)).is_ok()
    }

    fn with_uri(name: &str) -> Credentials {
        client(None, &[AlternativeName::Uri(name.into())])
    }

    #[test]
    fn a_common_name_is_the_whole_name_and_nothing_else_is_one() {
        let alice = client(Some("alice"), &[AlternativeName::Dns("bob".into())]);
        assert!(admits("cn:alice", &alice));
        for other in ["cn:Alice", "cn:alic", "cn:alice2", "cn:bob", "cn:*"] {
            assert!(!admits(other, &alice), "{other}");
        }
        assert!(!admits("cn:alice", &client(None, &[AlternativeName::Dns("alice".into())])));
    }

    #[test]
    fn a_dns_name_is_compared_without_case_and_a_wildcard_is_no_pattern() {
        let shop = client(Some("x"), &[AlternativeName::Dns("Shop.Example".into())]);
        assert!(admits("dns:shop.example", &shop) && admits("dns:SHOP.example.", &shop));
        assert!(!admits("dns:*.example", &shop) && !admits("dns:x", &shop) && !admits("cn:Shop.Example", &shop));
        let wildcard = client(None, &[AlternativeName::Dns("*.example".into())]);
        assert!(admits("dns:*.example", &wildcard) && !admits("dns:a.example", &wildcard));
        assert!(!admits("dns:shop.example", &with_uri("shop.example")));
    }

    #[test]
    fn a_wildcard_in_a_uri_is_one_segment_that_leads_nowhere_else() {
        let pattern = "uri:spiffe://td.example/ns/*/sa/web";
        assert!(admits(pattern, &with_uri("spiffe://td.example/ns/prod-1/sa/web")));
        for other in [
            "spiffe://td.example/ns//sa/web",
            "spiffe://td.example/ns/a/b/sa/web",
            "spiffe://td.example/ns/../sa/web",
            "spiffe://td.example/ns/./sa/web",
            "spiffe://td.example/ns/a%2fb/sa/web",
            "spiffe://td.example/ns/a?x=/sa/web",
            "spiffe://td.example/ns/a#/sa/web",
            "spiffe://td.example/ns/\u{fffd}/sa/web",
            "spiffe://td.example/ns/sa/web",
            "spiffe://td.example/ns/a/sa/web/more",
            "spiffe://other.example/ns/a/sa/web",
            "https://td.example/ns/a/sa/web",
            "SPIFFE://td.example/ns/a/sa/web",
        ] {
            assert!(!admits(pattern, &with_uri(other)), "{other}");
        }
        assert!(admits("uri:spiffe://td.example/ns/*", &with_uri("spiffe://td.example/ns/a")));
        assert!(!admits("uri:spiffe://td.example/ns/*", &with_uri("spiffe://td.example/ns/a/b")));
        assert!(admits("uri:urn:x:y", &with_uri("urn:x:y")));
    }

    #[test]
    fn a_certificate_with_several_spiffe_ids_is_nobodys() {
        let names = ["spiffe://td/a", "spiffe://td/b"].map(|name| AlternativeName::Uri(name.into()));
        assert!(!admits("uri:spiffe://td/a", &client(None, &names)));
        assert!(!admits("uri:spiffe://td/*", &client(None, &names)));
    }

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons() {
        let digits = "07".repeat(32);
        let colons = vec!["07"; 32].join(":");
        for text in [&digits, &colons] {
            assert!(admits(&format!("fingerprint:{text}"), &client(None, &[])));
        }
        assert!(!admits(&format!("fingerprint:{}", "08".repeat(32)), &client(None, &[])));
    }

    #[test]
    fn a_pattern_that_could_never_mean_anything_is_refused() {
        let short = format!("fingerprint:{}", "0".repeat(63));
        let signs = format!("fingerprint:{}", "+7".repeat(32));
        for text in [
            "alice",
            "cn:",
            "dns:",
            "dns:a b",
            "dns:ü.example",
            "uri:",
            "uri:web",
            "uri:spiffe://*/a",
            "uri:spiffe://td*",
            "uri:spiffe://td/a*",
            "uri:spiffe://td/*a",
            "uri:spiffe://td/*/*",
            "uri:spiffe://td/a b",
            "mail:x",
            "uri:spiffe://td/**",
            "fingerprint:",
            &short,
            &signs,
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_list_and_no_certificate_admit_nobody() {
        assert!(AccessList::default().admit(Some(&client(Some("a"), &[]))).is_err());
        assert!(AccessList::new(vec![Pattern::CommonName("a".into())]).admit(None).is_err());
    }
}
