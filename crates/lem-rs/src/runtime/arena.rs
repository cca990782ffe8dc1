//! Buffers that belong to the loop and are lent to whoever works right now.

use std::cell::RefCell;

/// The two arenas of a machine.
#[derive(Debug)]
pub(crate) struct Arenas {
    pub(crate) receive: Arena,
    pub(crate) send: Arena,
}

/// A buffer that is lent for the length of a call.
#[derive(Debug)]
pub(crate) struct Arena {
    buffer: RefCell<Vec<u8>>,
    size: usize,
}

/// Sixteen full TLS records: one system call fetches what a fast peer sends while we decrypt what it sent before.
const RECEIVE: usize = 256 * 1024;

/// The 64 KiB of plaintext that a write may be ahead of the kernel, with room for the records' headers and tags, and
/// for handshake messages of the largest size (64 KiB).
const SEND: usize = 68 * 1024;

impl Default for Arenas {
    fn default() -> Self {
        Self { receive: Arena::new(RECEIVE), send: Arena::new(SEND) }
    }
}

impl Arena {
    fn new(size: usize) -> Self {
        Self { buffer: RefCell::default(), size }
    }

    /// Lends the buffer. It is taken out meanwhile, so that nested lending would get a fresh one and no borrow is
    /// held while `work` runs.
    pub(crate) fn lend<R>(&self, work: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut buffer = self.buffer.take();
        if buffer.is_empty() {
            buffer = vec![0; self.size];
        }
        let result = work(&mut buffer);
        self.buffer.replace(buffer);
        result
    }
}
