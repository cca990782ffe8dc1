//! What is asked: the head of a request.

use std::fmt::Write;
use std::str::FromStr;

use super::notes::Resume;
use crate::http::Url;

/// A header of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    name: String,
    value: String,
}

/// What we say ourselves, because the rest depends on it.
const OURS: &[&str] = &[
    "host",
    "connection",
    "range",
    "if-range",
    "accept-encoding",
    "transfer-encoding",
    "content-length",
    "te",
    "upgrade",
    "expect",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
];

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("it is not of the form \"Name: value\"")?;
        // RFC 9110 section 5.6.2.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(format!("invalid header name {name:?}"));
        }
        if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("{name} is set by the download itself"));
        }
        let value = value.trim();
        if value.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(format!("the value of {name} has a character that no header may have"));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// The request for `url`, for what is missing if something is there.
pub(super) fn request(url: &Url, headers: &[Header], resume: Option<&Resume>) -> String {
    let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", url.target(), url.authority());
    // Writing into a string cannot fail.
    for (name, value) in [
        ("User-Agent", concat!("lem-ssl/", env!("CARGO_PKG_VERSION"))),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
    ] {
        if !headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    for Header { name, value } in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(Resume { offset, origin }) = resume {
        let _ = write!(head, "Range: bytes={offset}-\r\nIf-Range: {}\r\n", origin.validator.as_str());
    }
    head.push_str("Connection: close\r\n\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::super::notes::Origin;
    use super::*;
    use crate::http::{Parsed, parse};

    #[test]
    fn a_request_asks_for_what_is_missing() {
        let url = Url::parse("https://example.org/x?y").unwrap();
        let headers = ["Accept: text/plain".parse().unwrap(), "X-Y:z".parse().unwrap()];
        let Ok(Parsed::Whole(answer, _)) = parse(b"HTTP/1.1 200 OK\r\nETag: \"v1\"\r\n\r\n") else {
            panic!("it is one")
        };
        let resume = Resume { offset: 7, origin: Origin::new(&url, &url, &answer, None).unwrap() };
        let head = request(&url, &headers, Some(&resume));
        assert!(head.starts_with("GET /x?y HTTP/1.1\r\nHost: example.org\r\nUser-Agent: lem-ssl/"));
        assert!(!head.contains("*/*"));
        assert!(head.ends_with(
            "Accept: text/plain\r\nX-Y: z\r\nRange: bytes=7-\r\nIf-Range: \"v1\"\r\nConnection: close\r\n\r\n"
        ));
    }

    #[test]
    fn a_header_that_would_break_the_request_is_refused() {
        for text in ["X", "X Y: z", ": z", "X: a\r\nY: b", "Host: elsewhere", "range: bytes=0-", "X: a\0"] {
            assert!(text.parse::<Header>().is_err(), "{text:?}");
        }
    }
}
