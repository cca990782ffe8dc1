//! URLs: what is typed, and where redirects lead.

use std::fmt;

use fluent_uri::{Uri, UriRef};
use lem_ssl_rs::{Address, AddressError, ToAddress};

/// An `https` URL, without a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
    /// Path and query, as a request has them.
    target: String,
}

/// Where `https` is spoken.
const HTTPS: u16 = 443;

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Err(format!("invalid URL {text:?}: write https://{text}"));
        }
        let uri = Uri::parse(encoded(text.as_bytes())).map_err(|_| format!("invalid URL {text:?}"))?;
        Self::check(uri, text)
    }

    /// Where a `Location` leads from here (RFC 9110 section 10.2.2). What is not ASCII in it is meant byte for byte.
    pub(crate) fn join(&self, location: &[u8]) -> Result<Self, String> {
        let shown = String::from_utf8_lossy(location);
        let wrong = |_| format!("a redirect leads to an invalid URL, {shown:?}");
        let base = Uri::parse(self.text.as_str()).map_err(|_| format!("invalid URL {:?}", self.text))?;
        let reference = UriRef::parse(encoded(location)).map_err(|_| wrong(()))?;
        let uri = reference.resolve_against(&base).map_err(|_| wrong(()))?;
        Self::check(uri, &shown)
    }

    fn check(uri: Uri<String>, text: &str) -> Result<Self, String> {
        match uri.scheme().as_str().to_ascii_lowercase().as_str() {
            "https" => {}
            "http" => return Err(format!("{text:?} is not encrypted: only https is fetched")),
            other => return Err(format!("only https is fetched, and not {other}")),
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| format!("{text:?} has no host"))?;
        if authority.has_userinfo() {
            return Err("a user name or password in a URL is not sent: use --header \"Authorization: ...\"".to_owned());
        }
        let host = authority.host().to_ascii_lowercase();
        if host.contains('%') {
            return Err("the host is not ASCII: write an international name in its \"xn--\" form".to_owned());
        }
        let port = authority.port_to_u16().map_err(|_| format!("invalid port in {text:?}"))?;
        let path = uri.path().as_str();
        let mut target = if path.is_empty() { "/" } else { path }.to_owned();
        if let Some(query) = uri.query() {
            target.push('?');
            target.push_str(query.as_str());
        }
        let url = Self { text: uri.strip_fragment().as_str().to_owned(), host, port: port.unwrap_or(HTTPS), target };
        url.address().map_err(|error| error.to_string())?;
        Ok(url)
    }

    /// Where to connect to.
    pub(crate) fn address(&self) -> Result<Address, AddressError> {
        self.host_and_port().to_address()
    }

    /// What a proxy is asked to connect to.
    pub(crate) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The host, in lower case, an IPv6 address in brackets; and the port.
    pub(crate) fn host(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What a request says in `Host`.
    pub(crate) fn authority(&self) -> String {
        if self.port == HTTPS { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Whether both are of one server: what is meant for it is not for others.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        (&self.host, self.port) == (&other.host, other.port)
    }

    /// The name of a file for what is there, if the URL has one.
    pub(crate) fn file_name(&self) -> Option<String> {
        let path = self.target.split('?').next().unwrap_or_default();
        let last = decoded(path.rsplit('/').next()?)?;
        let usable = !last.is_empty() && last != "." && last != ".." && !last.contains(['/', '\\']);
        (usable && !last.chars().any(char::is_control)).then_some(last)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The same with what no URL may contain in its percent-encoded form, as browsers do it: also a percent sign that begins
/// nothing, and brackets that are not around a host.
fn encoded(text: &[u8]) -> String {
    const ALLOWED: &[u8] = b"-._~:/?#@!$&'()*+,;=";
    let text = text.trim_ascii();
    // What is before a host: nothing, or a scheme with its colon.
    let before = text.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(text.len());
    let host = if text[before..].starts_with(b"//") { before + 2 } else { before };
    let path = text[host..].iter().position(|byte| b"/?#".contains(byte)).map_or(text.len(), |at| host + at);
    let fragment = text.iter().position(|byte| *byte == b'#').unwrap_or(text.len());
    let mut encoded = String::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        let allowed = match byte {
            b'%' => text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            b'[' | b']' => (host..path).contains(&at),
            b'#' => at == fragment,
            _ => byte.is_ascii_alphanumeric() || ALLOWED.contains(&byte),
        };
        if allowed {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The same without percent-encoding; `None` if that is no text.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = match (first, more) {
            (b'%', [high, low, more @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(high)? * 16 + digit(low)?);
                more
            }
            _ => {
                bytes.push(*first);
                more
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_url_has_a_host_a_port_and_what_is_asked_for() {
        let parsed = url("https://Example.org:8443/a b/ü?q=1#part");
        assert_eq!(parsed.authority(), "example.org:8443");
        assert_eq!(parsed.target(), "/a%20b/%C3%BC?q=1");
        assert_eq!(parsed.file_name().as_deref(), Some("ü"));
        assert_eq!(url("https://example.org").target(), "/");
        assert_eq!(url("https://example.org:443/x").authority(), "example.org");
        assert_eq!(url("https://[2001:db8::1]/x").authority(), "[2001:db8::1]");
        assert_eq!(url("https://[2001:db8::1]/x").address().unwrap().to_string(), "[2001:db8::1]:443");
    }

    #[test]
    fn what_cannot_be_fetched_is_told() {
        for (text, word) in [
            ("example.org/x", "write https://example.org/x"),
            ("http://example.org/", "not encrypted"),
            ("ftp://example.org/", "not ftp"),
            ("https:///x", "no host"),
            ("https://user:secret@example.org/", "Authorization"),
            ("https://ünïcode.example/", "xn--"),
            ("https://example.org:99999/", "port"),
            ("https://exa_mple..org/", "empty part"),
        ] {
            let said = Url::parse(text).unwrap_err();
            assert!(said.contains(word), "{text}: {said}");
        }
    }

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        let base = url("https://example.org/a/b?q");
        for (location, target) in [
            ("/c", "https://example.org/c"),
            ("c", "https://example.org/a/c"),
            ("../c?x", "https://example.org/c?x"),
            ("?y", "https://example.org/a/b?y"),
            ("//other.example/d", "https://other.example/d"),
            ("https://other.example:1/d#e", "https://other.example:1/d"),
        ] {
            assert_eq!(base.join(location.as_bytes()).unwrap().to_string(), target, "{location}");
        }
        assert!(base.join(b"http://example.org/").unwrap_err().contains("not encrypted"));
        assert!(base.join(b"https://").is_err());
    }

    #[test]
    fn what_no_url_may_contain_is_encoded_byte_for_byte() {
        let base = url("https://[2001:db8::1]/");
        for (location, target) in [
            (&b"/caf\xe9"[..], "/caf%E9"),
            ("/café".as_bytes(), "/caf%C3%A9"),
            (b"/100%/%4", "/100%25/%254"),
            (b"/a[1]?b[]=c", "/a%5B1%5D?b%5B%5D=c"),
            (b"//[::1]/a[1]#b#c", "/a%5B1%5D"),
            (b"/a//b[", "/a//b%5B"),
            (b"/a b\\\"<>^`{|}", "/a%20b%5C%22%3C%3E%5E%60%7B%7C%7D"),
        ] {
            let joined = base.join(location).unwrap();
            assert_eq!(joined.target(), target, "{}", String::from_utf8_lossy(location));
        }
    }

    #[test]
    fn a_file_gets_no_name_that_is_a_way_elsewhere() {
        for text in
            ["https://a.example/", "https://a.example/x/..%2F", "https://a.example/x/%2e%2e", "https://a.example/%00"]
        {
            assert_eq!(url(text).file_name(), None, "{text}");
        }
        assert_eq!(url("https://a.example/x.tar.gz?y=/z").file_name().as_deref(), Some("x.tar.gz"));
    }
}
