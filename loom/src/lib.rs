//! The wakers' half that every thread may use, as `lem-rs` has it, on loom's locks and atomics; and models of it.

#![cfg(test)]
#![forbid(unsafe_code)]

/// What the files below find under these names in `lem-rs`.
mod world {
    pub(crate) trait Notify: Send + Sync {
        fn notify(&self);
    }
}

mod runtime {
    mod key {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct Key(pub(crate) u32);
    }
    mod primitives {
        pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
        pub(crate) use loom::sync::{Mutex, MutexGuard};
    }
    #[path = "../../../crates/lem-rs/src/runtime/remote.rs"]
    mod remote;

    mod models;
}
