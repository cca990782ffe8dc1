//! The table of tasks.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::key::{Key, Keyed};
use super::remote::{Remote, TaskWaker};
use super::waker_count::WakerCount;

/// A spawned future. One that somebody waits for is wrapped so that it delivers its own result.
pub(crate) type TaskFuture = Pin<Box<dyn Run>>;

/// Any future, whatever its output, in one box: the output is dropped.
pub(crate) trait Run {
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}

impl<F: Future> Run for F {
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx).map(drop)
    }
}

/// All tasks of a machine, the main one included.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    entries: Keyed<Task>,
}

pub(crate) struct Task {
    pub(crate) body: Body,
    /// Whether its key waits in the ready queue: woken twice is polled once.
    pub(crate) queued: bool,
    pub(crate) waker: Waker,
    /// The same waker, to see whether clones of it exist anywhere.
    handle: Arc<TaskWaker>,
    /// Lent to every [`Wait`](super::wait::Wait) that names this task.
    waker_count: WakerCount,
    /// For messages: the one pointer that they cost each task.
    pub(super) started_at: &'static Location<'static>,
}

/// Where a task's future is.
pub(crate) enum Body {
    /// Here, waiting to be polled.
    Here(TaskFuture),
    /// Being polled, further up on the stack.
    Polled,
    /// Being polled, and to be dropped after that.
    Cancelled,
    /// It is the main task; `Machine::run` holds its future.
    Main,
}

/// So many places are told at most: a message with more is not read to its end.
const MAX_PLACES: usize = 8;

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("queued", &self.queued).finish_non_exhaustive()
    }
}

impl Tasks {
    /// Adds a task that is marked as queued: the caller puts it into the ready queue.
    #[track_caller]
    pub(crate) fn insert(&mut self, body: Body, remote: &Arc<Remote>) -> Key {
        let waker_count = WakerCount::new();
        let vacancy = self.entries.vacancy();
        let handle = Arc::new(TaskWaker::new(vacancy.key(), remote.clone()));
        let waker = Waker::from(handle.clone());
        vacancy.fill(Task { body, queued: true, waker, handle, waker_count, started_at: Location::caller() })
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Task> {
        self.entries.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Task> {
        self.entries.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Task> {
        self.entries.remove(key)
    }

    pub(crate) fn take_all(&mut self) -> Vec<Task> {
        self.entries.take_all()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether a clone of some task's waker exists: then somebody outside of the machine may wake it.
    pub(crate) fn any_wakeable_from_outside(&self) -> bool {
        self.entries.values().any(Task::is_wakeable_from_outside)
    }

    /// Where they were started: each place once, the first of them.
    pub(crate) fn places(&self) -> Arc<[&'static Location<'static>]> {
        let mut places = Vec::new();
        for task in self.entries.values() {
            if places.len() < MAX_PLACES && !places.contains(&task.started_at) {
                places.push(task.started_at);
            }
        }
        places.into()
    }

    /// What a wait that names the task keeps.
    pub(crate) fn waker_count(&self, key: Key) -> WakerCount {
        self.get(key).map(|task| task.waker_count.clone()).unwrap_or_default()
    }
}

impl Task {
    pub(super) fn is_wakeable_from_outside(&self) -> bool {
        // Two are ours: `waker` and `handle`.
        Arc::strong_count(&self.handle) > 2
    }

    #[cfg(feature = "sim")]
    pub(super) fn waker_count(&self) -> &WakerCount {
        &self.waker_count
    }
}
