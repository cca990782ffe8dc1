//! What a client asks for: the head of a request, bytes in, a verdict out.

use std::fmt;

use super::status::Status;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// As it was sent: a path and perhaps a query, or a whole URL.
    pub(super) target: String,
    minor_version: u8,
    headers: Vec<(String, Vec<u8>)>,
    /// A body follows, of which we know only that we do not want it.
    has_body: bool,
}

/// What the bytes at the front are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole head, so many bytes long.
    Whole(Request, usize),
    /// The beginning of one.
    Partial,
    /// None.
    Wrong(Status),
}

/// The longest head. Browsers with many cookies come near 8 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// The most headers.
const MAX_HEADERS: usize = 64;

pub(super) fn parse(received: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(&received[..received.len().min(MAX_HEAD)]) {
        Ok(httparse::Status::Complete(used)) => match Request::check(&parsed) {
            Ok(request) => Parsed::Whole(request, used),
            Err(status) => Parsed::Wrong(status),
        },
        Ok(httparse::Status::Partial) if received.len() < MAX_HEAD => Parsed::Partial,
        Ok(httparse::Status::Partial) => Parsed::Wrong(if received[..MAX_HEAD].contains(&b'\n') {
            Status::HeadersTooLarge
        } else {
            Status::UriTooLong
        }),
        Err(httparse::Error::TooManyHeaders) => Parsed::Wrong(Status::HeadersTooLarge),
        Err(httparse::Error::Version) => Parsed::Wrong(Status::VersionNotSupported),
        Err(_) => Parsed::Wrong(Status::BadRequest),
    }
}

impl Request {
    fn check(parsed: &httparse::Request<'_, '_>) -> Result<Self, Status> {
        let wrong = Status::BadRequest;
        let headers: Vec<_> =
            parsed.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect();
        let mut request = Self {
            method: parsed.method.ok_or(wrong)?.to_owned(),
            target: parsed.path.ok_or(wrong)?.to_owned(),
            minor_version: parsed.version.ok_or(wrong)?,
            headers,
            has_body: false,
        };
        // RFC 9112 section 3.2: a request of HTTP/1.1 has one Host, and no request has two.
        let mut hosts = request.all("host");
        match (hosts.next(), hosts.next()) {
            (None, _) if request.minor_version == 0 => {}
            (Some(host), None) if is_host(host) => {}
            _ => return Err(wrong),
        }
        drop(hosts);
        // A fragment is for the client alone (RFC 9112 section 3.2).
        if request.target.contains('#') {
            return Err(wrong);
        }
        // RFC 9112 section 6.3: two lengths in one request are an attempt to smuggle another one.
        let mut lengths = request.all("content-length");
        let length = match (lengths.next(), lengths.next()) {
            (None, _) => 0,
            (Some(length), None) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
                // A number that is too large is no zero.
                std::str::from_utf8(length).ok().and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(u64::MAX)
            }
            _ => return Err(wrong),
        };
        let chunked = request.all("transfer-encoding").next().is_some();
        if chunked && request.all("content-length").next().is_some() {
            return Err(wrong);
        }
        drop(lengths);
        request.has_body = chunked || length > 0;
        Ok(request)
    }

    /// The values of all headers of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let matching = self.headers.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.trim_ascii())
    }

    /// Whether there is a header of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The value of a header that stands there once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (Some(value), None) => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }

    pub(super) fn is_get(&self) -> bool {
        self.method == "GET"
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub(super) fn is_http_1_1(&self) -> bool {
        self.minor_version == 1
    }

    /// Whether the connection goes on after the answer (RFC 9112 section 9.3). After a body that we do not read it
    /// cannot.
    pub(super) fn keeps_alive(&self) -> bool {
        let says = |option: &str| {
            let mut options = self.all("connection").flat_map(|value| value.split(|byte| *byte == b','));
            options.any(|found| found.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
        };
        !self.has_body && !says("close") && (self.is_http_1_1() || says("keep-alive"))
    }
}

/// Whether this is a host, perhaps none, with or without a port (RFC 3986 section 3.2.2).
fn is_host(value: &[u8]) -> bool {
    let (is_sound, port) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (address, port) = rest.split_at(end);
            (address.iter().all(|byte| byte.is_ascii_alphanumeric() || b":.%-_~".contains(byte)), &port[1..])
        }
        None => {
            let (name, port) = value.split_at(value.iter().position(|byte| *byte == b':').unwrap_or(value.len()));
            (name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte)), port)
        }
    };
    is_sound && port.strip_prefix(b":").map_or(port.is_empty(), |digits| digits.iter().all(u8::is_ascii_digit))
}

/// The request's first line.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_SHOWN: usize = 200;
        let shown: String = self.target.chars().take(MAX_SHOWN).collect();
        write!(f, "{} {} HTTP/1.{}", self.method, shown.escape_debug(), self.minor_version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Parsed::Whole(request, used) => {
                assert_eq!(used, text.len());
                request
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    fn wrong(text: &str) -> Status {
        match parse(text.as_bytes()) {
            Parsed::Wrong(status) => status,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn connections_go_on_as_the_versions_say() {
        assert!(whole("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keeps_alive());
        assert!(!whole("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n").keeps_alive());
        assert!(!whole("GET / HTTP/1.0\r\n\r\n").keeps_alive());
        assert!(whole("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keeps_alive());
        assert!(!whole("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").keeps_alive());
        assert!(!whole("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n").keeps_alive());
        assert!(!whole("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").keeps_alive());
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in ["", "a.example", "A-b_c:8443", "a:", "10.0.0.1:80", "[::1]", "[fe80::1%25eth0]:443", "x%41"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn what_can_be_understood_in_two_ways_is_refused() {
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
            "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
            "G\u{1}T / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(wrong(text), Status::BadRequest, "{text:?}");
        }
        assert_eq!(wrong("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), Status::VersionNotSupported);
    }

    #[test]
    fn a_head_has_limits() {
        let many: String = (0..=MAX_HEADERS).map(|number| format!("X-{number}: y\r\n")).collect();
        assert_eq!(wrong(&format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")), Status::HeadersTooLarge);
        let long = "y".repeat(MAX_HEAD);
        assert_eq!(wrong(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}")), Status::HeadersTooLarge);
        assert_eq!(wrong(&format!("GET /{long}")), Status::UriTooLong);
        assert_eq!(parse(b"GET / HTTP/1.1\r\nHo"), Parsed::Partial);
    }
}
