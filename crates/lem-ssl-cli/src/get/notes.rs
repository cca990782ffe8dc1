//! What is kept beside a part, in `FILE.part.json`: where it came from, and how to tell whether it is still the same.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::name;
use crate::http::{Response, Url, Validator};
use crate::platform::{boot, modified, private, sync_folder};

/// Where the notes of a part are.
#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    /// Where they are written, to be renamed when they are whole.
    new: PathBuf,
}

/// What a part came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// As it was asked for, before any redirect; [`masked`].
    url: String,
    /// Where redirects led to, masked too: a validator says something about one resource only.
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
    pub(super) state: State,
}

/// How the part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// We write to it, or were killed then. What we have written is there as long as the system runs; after a power failure
    /// there may be zeros in its place, but for the first bytes, of which we know that they had reached the disk.
    Written {
        boot: Option<String>,
        #[serde(default)]
        synced: u64,
    },
    /// It is on the disk as we left it: another length or another time says that somebody else has written to it.
    Left { length: u64, seconds: i64, nanoseconds: i64 },
}

/// From where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resume {
    pub(super) offset: u64,
    pub(super) origin: Origin,
}

/// What the notes of a part say.
#[derive(Debug)]
pub(super) enum Noted {
    /// There are none.
    Nothing,
    /// The part is ours, and came from there; `None`: nobody knows where it came from.
    Ours(Option<Box<Origin>>),
}

/// Notes are short.
const MAX_LENGTH: u64 = 64 * 1024;

/// All notes begin so; what begins otherwise is another program's.
const MARK: &[u8] = b"{\"url\":";

/// The notes of a part that is ours and cannot be gone on with.
const WITHOUT_ORIGIN: &[u8] = b"{\"url\":null}";

impl Origin {
    /// What to note of an answer that came from `at`; `None` if there is nothing to compare a later one with.
    pub(super) fn new(url: &Url, at: &Url, response: &Response, total: Option<u64>) -> Option<Self> {
        Some(Self {
            url: masked(&url.to_string()),
            at: masked(&at.to_string()),
            validator: response.validator()?,
            etag: response.text("etag").map(str::to_owned),
            modified: response.text("last-modified").map(str::to_owned),
            encoding: response.encoding(),
            name: name::of_server(response),
            total,
            state: State::written(0),
        })
    }

    /// Whether it is what was asked for as this URL.
    pub(super) fn is_from(&self, url: &str) -> bool {
        self.url == masked(url)
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
            Validator::LastModified(_) => self.at == masked(&at.to_string()),
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

impl State {
    /// We write to it, and so many bytes of it are on the disk.
    pub(super) fn written(synced: u64) -> Self {
        Self::Written { boot: boot(), synced }
    }

    /// Only these bytes are surely there.
    pub(super) fn doubtful(synced: u64) -> Self {
        Self::Written { boot: None, synced }
    }

    pub(super) fn left(file: &Metadata) -> Self {
        let (seconds, nanoseconds) = modified(file);
        Self::Left { length: file.len(), seconds, nanoseconds }
    }

    /// So many bytes of the file are surely what we have written to it.
    pub(super) fn known(&self, file: &Metadata) -> u64 {
        match self {
            // That a system does not tell its runs apart says nothing.
            Self::Written { boot: Some(then), .. } if boot().as_ref() == Some(then) => file.len(),
            _ => self.synced(file),
        }
    }

    /// So many bytes of the file are surely what we have written to it, and on the disk.
    pub(super) fn synced(&self, file: &Metadata) -> u64 {
        match self {
            Self::Written { synced, .. } => file.len().min(*synced),
            Self::Left { .. } if *self == Self::left(file) => file.len(),
            Self::Left { .. } => 0,
        }
    }
}

impl Notes {
    pub(super) fn new(path: PathBuf, new: PathBuf) -> Self {
        Self { path, new }
    }

    /// The files that there may be.
    pub(super) fn paths(&self) -> [&Path; 2] {
        [&self.path, &self.new]
    }

    /// Those that another program has written; `None` if there are none.
    pub(super) fn foreign(&self) -> io::Result<Option<&Path>> {
        for path in self.paths() {
            let text = content(path)?;
            if !(text.starts_with(MARK) || MARK.starts_with(&text)) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// What a new file in this folder is like: whose it is, and who may do what with it.
    pub(super) fn new_file(&self) -> io::Result<Metadata> {
        remove(&self.new)?;
        let found = OpenOptions::new().write(true).create_new(true).open(&self.new)?.metadata()?;
        fs::remove_file(&self.new)?;
        Ok(found)
    }

    /// What is noted of the part.
    pub(super) fn read(&self) -> io::Result<Noted> {
        let text = content(&self.path)?;
        if text.is_empty() {
            return Ok(Noted::Nothing);
        }
        let origin: Option<Box<Origin>> = serde_json::from_slice(&text).ok();
        // It goes into a request.
        Ok(Noted::Ours(origin.filter(|origin| !origin.validator.as_str().contains(char::is_control))))
    }

    /// Writes them anew, for us only: a URL may have a secret in it. They are never written through a link. After a
    /// power failure there are these or those of before.
    pub(super) fn write(&self, origin: Option<&Origin>) -> io::Result<()> {
        // One that a process left that was killed is as good as none.
        remove(&self.new)?;
        let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&self.new)?;
        let text = origin.and_then(|origin| serde_json::to_vec(origin).ok());
        file.write_all(text.as_deref().unwrap_or(WITHOUT_ORIGIN))?;
        file.sync_data()?;
        fs::rename(&self.new, &self.path)?;
        sync_folder(&self.path);
        Ok(())
    }

    /// It does no harm if there are none.
    pub(super) fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }
}

/// What is in a file, up to what notes can have; nothing if there is no file.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_LENGTH).read_to_end(&mut content).map(|_| content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(content),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A URL with a checksum in the place of its query, which may be a signature that is as good as a password.
fn masked(url: &str) -> String {
    match url.split_once('?') {
        Some((place, query)) => format!("{place}?{:016x}", name::checksum(query.as_bytes())),
        None => url.to_owned(),
    }
}

/// An entity tag without its mark for weakness (RFC 9110 section 8.8.3.2).
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(place, _)| place)
}
