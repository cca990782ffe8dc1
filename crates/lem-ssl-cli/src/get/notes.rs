//! What is kept beside a part, in `FILE.part.json`: where it came from, and how to tell whether it is still the same.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::name;
use crate::http::{Response, Url, Validator};
use crate::platform::modified;

/// What a part came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// As it was asked for, before any redirect.
    pub(super) url: String,
    /// Where redirects led to: a validator says something about one resource only.
    at: String,
    pub(super) validator: Validator,
    /// The entity tag, weak or strong.
    etag: Option<String>,
    modified: Option<String>,
    /// How the bytes are packed, if they are (`Content-Encoding`).
    encoding: Option<String>,
    /// What the server calls it.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// How long the whole is, if that is known.
    pub(super) total: Option<u64>,
    /// What we left when we ended; `None` while we write, and after we were killed.
    pub(super) kept: Option<Kept>,
}

/// A file as we left it: another length or another time says that somebody else has written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    length: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// From where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resume {
    pub(super) offset: u64,
    pub(super) origin: Origin,
}

/// Notes are short.
const MAX_LENGTH: u64 = 64 * 1024;

impl Origin {
    /// What to note of an answer that came from `at`; `None` if there is nothing to compare a later one with.
    pub(super) fn new(url: &Url, at: &Url, response: &Response, total: Option<u64>) -> Option<Self> {
        Some(Self {
            url: url.to_string(),
            at: at.to_string(),
            validator: response.validator()?,
            etag: response.text("etag").map(str::to_owned),
            modified: response.text("last-modified").map(str::to_owned),
            encoding: response.encoding(),
            name: name::of_server(response),
            total,
            kept: None,
        })
    }

    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut text = Vec::new();
        File::open(path).ok()?.take(MAX_LENGTH).read_to_end(&mut text).ok()?;
        let origin: Self = serde_json::from_slice(&text).ok()?;
        // It goes into a request.
        (!origin.validator.as_str().contains(char::is_control)).then_some(origin)
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        // Notes that were not written whole cannot be read, and then it begins anew.
        fs::write(path, serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether this 206, from `at`, brings bytes of the same thing in the same form. That the server has compared is not
    /// enough: there are some that ignore `If-Range`.
    pub(super) fn is_of(&self, response: &Response, at: &Url) -> bool {
        let tag = self.etag.as_deref().zip(response.text("etag"));
        let marked_alike = match &self.validator {
            // RFC 9110 section 15.3.7: a 206 has the tag that a 200 would have.
            Validator::ETag(before) => tag.is_some_and(|(_, now)| now == before),
            Validator::LastModified(before) => {
                let tags = tag.map(|(before, now)| opaque(before) == opaque(now));
                let dates = response.text("last-modified").map(|now| now == before);
                tags != Some(false) && dates != Some(false) && tags.or(dates) == Some(true)
            }
        };
        // A link to a store is often signed anew each time, in its query.
        let same_place = match &self.validator {
            Validator::ETag(_) => without_query(&self.at) == without_query(&at.to_string()),
            Validator::LastModified(_) => self.at == at.to_string(),
        };
        marked_alike && same_place && self.encoding == response.encoding()
    }

    /// Whether this answer says that there is something else now.
    pub(super) fn has_changed(&self, response: &Response) -> bool {
        let differs =
            |before: &Option<String>, now| before.as_deref().zip(now).is_some_and(|(before, now)| before != now);
        differs(&self.etag, response.text("etag")) || differs(&self.modified, response.text("last-modified"))
    }
}

impl Kept {
    pub(super) fn of(file: &Metadata) -> Self {
        let (seconds, nanoseconds) = modified(file);
        Self { length: file.len(), seconds, nanoseconds }
    }
}

/// An entity tag without its mark for weakness (RFC 9110 section 8.8.3.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(place, _)| place)
}
