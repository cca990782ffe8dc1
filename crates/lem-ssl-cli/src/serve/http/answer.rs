//! What a client gets: a status, headers, a body.

use std::fmt::Write;
use std::time::SystemTime;

use lem_ssl_rs::Error;

use super::packed::Packed;
use super::part::Part;
use super::status::Status;

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
    /// None, and no length either (304).
    #[default]
    None,
    Text(Vec<u8>),
    Part(Part),
    Packed(Box<Packed>),
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
        if let Some(length) = self.body.length() {
            add("Content-Length", &length.to_string());
        }
        if matches!(self.body, Body::Packed(_)) {
            add("Transfer-Encoding", "chunked");
        }
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
    fn length(&self) -> Option<u64> {
        match self {
            Self::None | Self::Packed(_) => None,
            Self::Text(text) => Some(text.len() as u64),
            Self::Part(part) => Some(part.left()),
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Text(text) => {
                let text = std::mem::take(text);
                *self = Self::None;
                Ok(Some(text))
            }
            Self::Part(part) => part.next_chunk().await,
            Self::Packed(packed) => packed.next_chunk().await,
        }
    }
}
