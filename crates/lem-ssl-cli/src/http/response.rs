//! What is answered: the head of a response, bytes in, a verdict out.

use std::time::{Duration, SystemTime};

use super::validator::Validator;
use crate::exit::Outlook;

/// The head of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    reason: String,
    /// As they were sent: a value need not be text.
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) framing: Framing,
}

/// How the end of the body is known (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// By the end of the session; close_notify makes that safe.
    UntilEnd,
}

/// What the bytes at the front are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A whole head, so many bytes long.
    Whole(Response, usize),
    Partial,
}

/// The part that a 206 brings (RFC 9110 section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) total: Option<u64>,
}

/// The longest head. Those with many cookies come near 16 KiB.
const MAX_HEAD: usize = 64 * 1024;

/// The most headers. Some servers send hundreds of cookies.
const MAX_HEADERS: usize = 512;

/// Reads what has been received. The error is in words that go behind the URL.
pub(crate) fn parse(received: &[u8]) -> Result<Parsed, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    // What old servers do and what can be understood in one way only.
    let mut parser = httparse::ParserConfig::default();
    parser.allow_obsolete_multiline_headers_in_responses(true);
    parser.allow_spaces_after_header_name_in_responses(true);
    parser.allow_multiple_spaces_in_response_status_delimiters(true);
    // However much has arrived at once.
    match parser.parse_response(&mut parsed, &received[..received.len().min(MAX_HEAD)]) {
        Ok(httparse::Status::Complete(used)) => Ok(Parsed::Whole(Response::check(&parsed)?, used)),
        Ok(httparse::Status::Partial) if received.len() < MAX_HEAD => Ok(Parsed::Partial),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Err("the head of the answer is too long".to_owned())
        }
        Err(error) => Err(format!("the answer is no HTTP/1.1 ({error})")),
    }
}

impl Response {
    fn check(parsed: &httparse::Response<'_, '_>) -> Result<Self, String> {
        let header = |header: &httparse::Header<'_>| (header.name.to_owned(), unfolded(header.value));
        let mut response = Self {
            status: parsed.code.unwrap_or_default(),
            reason: parsed.reason.unwrap_or_default().to_owned(),
            headers: parsed.headers.iter().map(header).collect(),
            framing: Framing::UntilEnd,
        };
        response.framing = response.framing(parsed.version.unwrap_or_default())?;
        Ok(response)
    }

    fn framing(&self, minor_version: u8) -> Result<Framing, String> {
        let encodings: Vec<_> = self.all("transfer-encoding").map(String::from_utf8_lossy).collect();
        // RFC 9110 section 8.6: the same one several times is one.
        let mut lengths: Vec<_> =
            self.all("content-length").flat_map(|value| value.split(|byte| *byte == b',')).collect();
        lengths.iter_mut().for_each(|length| *length = length.trim_ascii());
        lengths.dedup();
        let length = match lengths.as_slice() {
            [] => None,
            [text] if !text.is_empty() && text.iter().all(u8::is_ascii_digit) => {
                let text = String::from_utf8_lossy(text);
                Some(text.parse().map_err(|_| format!("the answer says that it has {text} bytes"))?)
            }
            _ => return Err("the answer does not say clearly how long it is (Content-Length)".to_owned()),
        };
        match (encodings.as_slice(), length) {
            // RFC 9112 section 6.3: both in one answer are an attempt to split it.
            ([_, ..], Some(_)) => Err("the answer has both Content-Length and Transfer-Encoding".to_owned()),
            // RFC 9112 section 6.1: a proxy of HTTP/1.0 may have passed it on without having understood it.
            ([_, ..], None) if minor_version == 0 => {
                Err("the answer is HTTP/1.0 and has a Transfer-Encoding".to_owned())
            }
            ([one], None) if one.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            ([_, ..], None) => Err(format!("the answer has an unknown Transfer-Encoding ({})", encodings.join(", "))),
            ([], _) if self.is_interim() || matches!(self.status, 204 | 304) => Ok(Framing::Length(0)),
            ([], Some(length)) => Ok(Framing::Length(length)),
            ([], None) => Ok(Framing::UntilEnd),
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let matching = self.headers.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.as_slice())
    }

    /// Whether there is a header of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The value of a header that says one thing only.
    fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.all(name);
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// The same, if it is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// Where a redirect leads to, byte for byte.
    pub(crate) fn location(&self) -> Option<&[u8]> {
        self.header("location")
    }

    /// What the server would call the file (`Content-Disposition`), byte for byte.
    pub(crate) fn disposition(&self) -> Option<&[u8]> {
        self.header("content-disposition")
    }

    /// What the failure of this request says about a later one (RFC 9110 sections 10.2.3 and 15); `now` is the time of day.
    pub(crate) fn outlook(&self, now: SystemTime) -> Outlook {
        if !matches!(self.status, 408 | 425 | 429 | 500 | 502 | 503 | 504) {
            return Outlook::Lasting;
        }
        Outlook::Passing { after: self.retry_after(now) }
    }

    /// After how long the server wants to be asked again: seconds, or a date (RFC 9110 section 10.2.3). `now` is the time
    /// of day; a date that is over is no time at all.
    pub(crate) fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.text("retry-after")?;
        if is_number(text) {
            // More than fits into a number is for ever.
            return Some(number(text).map_or(Duration::MAX, Duration::from_secs));
        }
        Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
    }

    /// How the body is packed, if it is.
    pub(crate) fn encoding(&self) -> Option<String> {
        let all: Vec<_> = self.all("content-encoding").map(String::from_utf8_lossy).collect();
        let all = all.join(", ").to_ascii_lowercase();
        (!all.is_empty() && all != "identity").then_some(all)
    }

    /// Whether the body consists of several parts of the file.
    pub(crate) fn is_multipart(&self) -> bool {
        let mut kinds = self.all("content-type").map(<[u8]>::to_ascii_lowercase);
        kinds.any(|kind| kind.starts_with(b"multipart/byteranges"))
    }

    /// Another head follows (RFC 9110 section 15.2).
    pub(crate) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// `404 Not Found`.
    pub(crate) fn status_line(&self) -> String {
        // A server may write as much there as there is room for in a head.
        const MAX_SHOWN: usize = 100;
        let reason = if self.reason.is_empty() { known(self.status) } else { &self.reason };
        let shown: String = reason.chars().take(MAX_SHOWN).collect();
        let rest = if shown.len() < reason.len() { "..." } else { "" };
        format!("{} {shown}{rest}", self.status).trim_end().to_owned()
    }

    /// What a later request can ask with whether it is still the same (RFC 9110 section 13.1.5): a strong one only.
    pub(crate) fn validator(&self) -> Option<Validator> {
        if let Some(tag) = self.text("etag").filter(|tag| is_strong(tag)) {
            return Some(Validator::ETag(tag.to_owned()));
        }
        let modified = self.text("last-modified")?;
        let (date, changed) = (self.date("date")?, httpdate::parse_http_date(modified).ok()?);
        // A date says nothing about a second change in the same second (RFC 9110 section 8.8.2.2).
        let settled = date.duration_since(changed).is_ok_and(|age| age >= Duration::from_secs(1));
        settled.then(|| Validator::LastModified(modified.to_owned()))
    }

    fn date(&self, name: &str) -> Option<SystemTime> {
        httpdate::parse_http_date(self.text(name)?).ok()
    }

    pub(crate) fn content_range(&self) -> Option<ContentRange> {
        let (unit, range) = self.text("content-range")?.split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = range.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total.trim() {
            "*" => None,
            total => Some(number(total)?),
        };
        let sound = first <= last && total.is_none_or(|total| last < total);
        sound.then_some(ContentRange { first, last, total })
    }
}

/// A value on one line (RFC 9112 section 5.2).
fn unfolded(value: &[u8]) -> Vec<u8> {
    let lines: Vec<_> = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    lines.join(&b' ').trim_ascii().to_vec()
}

/// Digits and nothing else: no sign, which the standard library would read too.
fn number(text: &str) -> Option<u64> {
    is_number(text).then(|| text.trim().parse().ok())?
}

fn is_number(text: &str) -> bool {
    let digits = text.trim();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// RFC 9110 section 8.8.3.
fn is_strong(tag: &str) -> bool {
    let inside = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.is_some_and(|inside| !inside.contains(|letter: char| letter == '"' || letter == ' ' || letter.is_control()))
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
            ("Content-Length: 12\r\nContent-Length: 12\r\n", Framing::Length(12)),
            ("Content-Length: 12 , 12\r\n", Framing::Length(12)),
            ("Transfer-Encoding: Chunked\r\n", Framing::Chunked),
            ("", Framing::UntilEnd),
        ] {
            assert_eq!(whole(&format!("HTTP/1.1 200 OK\r\n{head}\r\n")).framing, framing, "{head}");
        }
        for head in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 2\r\n",
            "Content-Length: 1,\r\n",
            "Content-Length: 1, 01\r\n",
            "Content-Length:\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(parse(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).is_err(), "{head}");
        }
        assert!(parse(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
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
    fn a_value_over_several_lines_is_one() {
        let response = whole("HTTP/1.1 200 OK\r\nX: a\r\n  b\r\n\tc\r\nContent-Length:\r\n 12\r\nETag : \"a\"\r\n\r\n");
        assert_eq!(response.text("x"), Some("a b c"));
        assert_eq!(response.framing, Framing::Length(12));
        assert_eq!(response.text("etag"), Some("\"a\""));
    }

    #[test]
    fn a_header_that_says_two_things_says_nothing() {
        let response = whole("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nETag: \"b\"\r\nX: y\r\nX: y\r\n\r\n");
        assert_eq!((response.validator(), response.text("x")), (None, Some("y")));
    }

    #[test]
    fn a_content_range_is_read_or_is_none() {
        let range = |value: &str| {
            whole(&format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {value}\r\n\r\n")).content_range()
        };
        assert_eq!(range("bytes 5-9/10"), Some(ContentRange { first: 5, last: 9, total: Some(10) }));
        assert_eq!(range("bytes 5-9/*"), Some(ContentRange { first: 5, last: 9, total: None }));
        assert_eq!(range("Bytes 0-18446744073709551614/*").map(|range| range.last), Some(u64::MAX - 1));
        for wrong in [
            "bytes 9-5/10",
            "bytes 5-10/10",
            "bytes */10",
            "items 5-9/10",
            "bytes 5-/10",
            "bytes +5-9/10",
            "bytes 5-9/+10",
            "bytes 5-99999999999999999999/*",
            "bytes 5-9",
            "bytes=5-9/10",
        ] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_status_says_whether_to_come_again_and_when() {
        let outlook = |head: &str| {
            let Ok(Parsed::Whole(response, _)) = parse(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()) else {
                panic!("{head}")
            };
            response.outlook(httpdate::parse_http_date("Tue, 15 Nov 1994 12:45:26 GMT").unwrap())
        };
        let passing = |seconds: Option<u64>| Outlook::Passing { after: seconds.map(Duration::from_secs) };
        assert_eq!(outlook("404 Not Found\r\nRetry-After: 5"), Outlook::Lasting);
        assert_eq!(outlook("501 Not Implemented"), Outlook::Lasting);
        assert_eq!(outlook("503 Busy"), passing(None));
        assert_eq!(outlook("429 Slow down\r\nRetry-After: 120"), passing(Some(120)));
        assert_eq!(outlook("503 Busy\r\nRetry-After: Tue, 15 Nov 1994 12:45:56 GMT"), passing(Some(30)));
        assert_eq!(outlook("503 Busy\r\nRetry-After: -1"), passing(None));
        assert_eq!(outlook("503 Busy\r\nRetry-After:"), passing(None));
    }

    #[test]
    fn a_head_has_limits_and_must_be_http() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nX: "), Ok(Parsed::Partial));
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(MAX_HEAD));
        assert!(parse(long.as_bytes()).is_err());
        assert!(parse(format!("{long}\r\n\r\n").as_bytes()).is_err());
        assert!(parse(b"220 mail.example ESMTP\r\n").is_err());
        assert!(parse("HTTP/1.1 200 OK\r\n".to_owned().add_headers(MAX_HEADERS + 1).as_bytes()).is_err());
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
