//! Reading files again, when that is asked for (SIGHUP) or they have changed, beside everything else that the loop does.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::{Error, Queue, sleep, spawn, timeout, unblock};

use crate::exit::Failure;
use crate::log::Log;
use crate::notify::Notifier;
use crate::platform::{FileIdentity, changed, modified};

/// Reading the files may take so long before it is given up.
const DEADLINE: Duration = Duration::from_secs(30);

/// So many readings may be under way at once. One that blocks, at a named pipe that nobody writes to or a share that is
/// gone, keeps its thread for as long as it does; further requests wait.
const MAX_READINGS: usize = 4;

/// How often files were read again.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    /// And put in place.
    pub(crate) done: Cell<u64>,
    /// And could not be used.
    pub(crate) failed: Cell<u64>,
}

/// What tells a file from what it was before, even if it was copied with its times; links are followed. `None`: it
/// cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState(Option<Found>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    identity: FileIdentity,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    fn of(file: &Path) -> Self {
        let found = std::fs::metadata(file).ok();
        Self(found.map(|file| Found {
            identity: FileIdentity::of(&file),
            length: file.len(),
            modified: modified(&file),
            changed: changed(&file),
        }))
    }
}

/// Reads files, and puts what is in them in place of what was read before.
pub(crate) struct Reloader<T> {
    /// Reads; blocks.
    read: Arc<dyn Fn() -> Result<T, Failure> + Send + Sync>,
    /// Puts in place what was read, and says what there is to warn of.
    replace: Box<dyn Fn(T) -> Result<Vec<String>, Failure>>,
    log: Log,
    notifier: Notifier,
    reloads: Rc<Reloads>,
    /// The number of the last request. What an earlier one has read by then is not used.
    last: Cell<u64>,
    permits: Queue<()>,
}

impl<T: Send + 'static> Reloader<T> {
    pub(crate) fn new(
        read: impl Fn() -> Result<T, Failure> + Send + Sync + 'static,
        replace: impl Fn(T) -> Result<Vec<String>, Failure> + 'static,
        log: Log,
        notifier: Notifier,
    ) -> Rc<Self> {
        let permits = Queue::new();
        for _ in 0..MAX_READINGS {
            permits.put(());
        }
        let (read, replace) = (Arc::new(read), Box::new(replace));
        Rc::new(Self { read, replace, log, notifier, reloads: Rc::default(), last: Cell::new(0), permits })
    }

    /// How often that was done.
    pub(crate) fn reloads(&self) -> &Rc<Reloads> {
        &self.reloads
    }

    /// Reads the files as they are now, in a task of its own. A set that cannot work leaves the old one in place.
    pub(crate) fn request(self: &Rc<Self>) {
        self.notifier.reloading();
        let number = self.last.get() + 1;
        self.last.set(number);
        let reloader = self.clone();
        spawn(async move { reloader.reload(number).await }).detach();
    }

    /// Requests it whenever one of these files is another one than before, looking every so often.
    pub(crate) fn watch(self: &Rc<Self>, files: Vec<PathBuf>, interval: Duration) {
        let (reloader, files) = (self.clone(), Arc::new(files));
        spawn(async move {
            let mut before = None;
            loop {
                let files = files.clone();
                // One that cannot be looked at, because there is no thread, is looked at the next time.
                let look = move || files.iter().map(|file| FileState::of(file)).collect::<Vec<_>>();
                if let Ok(now) = unblock(look).await
                    && before.replace(now.clone()).is_some_and(|before| before != now)
                {
                    reloader.request();
                }
                sleep(interval).await;
            }
        })
        .detach();
    }

    async fn reload(&self, number: u64) {
        // The queue is private and never reset.
        let _ = self.permits.get().await;
        let (read, permits) = (self.read.clone(), self.permits.clone());
        let is_outdated = self.last.get() != number;
        let mut reading = pin!(spawn(async move {
            // The files are read once for all requests that have come by now.
            let read = if is_outdated { None } else { Some(unblock(move || read()).await) };
            permits.put(());
            read
        }));
        let read = match timeout(DEADLINE, reading.as_mut()).await {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(read))) => read.map_err(|error| Error::from(error).into()).flatten(),
            Ok(Err(error)) => Err(Error::from(error).into()),
            Err(_) => Err(Error::io("read the files", std::io::ErrorKind::TimedOut.into()).into()),
        };
        if self.last.get() != number {
            return;
        }
        self.notifier.reloaded();
        match read.and_then(|read| (self.replace)(read)) {
            Ok(warnings) => {
                self.reloads.done.set(self.reloads.done.get() + 1);
                self.log.line("reloaded; new connections get what is in the files now");
                self.log.warnings(warnings);
            }
            Err(failure) => {
                self.reloads.failed.set(self.reloads.failed.get() + 1);
                self.log.warn(format!("not reloaded, the old set stays in place: {failure}"));
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, File};
    use std::time::Instant;

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
