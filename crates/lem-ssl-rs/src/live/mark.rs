//! What shows that a file has changed.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Of a file as it is at the end of all links.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    modified: SystemTime,
    length: u64,
    own: Own,
}

impl Mark {
    /// `None` of a file that cannot be looked at.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { modified: metadata.modified().ok()?, length: metadata.len(), own: Own::of(&metadata) })
    }
}

/// What no program sets back that copies a file with the time of its last change: which file it is, and when anything
/// about it was last changed.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
struct Own {
    file: [u64; 2],
    changed: [i64; 2],
}

#[cfg(unix)]
impl Own {
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;

        Self { file: [metadata.dev(), metadata.ino()], changed: [metadata.ctime(), metadata.ctime_nsec()] }
    }
}

/// When the file was made.
#[cfg(not(unix))]
#[derive(Debug, PartialEq, Eq)]
struct Own(Option<SystemTime>);

#[cfg(not(unix))]
impl Own {
    fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.created().ok())
    }
}
