//! A file that is on its way: `FILE.part`, and beside it what is needed to go on.
//!
//! The file that is wanted is only ever replaced as a whole, by a rename. Everything here waits for a disk: call it off
//! the loop.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// What tells whether it is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Validator {
    /// A strong entity tag, with its quotation marks.
    ETag(String),
    /// A date, as the server wrote it.
    LastModified(String),
}

impl Validator {
    /// As `If-Range` has it.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::ETag(text) | Self::LastModified(text) => text,
        }
    }
}

/// What a part came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// As it was asked for, before any redirect.
    pub(super) url: String,
    pub(super) validator: Validator,
    /// How long the whole is, if that is known.
    pub(super) total: Option<u64>,
}

/// From where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resume {
    pub(super) offset: u64,
    pub(super) validator: Validator,
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    notes: PathBuf,
    file: File,
    origin: Option<Origin>,
}

/// Notes are short.
const LONGEST_NOTES: u64 = 64 * 1024;

impl Part {
    /// Opens `FILE.part`, or makes it; nobody else writes to it as long as this lives.
    pub(super) fn open(target: &Path) -> Result<Self, Failure> {
        let target = match fs::canonicalize(target) {
            // A link stays one: what it leads to is replaced.
            Ok(found) => found,
            Err(_) => target.to_owned(),
        };
        let (path, notes) = (beside(&target, ".part"), beside(&target, ".part.json"));
        let shown = path.display().to_string();
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| failed("open", &shown, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let said = format!("another download is writing to {shown}");
                return Err(Failure::new(Exit::Failed, said));
            }
            // Some file systems know no locks.
            Err(TryLockError::Error(_)) => {}
        }
        let origin = read_notes(&notes);
        Ok(Self { target, path, notes, file, origin })
    }

    /// What the part came from; `None` if nobody knows.
    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// From where to go on with this URL, if there is something to go on with.
    pub(super) fn resume(&self, url: &str) -> Result<Option<Resume>, Failure> {
        let length = self.len()?;
        let Some(origin) = self.origin.as_ref().filter(|origin| origin.url == url) else { return Ok(None) };
        let offset = match origin.total {
            // A request for nothing would be refused: the last byte is asked for again.
            Some(total) if length >= total => total.saturating_sub(1),
            _ => length,
        };
        Ok((offset > 0).then(|| Resume { offset, validator: origin.validator.clone() }))
    }

    /// How much is there.
    pub(super) fn len(&self) -> Result<u64, Failure> {
        Ok(self.file.metadata().map_err(|error| self.failed("look at", &error))?.len())
    }

    /// Begins anew.
    pub(super) fn restart(&mut self, origin: Option<Origin>) -> Result<(), Failure> {
        self.keep(0)?;
        self.note(origin)
    }

    /// Keeps so much, and goes on behind it.
    pub(super) fn keep(&mut self, length: u64) -> Result<(), Failure> {
        let kept = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        kept.map(drop).map_err(|error| self.failed("write", &error))
    }

    /// Notes where it comes from; without that there is no going on.
    fn note(&mut self, origin: Option<Origin>) -> Result<(), Failure> {
        self.origin = origin;
        let Some(origin) = &self.origin else {
            return match fs::remove_file(&self.notes) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(self.failed("remove the notes of", &error))
                }
                _ => Ok(()),
            };
        };
        // Notes that were not written whole cannot be read, and then it begins anew.
        let text = serde_json::to_vec(origin).unwrap_or_default();
        fs::write(&self.notes, text).map_err(|error| self.failed("write the notes of", &error))
    }

    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.file.write_all(data).map_err(|error| self.failed("write", &error))
    }

    /// It is complete: puts it in the place of the file that is wanted.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| self.failed("write", &error))?;
        fs::rename(&self.path, &self.target).map_err(|error| self.failed("rename", &error))?;
        // They are of no use without the part.
        let _ = fs::remove_file(&self.notes);
        Ok(())
    }

    /// Leaves nothing behind if there is nothing to go on with; says what there is for this URL.
    pub(super) fn give_up(self, url: &str) -> Option<(PathBuf, u64)> {
        match (self.len(), &self.origin) {
            (Ok(length), Some(origin)) if length > 0 => (origin.url == url).then_some((self.path, length)),
            _ => {
                let _ = fs::remove_file(&self.path);
                let _ = fs::remove_file(&self.notes);
                None
            }
        }
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Failure {
        failed(doing, &self.path.display().to_string(), error)
    }
}

fn failed(doing: &str, shown: &str, error: &io::Error) -> Failure {
    Failure::from(lem_ssl_rs::Error::io(format!("{doing} {shown}"), io::Error::new(error.kind(), error.to_string())))
}

fn read_notes(path: &Path) -> Option<Origin> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(LONGEST_NOTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The same path with something behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
