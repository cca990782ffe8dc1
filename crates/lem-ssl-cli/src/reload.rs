//! Reading files again, when that is asked for (SIGHUP) or they have changed, beside everything else that the loop does.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lem_ssl_rs::{CancelOnDrop, Error, Queue, sleep, spawn, timeout, unblock};

use crate::exit::{Failure, Outlook};
use crate::expiry::Expiry;
use crate::file_state::FileState;
use crate::log::Log;
use crate::notify::Notifier;

/// Reading the files may take so long before it is given up.
const DEADLINE: Duration = Duration::from_secs(30);

/// So many readings may be under way at once. One that blocks, at a named pipe that nobody writes to or a share that is
/// gone, keeps its thread for as long as it does; further requests wait.
const MAX_READINGS: usize = 4;

/// What has run out is read again after so long, if that has failed. If it could be read, and is still the same, its file
/// is looked at so often, and read when it is another one.
const RETRY: Duration = Duration::from_secs(60);

/// The clock of the system is looked at so often at least: somebody may have set it.
const MAX_SLEEP: Duration = Duration::from_secs(600);

/// What the operating system has refused is tried again after this pause. A file that is replaced is away for less.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Pauses double up to this one.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How often files were read again.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    /// And put in place.
    pub(crate) done: Cell<u64>,
    /// And could not be used.
    pub(crate) failed: Cell<u64>,
}

/// Reads files, and puts what is in them in place of what was read before.
pub(crate) struct Reloader<T> {
    /// Reads; blocks.
    read: Arc<dyn Fn() -> Result<T, Failure> + Send + Sync>,
    /// Puts in place what was read.
    replace: Box<dyn Fn(T) -> Result<Notices, Failure>>,
    log: Log,
    notifier: Notifier,
    reloads: Rc<Reloads>,
    /// The number of the last request. What an earlier one has read by then is not used.
    last: Cell<u64>,
    permits: Queue<()>,
    /// Waits for the end of what is in place.
    timer: RefCell<Option<CancelOnDrop<()>>>,
}

/// What there is to say of what was put in place.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) warnings: Vec<String>,
    pub(crate) expiries: Vec<Expiry>,
}

/// How files were at one moment; `None` for one that cannot be compared with what is at its path later.
#[derive(Debug, Clone)]
pub(crate) struct Marks(Vec<Option<FileState>>);

impl Marks {
    /// How these files are now; only where `is_comparable`.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a PathBuf>, is_comparable: impl Fn(&Path) -> bool) -> Self {
        Self(files.into_iter().map(|file| is_comparable(file).then(|| FileState::of(file))).collect())
    }

    /// Whether one of them is another one now. One that is gone will come back, and would only fail to be read.
    fn differ(&self, now: &[FileState]) -> bool {
        let is_other = |(before, now): (&Option<FileState>, &FileState)| {
            now.is_there() && before.as_ref().is_some_and(|before| before != now)
        };
        self.0.iter().zip(now).any(is_other)
    }
}

impl<T: Send + 'static> Reloader<T> {
    pub(crate) fn new(
        read: impl Fn() -> Result<T, Failure> + Send + Sync + 'static,
        replace: impl Fn(T) -> Result<Notices, Failure> + 'static,
        log: Log,
        notifier: Notifier,
    ) -> Rc<Self> {
        let permits = Queue::new();
        for _ in 0..MAX_READINGS {
            permits.put(());
        }
        let (read, replace) = (Arc::new(read), Box::new(replace));
        Rc::new(Self {
            read,
            replace,
            log,
            notifier,
            reloads: Rc::default(),
            last: Cell::new(0),
            permits,
            timer: RefCell::default(),
        })
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

    /// Requests it when one of these has run out, and again until the files could be read; when the file of one that was over
    /// before is another one, or the clock says that it is good; and tells of an end ahead. What was expected before is
    /// forgotten.
    pub(crate) fn expect(self: &Rc<Self>, mut expiries: Vec<Expiry>) {
        let before = self.timer.take();
        drop(before);
        if expiries.is_empty() {
            return;
        }
        let reloader = Rc::downgrade(self);
        let timer = spawn(async move {
            loop {
                let is_replaced = is_any_replaced(&mut expiries).await;
                let now = SystemTime::now();
                let Some(reloader) = reloader.upgrade() else { return };
                reloader.log.warnings(expiries.iter_mut().filter_map(|expiry| expiry.tell(now)));
                let has_run_out = expiries.iter().any(|expiry| expiry.has_run_out(now));
                let is_good_again = expiries.iter().any(|expiry| expiry.is_good_again(now));
                if has_run_out || is_replaced || is_good_again {
                    reloader.request();
                }
                let is_looked_at = has_run_out || expiries.iter().any(|expiry| expiry.awaited().is_some());
                let longest = if is_looked_at { RETRY } else { MAX_SLEEP };
                let next = expiries.iter().filter(|expiry| !expiry.has_run_out(now)).filter_map(Expiry::next).min();
                let wait = next.map_or(longest, |next| next.duration_since(now).unwrap_or_default().min(longest));
                drop(reloader);
                sleep(wait).await;
            }
        });
        self.timer.replace(Some(timer.cancel_on_drop()));
    }

    /// Requests it whenever one of these files is another one than before, looking every so often; `marks` are theirs, of
    /// the moment before they were read.
    pub(crate) fn watch(self: &Rc<Self>, files: Vec<PathBuf>, marks: Marks, interval: Duration) {
        let (reloader, files) = (self.clone(), Arc::new(files));
        spawn(async move {
            let mut before: Option<Vec<FileState>> = None;
            loop {
                let files = files.clone();
                // One that cannot be looked at, because there is no thread, is looked at the next time.
                let look = move || files.iter().map(|file| FileState::of(file)).collect::<Vec<_>>();
                if let Ok(now) = unblock(look).await {
                    if before.as_ref().map_or_else(|| marks.differ(&now), |before| *before != now) {
                        reloader.request();
                    }
                    before = Some(now);
                }
                sleep(interval).await;
            }
        })
        .detach();
    }

    /// Reads until that has worked, or failed for a reason that does not pass by itself. A request that comes later reads for
    /// this one, too.
    async fn reload(self: Rc<Self>, number: u64) {
        let (mut pause, mut told) = (FIRST_PAUSE, None);
        while let Some(read) = self.read_once(number).await {
            if told.is_none() {
                self.notifier.reloaded();
            }
            let failure = match read.and_then(|read| (self.replace)(read)) {
                Ok(Notices { warnings, expiries }) => {
                    self.reloads.done.set(self.reloads.done.get() + 1);
                    self.log.line("reloaded; new connections get what is in the files now");
                    self.log.warnings(warnings);
                    return self.expect(expiries);
                }
                Err(failure) => failure,
            };
            let words = failure.to_string();
            let may_pass = failure.outlook != Outlook::Lasting;
            if told.as_ref() != Some(&words) {
                self.reloads.failed.set(self.reloads.failed.get() + 1);
                let again = if may_pass { " (it is tried again)" } else { "" };
                self.log.warn(format!("not reloaded, the old set stays in place: {words}{again}"));
                told = Some(words);
            }
            if !may_pass {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Reads for the request of this number; `None` if a later one has come.
    async fn read_once(&self, number: u64) -> Option<Result<T, Failure>> {
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
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(read))) => read.map_err(|error| Error::from(error).into()).flatten(),
            Ok(Err(error)) => Err(Failure::from(Error::from(error)).lasting()),
            // It goes on, and keeps its thread: another one would come to the same.
            Err(_) => Err(Failure::from(Error::io("read the files", std::io::ErrorKind::TimedOut.into())).lasting()),
        };
        (self.last.get() == number).then_some(read)
    }
}

/// Whether the file of one that was over is another one now. A file that does not answer is not waited for any more.
async fn is_any_replaced(expiries: &mut Vec<Expiry>) -> bool {
    let files: Vec<PathBuf> = expiries.iter().filter_map(Expiry::awaited).cloned().collect();
    if files.is_empty() {
        return false;
    }
    let look = move || files.iter().map(|file| FileState::of(file)).collect::<Vec<_>>();
    match timeout(DEADLINE, unblock(look)).await {
        Ok(Ok(states)) => {
            let awaited = expiries.iter().filter(|expiry| expiry.awaited().is_some());
            awaited.zip(states).any(|(expiry, state)| expiry.is_replaced(&state))
        }
        // There is no thread: they are looked at the next time.
        Ok(Err(_)) => false,
        // Each look would keep one more thread.
        Err(_) => {
            expiries.retain(|expiry| expiry.awaited().is_none());
            false
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn marks_tell_of_files_that_are_others_now_and_can_be_compared() {
        let folder = std::env::temp_dir().join(format!("lem-ssl-marks-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let files: Vec<_> = ["a", "b"].map(|name| folder.join(name)).into();
        files.iter().for_each(|file| fs::write(file, "1").unwrap());
        let states = || files.iter().map(|file| FileState::of(file)).collect::<Vec<_>>();
        let (all, only_a) = (Marks::of(&files, |_| true), Marks::of(&files, |file| file.ends_with("a")));
        assert!(!all.differ(&states()));
        fs::write(&files[1], "22").unwrap();
        assert!(all.differ(&states()) && !only_a.differ(&states()));
        fs::remove_file(&files[1]).unwrap();
        assert!(!all.differ(&states()));
        fs::remove_dir_all(folder).unwrap();
    }

    /// What was over as it stands in this file now.
    fn over(file: &Path) -> Expiry {
        Expiry::over(file, SystemTime::now() - Duration::from_secs(1), FileState::of(file))
    }

    /// A reloader in a simulated world, and how often it has read; what it reads is over, as the file is then.
    fn counting(log: Log, file: &Path) -> (Rc<Reloader<Expiry>>, Arc<AtomicUsize>) {
        let (reads, file) = (Arc::new(AtomicUsize::new(0)), file.to_owned());
        let counted = reads.clone();
        let read = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(over(&file))
        };
        let replace = |over| Ok(Notices { warnings: Vec::new(), expiries: vec![over] });
        let notifier = Notifier::from_env(&log);
        (Reloader::new(read, replace, log, notifier), reads)
    }

    #[test]
    fn what_seems_over_only_because_the_clock_was_ahead_is_read_again_when_it_is_right() {
        let file = std::env::temp_dir().join(format!("lem-ssl-ahead-{}", std::process::id()));
        fs::write(&file, "the same").unwrap();
        let sim = lem_ssl_rs::sim::Sim::builder(1).build();
        let read = sim.run(async {
            let (reloader, reads) = counting(Log::new(true, crate::log::Format::Plain).unwrap(), &file);
            // Its time was over by the clock of the start, and is not by the clock of now.
            let until = SystemTime::now() + Duration::from_secs(3600);
            reloader.expect(vec![over(&file), Expiry::over(&file, until, FileState::of(&file))]);
            sleep(10 * RETRY).await;
            reads.load(Ordering::Relaxed)
        });
        fs::remove_file(&file).unwrap();
        assert_eq!(read.unwrap(), 1);
    }

    #[test]
    fn what_was_over_when_it_was_read_is_read_again_once_it_was_replaced() {
        let file = std::env::temp_dir().join(format!("lem-ssl-over-{}", std::process::id()));
        fs::write(&file, "old").unwrap();
        let sim = lem_ssl_rs::sim::Sim::builder(1).build();
        let read = sim.run(async {
            let (reloader, reads) = counting(Log::new(true, crate::log::Format::Plain).unwrap(), &file);
            let read = || reads.load(Ordering::Relaxed);
            reloader.expect(vec![over(&file)]);
            sleep(10 * RETRY).await;
            let mut read_so_far = vec![read()];
            for contents in ["another one", "and yet another one"] {
                fs::write(&file, contents).unwrap();
                sleep(RETRY + Duration::from_secs(1)).await;
                read_so_far.push(read());
                sleep(10 * RETRY).await;
                read_so_far.push(read());
            }
            read_so_far
        });
        fs::remove_file(&file).unwrap();
        assert_eq!(read.unwrap(), [0, 1, 1, 2, 2]);
    }
}
