//! What a client gets: a status, headers, a body.

use std::fmt::Write;
use std::time::SystemTime;

use lem_ssl_rs::Error;

/// The statuses that we answer with (RFC 9110 section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    MethodNotAllowed,
    RequestTimeout,
    UriTooLong,
    HeadersTooLarge,
    VersionNotSupported,
}

impl Status {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::BadRequest => 400,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::UriTooLong => 414,
            Self::HeadersTooLarge => 431,
            Self::VersionNotSupported => 505,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::UriTooLong => "URI Too Long",
            Self::HeadersTooLarge => "Request Header Fields Too Large",
            Self::VersionNotSupported => "HTTP Version Not Supported",
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: Status,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// What follows the head.
#[derive(Debug, Default)]
pub(super) enum Body {
    #[default]
    Empty,
    Text(Vec<u8>),
}

impl Answer {
    pub(super) fn new(status: Status, body: Body) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// A status, and the same in words.
    pub(super) fn error(status: Status) -> Self {
        Self::text(status, format!("{} {}\n", status.code(), status.reason()))
    }

    pub(super) fn text(status: Status, text: String) -> Self {
        Self::new(status, Body::Text(text.into_bytes())).with("Content-Type", "text/plain; charset=utf-8")
    }

    /// The same with another header. What stands in it must be ours: nothing is escaped here.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The head, up to and including the empty line.
    pub(super) fn head(&self, keep: bool, http_1_1: bool) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status.code(), self.status.reason());
        let mut add = |name: &str, value: &str| {
            debug_assert!(!value.contains(['\r', '\n']), "{name}: {value:?}");
            let _ = write!(head, "{name}: {value}\r\n");
        };
        add("Date", &httpdate::fmt_http_date(SystemTime::now()));
        for (name, value) in &self.headers {
            add(name, value);
        }
        add("Content-Length", &self.body.length().to_string());
        add("X-Content-Type-Options", "nosniff");
        match (keep, http_1_1) {
            (true, true) => {}
            (true, false) => add("Connection", "keep-alive"),
            (false, _) => add("Connection", "close"),
        }
        head.push_str("\r\n");
        head
    }

    pub(super) fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }
}

impl Body {
    fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Text(text) => text.len() as u64,
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match std::mem::take(self) {
            Self::Empty => Ok(None),
            Self::Text(text) => Ok(Some(text)),
        }
    }
}
