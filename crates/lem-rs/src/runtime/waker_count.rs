//! How many places could wake a task.
//!
//! Every [`Wait`](super::wait::Wait) that names a task holds its count, wherever it is kept: in a timer, at a socket, in a
//! queue. Only in builds with the feature `sim`, for the [check](super::lost_wakeup) of lost wake-ups; the others pay
//! nothing.

pub(crate) use imp::WakerCount;

#[cfg(feature = "sim")]
mod imp {
    use std::rc::Rc;

    /// Counts what may wake a task, by its clones. The task itself holds one.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct WakerCount(Option<Rc<()>>);

    impl WakerCount {
        /// For a new task.
        pub(crate) fn new() -> Self {
            Self(Some(Rc::default()))
        }

        /// What held it is used up.
        pub(crate) fn release(self) {}

        /// Whether nothing holds it but the task.
        pub(crate) fn is_last(&self) -> bool {
            self.0.as_ref().is_some_and(|shared| Rc::strong_count(shared) == 1)
        }
    }
}

#[cfg(not(feature = "sim"))]
mod imp {
    #[derive(Debug, Clone, Default)]
    pub(crate) struct WakerCount(());

    impl WakerCount {
        pub(crate) fn new() -> Self {
            Self(())
        }

        pub(crate) fn release(self) {}
    }
}
