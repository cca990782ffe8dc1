//! The names of one certificate.

use std::str::FromStr;

/// The names that one certificate is asked for: DNS names, in lower case, each once, the first one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(Vec<String>);

/// The authorities in use allow so many in one certificate.
const MAX_NAMES: usize = 100;

/// The longest name (RFC 1035 section 2.3.4), written with dots.
const MAX_NAME: usize = 253;

const MAX_LABEL: usize = 63;

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut names = Vec::new();
        for name in text.split(',') {
            let name = checked(name.trim())?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > MAX_NAMES {
            return Err(format!("a certificate is for at most {MAX_NAMES} names"));
        }
        Ok(Self(names))
    }
}

impl Names {
    /// The first, which the certificate goes by.
    pub(crate) fn first(&self) -> &str {
        &self.0[0]
    }

    pub(super) fn as_slice(&self) -> &[String] {
        &self.0
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }

    /// For messages: `a.example, b.example`.
    pub(super) fn words(&self) -> String {
        self.0.join(", ")
    }
}

/// The name in lower case and without a dot at its end.
fn checked(name: &str) -> Result<String, String> {
    let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if bare.is_empty() {
        return Err("a name is empty".to_owned());
    }
    if bare.contains('*') {
        return Err(format!(
            "{name}: an authority gives a certificate for a wildcard only after a challenge by DNS, and TLS-ALPN-01, \
             which is done here, is about one name (RFC 8737): list the names"
        ));
    }
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!("{name} is an address: certificates are asked for by name"));
    }
    if !bare.is_ascii() {
        return Err(format!("{name}: write an international name in its \"xn--\" form"));
    }
    let label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        letters && !label.is_empty() && label.len() <= MAX_LABEL && !label.starts_with('-') && !label.ends_with('-')
    };
    if bare.len() > MAX_NAME || !bare.split('.').all(label) {
        return Err(format!("{name:?} is not a host name: write www.example.org"));
    }
    Ok(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_lower_case_and_each_once() {
        let names: Names = "WWW.Example.org., example.org,www.example.ORG".parse().unwrap();
        assert_eq!(names.as_slice(), ["www.example.org", "example.org"]);
        assert_eq!(names.first(), "www.example.org");
    }

    #[test]
    fn what_no_authority_can_validate_over_tls_is_refused_with_the_reason() {
        for (text, word) in [
            ("*.example.org", "wildcard"),
            ("a.example,*.a.example", "wildcard"),
            ("192.0.2.1", "address"),
            ("::1", "address"),
            ("ünï.example", "xn--"),
            ("", "empty"),
            ("a.example,", "empty"),
            ("a b", "host name"),
            ("a..b", "host name"),
            ("-a.example", "host name"),
            ("../a", "host name"),
            ("a/b", "host name"),
            (&format!("{}.example", "a".repeat(64)), "host name"),
            (&["a.".repeat(130), "example".to_owned()].concat(), "host name"),
        ] {
            let refused = text.parse::<Names>().unwrap_err();
            assert!(refused.contains(word), "{text:?}: {refused}");
        }
        let many: Vec<String> = (0..101).map(|number| format!("n{number}.example")).collect();
        assert!(many.join(",").parse::<Names>().is_err());
    }
}
