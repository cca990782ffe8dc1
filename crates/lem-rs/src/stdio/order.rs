//! A file that several threads use, one after the other in the order of their requests.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

/// A file, and what is to be done with it: a write whose future is dropped goes on, on its thread, and the next one must not
/// overtake it.
pub(super) struct OrderedFile {
    file: File,
    requests: Mutex<VecDeque<Request>>,
    /// Held by the thread that does requests.
    at_work: Mutex<()>,
}

type Request = Box<dyn FnOnce(&File) + Send>;

impl OrderedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file, requests: Mutex::default(), at_work: Mutex::default() }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Requests `work`, behind all that was requested before, and returns what has to be called on a thread that may block. A
    /// thread that comes first does what others have requested before it, too: none waits for one that has not begun.
    pub(super) fn request<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&File) -> T + Send + 'static,
    ) -> impl FnOnce() -> T + Send + 'static {
        let (sender, done) = sync_channel(1);
        let request = move |file: &File| {
            // Nobody takes the result if that thread's work was given up.
            let _ = sender.send(work(file));
        };
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::new(request));
        let file = self.clone();
        move || {
            let at_work = file.at_work.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                if let Ok(result) = done.try_recv() {
                    return result;
                }
                let next = file.requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(request) = next else { break };
                request(&file.file);
            }
            drop(at_work);
            done.recv().expect("what was requested was done, or has panicked on the thread that did it")
        }
    }
}
