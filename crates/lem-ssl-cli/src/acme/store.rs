//! The folder in which account, certificates and their keys are kept, for this process and for all others that use it.
//!
//! A file is replaced as a whole or not at all, and can be read by its owner only. Who writes holds the lock; who reads
//! needs none. What waits for a disk is called off the loop, with one exception: the answer to a challenge is read
//! when an authority asks for it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use graviola::hashing::{Hash, Sha256};
use lem_ssl_rs::unblock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::platform::{make_private_folder, private, sync_folder};

/// What is kept of one authority. Clones are of the same folder.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: Arc<PathBuf>,
    /// Where it is since the root folder is another one.
    moved: Arc<OnceLock<PathBuf>>,
}

/// The right to write; given back when its last clone is dropped, and by the system when the process ends.
#[derive(Debug, Clone)]
pub(super) struct Lock {
    _file: Arc<File>,
}

const LOCK: &str = "lock";

/// Nothing that is kept has as much.
const MAX_FILE: u64 = 1024 * 1024;

/// So long the readable part of a file's name can be; a folder takes 255 bytes in all.
const MAX_STEM: usize = 180;

impl Store {
    /// The folder in `base` for what comes from `directory`: what an authority for tests has given is never taken for
    /// what another one has. Nothing is looked at or made yet.
    pub(super) fn of(base: &Path, directory: &str) -> Self {
        let host = directory.strip_prefix("https://").unwrap_or(directory).split('/').next().unwrap_or_default();
        Self { folder: Arc::new(base.join(stem(host, directory))), moved: Arc::default() }
    }

    /// From now on, for all clones, `base` is at this path.
    pub(super) fn move_to(&self, base: &Path) {
        // It moves once: there is one change of the root folder in a process.
        let _ = self.moved.set(self.folder.file_name().map_or_else(|| base.to_owned(), |name| base.join(name)));
    }

    /// Makes the folder if there is none, and finds out whether it can be written to.
    pub(super) fn make(&self) -> io::Result<()> {
        self.open_lock().map(drop)
    }

    /// Finds out whether what is kept can be read, and replaced; the error is with the path that it is about.
    pub(super) fn check(&self) -> Result<(), (PathBuf, io::Error)> {
        let in_folder = |error| (self.folder().to_owned(), error);
        for entry in fs::read_dir(self.folder()).map_err(in_folder)? {
            let path = entry.map_err(in_folder)?.path();
            // Another process may have removed it.
            if path.is_file()
                && let Err(error) = File::open(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err((path, error));
            }
        }
        let probe = self.path(&format!("{}.probe", std::process::id()));
        let mut options = OpenOptions::new();
        let made = private(options.write(true).create(true).truncate(true)).open(&probe).map(drop);
        made.and_then(|()| remove(&probe)).map_err(|error| (probe, error))
    }

    pub(super) fn folder(&self) -> &Path {
        self.moved.get().unwrap_or(&self.folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The lock, if nobody else has it.
    pub(super) fn try_lock(&self) -> io::Result<Option<Lock>> {
        let file = self.open_lock()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: Arc::new(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn open_lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = private(options.read(true).write(true).create(true).truncate(false));
        match options.open(self.path(LOCK)) {
            // Somebody has removed the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_private_folder(self.folder())?;
                options.open(self.path(LOCK))
            }
            opened => opened,
        }
    }

    /// The content of a file, if there is one.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<String>> {
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes)?;
        // What is no text, or has more, is not ours, and will be found to be of no use.
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Replaces a file.
    pub(super) fn write(&self, name: &str, content: &str, _lock: &Lock) -> io::Result<()> {
        let new = self.path(&format!("{name}.new"));
        // One that a process left that was killed is as good as none; the lock says that nobody writes to it.
        remove(&new)?;
        let mut options = OpenOptions::new();
        let mut file = private(options.write(true).create_new(true)).open(&new)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.path(name))?;
        sync_folder(&self.path(name));
        Ok(())
    }

    /// Removes a file, and what a process that was killed may have left of a newer one.
    pub(super) fn remove(&self, name: &str, _lock: &Lock) -> io::Result<()> {
        remove(&self.path(&format!("{name}.new")))?;
        remove(&self.path(name))
    }

    /// What a file says, if it can be understood: what cannot is as good as none, and is replaced in time.
    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        Ok(self.read(name)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Off the loop. What is under way there holds the lock, too, if its caller is given up meanwhile.
    pub(super) async fn write_off_the_loop<T: Serialize>(
        &self,
        name: &str,
        value: &T,
        lock: &Lock,
    ) -> Result<(), String> {
        let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
        self.write_text_off_the_loop(name, text, lock).await
    }

    pub(super) async fn write_text_off_the_loop(&self, name: &str, text: String, lock: &Lock) -> Result<(), String> {
        let (name, lock) = (name.to_owned(), lock.clone());
        self.off_the_loop(move |store| store.write(&name, &text, &lock)).await
    }

    pub(super) async fn remove_off_the_loop(&self, name: &str, lock: &Lock) -> Result<(), String> {
        let (name, lock) = (name.to_owned(), lock.clone());
        self.off_the_loop(move |store| store.remove(&name, &lock)).await
    }

    /// Does something with the folder, off the loop.
    pub(super) async fn off_the_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let store = self.clone();
        let worked = unblock(move || work(&store)).await.map_err(|error| error.to_string())?;
        worked.map_err(|error| format!("cannot use {} (--acme-state): {error}", self.folder().display()))
    }
}

/// A name for a file: `shown`, which can stand in one, and what tells it from others that begin alike.
pub(super) fn stem(shown: &str, whole: &str) -> String {
    let hash = Sha256::hash(whole.as_bytes());
    let hash: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
    let shown: String = shown.chars().map(|letter| if allowed(letter) { letter } else { '_' }).take(MAX_STEM).collect();
    format!("{shown}-{hash}")
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lem_ssl_tests::scratch::Scratch;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_what_a_killed_process_left_is_not_in_the_way() {
        let scratch = Scratch::new("acme-store");
        let store = Store::of(scratch.path(), "https://a.test/dir");
        let lock = store.try_lock().unwrap().unwrap();
        assert!(store.read("x").unwrap().is_none());
        fs::write(store.path("x.new"), "half").unwrap();
        store.write("x", "one", &lock).unwrap();
        store.write("x", "two", &lock).unwrap();
        assert_eq!(store.read("x").unwrap().as_deref(), Some("two"));
        assert!(!store.path("x.new").exists());
        fs::write(store.path("x.new"), "half").unwrap();
        store.remove("x", &lock).unwrap();
        assert!(!store.path("x").exists() && !store.path("x.new").exists());
        store.remove("x", &lock).unwrap();
    }

    #[test]
    fn one_has_the_lock_at_a_time_within_a_process_too() {
        let scratch = Scratch::new("acme-store");
        let store = Store::of(scratch.path(), "https://a.test/dir");
        let lock = store.try_lock().unwrap().unwrap();
        let other = Store::of(scratch.path(), "https://a.test/dir");
        assert!(other.try_lock().unwrap().is_none());
        // Another authority's is another.
        assert!(Store::of(scratch.path(), "https://a.test/staging").try_lock().unwrap().is_some());
        drop(lock);
        assert!(other.try_lock().unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_but_the_owner_reads_what_is_kept() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new("acme-store");
        let store = Store::of(&scratch.path().join("state"), "https://a.test/dir");
        let lock = store.try_lock().unwrap().unwrap();
        store.write("x", "secret", &lock).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&store.path("x")), mode(&store.path(LOCK))), (0o600, 0o600));
        assert_eq!((mode(&store.folder), mode(&scratch.path().join("state"))), (0o700, 0o700));
    }
}
