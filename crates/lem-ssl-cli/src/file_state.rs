//! What is known of a file without reading it.

use std::path::Path;

use crate::platform::{FileIdentity, changed, modified};

/// What tells a file from what it was before, even if it was copied with its times; links are followed. `None`: it
/// cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileState(Option<Found>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    identity: FileIdentity,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    pub(crate) fn of(file: &Path) -> Self {
        let found = std::fs::metadata(file).ok();
        Self(found.map(|file| Found {
            identity: FileIdentity::of(&file),
            length: file.len(),
            modified: modified(&file),
            changed: changed(&file),
        }))
    }

    /// Whether the file was there.
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_file_of_the_same_length_and_time_is_another_one_if_it_was_written() {
        let path = std::env::temp_dir().join(format!("lem-ssl-reload-{}", std::process::id()));
        fs::write(&path, "1").unwrap();
        let (before, time) = (FileState::of(&path), fs::metadata(&path).unwrap().modified().unwrap());
        let begun = Instant::now();
        // Systems note times in steps of some milliseconds.
        while FileState::of(&path) == before && begun.elapsed() < Duration::from_secs(10) {
            fs::write(&path, "2").unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        let after = FileState::of(&path);
        fs::remove_file(&path).unwrap();
        assert_ne!(before, after);
    }
}
