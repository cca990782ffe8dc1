//! Where the head of a message ends: lines up to an empty one.

#![forbid(unsafe_code)]

use lem_ssl_rs::Error;
use memchr::memchr;

/// What a peer can make a program store: the longest line of a head, how many there may be, and how long all of them are
/// together.
const MAX_LINE: usize = 16_384;
const MAX_LINES: usize = 128;
const MAX_HEAD: usize = 131_072;

/// Empty lines in front of a head are no head; more of them are nonsense.
const MAX_EMPTY: usize = 8;

/// How far the search for the end has come, so that no byte is looked at twice.
#[derive(Debug, Default)]
pub(super) struct HeadSearch {
    /// Where the next line begins.
    at: usize,
    lines: usize,
    empty: usize,
}

impl HeadSearch {
    /// Where the head ends, behind its empty line; `None`: it needs more bytes than these.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(length) = memchr(b'\n', rest) else {
                return if rest.len() > MAX_LINE { Err(too_long()) } else { Ok(None) };
            };
            self.at += length + 1;
            if length > MAX_LINE || self.at > MAX_HEAD {
                return Err(too_long());
            }
            let is_empty = length == 0 || rest[..length] == *b"\r";
            match (is_empty, self.lines) {
                (true, 0) if self.empty == MAX_EMPTY => return Err(Error::Misuse("parse error".into())),
                (true, 0) => self.empty += 1,
                (true, _) => return Ok(Some(self.at)),
                (false, MAX_LINES) => return Err(too_long()),
                (false, _) => self.lines += 1,
            }
        }
    }
}

fn too_long() -> Error {
    Error::Misuse("out of buffer space".into())
}
