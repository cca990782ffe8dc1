//! A file whose requests are done one after the other, on one thread, whatever becomes of those who made them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::JoinError;
use crate::runtime::{Core, Promise, Unblock, Workers, contain, promise, submit};

/// A file, and what is to be done with it. What was requested is done, also if its future is dropped or its machine
/// ends.
///
/// It has a thread of its own: a reader that stands still holds up nothing but this file, and requests do not wait for
/// threads that compute.
pub(super) struct OrderedFile {
    file: File,
    queue: Mutex<RequestQueue>,
    thread: Arc<Workers>,
}

#[derive(Default)]
struct RequestQueue {
    requests: VecDeque<Request>,
    pump: Pumping,
}

/// What is done with the file; without a file, why it cannot be done.
type Request = Box<dyn FnOnce(Result<&File, JoinError>) + Send>;

/// Who does what is in the queue.
#[derive(Default)]
enum Pumping {
    /// Nobody: it is empty.
    #[default]
    Idle,
    /// A [`Pump`], which is on its way to the thread, or at work there.
    UnderWay,
    /// A [`Pump`] that has no thread, and refuses what is in the queue.
    Refused(JoinError),
}

impl OrderedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file, queue: Mutex::default(), thread: Arc::new(Workers::one_thread()) }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Requests `work`, behind all that was requested before. It is done even if nobody polls the future that this
    /// returns.
    pub(super) fn request<T: Send + 'static>(
        self: &Arc<Self>,
        core: &Core,
        work: impl FnOnce(&File) -> T + Send + 'static,
    ) -> Unblock<T> {
        let (promise, done) = promise();
        if self.enqueue(request(promise, work)) {
            let pump = Pump(self.clone());
            if let Err(refused) = submit(core, &self.thread, Box::new(move || drop(pump))) {
                self.queue().pump = Pumping::Refused(refused.reason);
                drop(refused.job);
            }
        }
        done
    }

    /// Whether a pump is to be submitted.
    fn enqueue(&self, request: Request) -> bool {
        let mut queue = self.queue();
        queue.requests.push_back(request);
        let is_idle = matches!(queue.pump, Pumping::Idle);
        if is_idle {
            queue.pump = Pumping::UnderWay;
        }
        is_idle
    }

    fn queue(&self) -> MutexGuard<'_, RequestQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request, and why it cannot be done if it cannot; none if the queue is empty, and the pump's work done.
    fn next(&self) -> Option<(Request, Result<(), JoinError>)> {
        let mut queue = self.queue();
        let Some(request) = queue.requests.pop_front() else {
            queue.pump = Pumping::Idle;
            return None;
        };
        let is_possible = match &queue.pump {
            Pumping::Refused(reason) => Err(reason.clone()),
            Pumping::Idle | Pumping::UnderWay => Ok(()),
        };
        Some((request, is_possible))
    }
}

impl Drop for OrderedFile {
    fn drop(&mut self) {
        self.thread.finish();
    }
}

fn request<T: Send + 'static>(promise: Promise<T>, work: impl FnOnce(&File) -> T + Send + 'static) -> Request {
    Box::new(move |file| match file {
        Ok(file) => promise.fulfil(|| work(file)),
        Err(reason) => promise.fail(reason),
    })
}

/// Does what is in the queue until it is empty, where it is dropped: no job that holds one can be given up without
/// that.
struct Pump(Arc<OrderedFile>);

impl Drop for Pump {
    fn drop(&mut self) {
        while let Some((request, is_possible)) = self.0.next() {
            // It wakes a waiter, and so a foreign waker's code may come here.
            contain(|| request(is_possible.map(|()| &self.0.file)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as StdError;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::runtime::{Machine, current, no_machine};

    #[test]
    fn what_has_no_thread_is_refused_and_is_not_done_later() -> Result<(), Box<dyn StdError>> {
        let file = Arc::new(OrderedFile::new(File::open(std::env::current_exe()?)?));
        let count = Arc::new(AtomicUsize::new(0));
        let counted = || {
            let count = count.clone();
            move |_: &File| count.fetch_add(1, Ordering::Relaxed)
        };
        let ((first, refused), (second, also_refused)) = (promise(), promise());
        assert!(file.enqueue(request(first, counted())), "a pump is needed");
        assert!(!file.enqueue(request(second, counted())), "it is on its way");
        let reason = JoinError::NoThread("no memory".into());
        file.queue().pump = Pumping::Refused(reason.clone());
        drop(Pump(file.clone()));
        let before = Machine::new()?.run(async {
            assert_eq!(refused.await, Err(reason.clone()));
            assert_eq!(also_refused.await, Err(reason));
            let core = current().ok_or_else(no_machine)?;
            Ok::<_, Box<dyn StdError>>(file.request(&core, counted()).await?)
        })??;
        assert_eq!(before, 0, "only the last was done");
        Ok(())
    }
}
