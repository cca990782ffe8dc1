//! What is answered: the head of a response, bytes in, a verdict out.

use std::time::{Duration, SystemTime};

use super::part::Validator;

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    pub(super) framing: Framing,
}

/// How the end of the body is known (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// By the end of the session; close_notify makes that safe.
    UntilEnd,
}

/// What the bytes at the front are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole head, so many bytes long.
    Whole(Response, usize),
    Partial,
}

/// The part that a 206 brings (RFC 9110 section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) total: Option<u64>,
}

/// The longest head. Those with many cookies come near 16 KiB.
const LONGEST_HEAD: usize = 64 * 1024;

/// The most headers.
const MOST_HEADERS: usize = 128;

/// Reads what has been received. The error is in words that go behind the URL.
pub(super) fn parse(received: &[u8]) -> Result<Parsed, String> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    // However much has arrived at once.
    match parsed.parse(&received[..received.len().min(LONGEST_HEAD)]) {
        Ok(httparse::Status::Complete(used)) => Ok(Parsed::Whole(Response::check(&parsed)?, used)),
        Ok(httparse::Status::Partial) if received.len() < LONGEST_HEAD => Ok(Parsed::Partial),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Err("the head of the answer is too long".to_owned())
        }
        Err(error) => Err(format!("the answer is no HTTP/1.1 ({error})")),
    }
}

impl Response {
    fn check(parsed: &httparse::Response<'_, '_>) -> Result<Self, String> {
        let header = |header: &httparse::Header<'_>| {
            (header.name.to_owned(), String::from_utf8_lossy(header.value.trim_ascii()).into_owned())
        };
        let mut response = Self {
            status: parsed.code.unwrap_or_default(),
            reason: parsed.reason.unwrap_or_default().to_owned(),
            headers: parsed.headers.iter().map(header).collect(),
            framing: Framing::UntilEnd,
        };
        response.framing = response.framing()?;
        Ok(response)
    }

    fn framing(&self) -> Result<Framing, String> {
        let encodings: Vec<_> = self.all("transfer-encoding").collect();
        let mut lengths = self.all("content-length");
        let length = match (lengths.next(), lengths.next()) {
            (None, _) => None,
            (Some(text), None) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.parse().map_err(|_| format!("the answer says that it has {text} bytes"))?)
            }
            _ => return Err("the answer does not say clearly how long it is (Content-Length)".to_owned()),
        };
        match (encodings.as_slice(), length) {
            // RFC 9112 section 6.3: whoever says both wants one of us to be wrong.
            ([_, ..], Some(_)) => Err("the answer has both Content-Length and Transfer-Encoding".to_owned()),
            ([one], None) if one.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            ([_, ..], None) => Err(format!("the answer has an unknown Transfer-Encoding ({})", encodings.join(", "))),
            ([], _) if self.is_interim() || matches!(self.status, 204 | 304) => Ok(Framing::Length(0)),
            ([], Some(length)) => Ok(Framing::Length(length)),
            ([], None) => Ok(Framing::UntilEnd),
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let matching = self.headers.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.as_str())
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Another head follows (RFC 9110 section 15.2).
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// `404 Not Found`.
    pub(super) fn status_line(&self) -> String {
        let reason = if self.reason.is_empty() { known(self.status) } else { &self.reason };
        format!("{} {reason}", self.status).trim_end().to_owned()
    }

    /// What a later request can ask with whether it is still the same (RFC 9110 section 13.1.5): a strong one only.
    pub(super) fn validator(&self) -> Option<Validator> {
        let strong = |tag: &&str| tag.len() > 1 && tag.starts_with('"') && tag.ends_with('"');
        if let Some(tag) = self.header("etag").filter(strong) {
            return Some(Validator::ETag(tag.to_owned()));
        }
        let modified = self.header("last-modified")?;
        let (date, changed) = (self.date("date")?, httpdate::parse_http_date(modified).ok()?);
        // A date says nothing about a second change in the same second (RFC 9110 section 8.8.2.2).
        let settled = date.duration_since(changed).is_ok_and(|age| age >= Duration::from_secs(1));
        settled.then(|| Validator::LastModified(modified.to_owned()))
    }

    fn date(&self, name: &str) -> Option<SystemTime> {
        httpdate::parse_http_date(self.header(name)?).ok()
    }

    pub(super) fn content_range(&self) -> Option<ContentRange> {
        let (range, total) = self.header("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let sound = first <= last && total.is_none_or(|total| last < total);
        sound.then_some(ContentRange { first, last, total })
    }
}

/// What the statuses that people meet are called; HTTP/1.1 lets servers leave it out.
fn known(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Response {
        match parse(text.as_bytes()) {
            Ok(Parsed::Whole(response, used)) => {
                assert_eq!(used, text.len());
                response
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn the_end_of_a_body_is_known_in_one_way() {
        for (head, framing) in [
            ("Content-Length: 12\r\n", Framing::Length(12)),
            ("Transfer-Encoding: Chunked\r\n", Framing::Chunked),
            ("", Framing::UntilEnd),
        ] {
            assert_eq!(whole(&format!("HTTP/1.1 200 OK\r\n{head}\r\n")).framing, framing, "{head}");
        }
        for head in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(parse(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).is_err(), "{head}");
        }
        assert_eq!(whole("HTTP/1.1 204 No Content\r\n\r\n").framing, Framing::Length(0));
    }

    #[test]
    fn only_a_strong_validator_is_one() {
        let validator = |headers: &str| whole(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).validator();
        assert_eq!(validator("ETag: \"a\"\r\n"), Some(Validator::ETag("\"a\"".to_owned())));
        assert_eq!(validator("ETag: W/\"a\"\r\n"), None);
        let modified = "Last-Modified: Tue, 15 Nov 1994 12:45:26 GMT\r\n";
        assert_eq!(validator(modified), None);
        assert!(validator(&format!("{modified}Date: Tue, 15 Nov 1994 12:45:27 GMT\r\n")).is_some());
        assert_eq!(validator(&format!("{modified}Date: Tue, 15 Nov 1994 12:45:26 GMT\r\n")), None);
    }

    #[test]
    fn a_content_range_is_read_or_is_none() {
        let range = |value: &str| {
            whole(&format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {value}\r\n\r\n")).content_range()
        };
        assert_eq!(range("bytes 5-9/10"), Some(ContentRange { first: 5, last: 9, total: Some(10) }));
        assert_eq!(range("bytes 5-9/*"), Some(ContentRange { first: 5, last: 9, total: None }));
        for wrong in ["bytes 9-5/10", "bytes 5-10/10", "bytes */10", "items 5-9/10", "bytes 5-/10"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_head_has_limits_and_must_be_http() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nX: "), Ok(Parsed::Partial));
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(LONGEST_HEAD));
        assert!(parse(long.as_bytes()).is_err());
        assert!(parse(format!("{long}\r\n\r\n").as_bytes()).is_err());
        assert!(parse(b"220 mail.example ESMTP\r\n").is_err());
        assert!(parse("HTTP/1.1 200 OK\r\n".to_owned().add_headers(MOST_HEADERS + 1).as_bytes()).is_err());
    }

    trait AddHeaders {
        fn add_headers(self, count: usize) -> String;
    }

    impl AddHeaders for String {
        fn add_headers(self, count: usize) -> String {
            (0..count).fold(self, |head, number| format!("{head}X-{number}: y\r\n")) + "\r\n"
        }
    }
}
