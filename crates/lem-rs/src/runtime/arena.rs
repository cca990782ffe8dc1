//! Buffers that belong to the loop and are lent: for the length of a call, or until what is in them has gone.

use std::cell::RefCell;

/// What a machine lends.
#[derive(Debug)]
pub(crate) struct Arenas {
    pub(crate) receive: Arena,
    pub(crate) send: Arena,
    pub(crate) pool: BufferPool,
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
        Self { receive: Arena::new(RECEIVE), send: Arena::new(SEND), pool: BufferPool::default() }
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

/// Buffers for what cannot go on at once: a part of a record, what the kernel refused, lines that nobody has read yet.
/// Streams give them back empty; a few are kept, so that steady traffic allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    large: RefCell<Vec<Vec<u8>>>,
    /// For what may wait for the peer: a byte of it must not hold the memory of a burst.
    small: RefCell<Vec<Vec<u8>>>,
}

/// Few streams are in the midst of something at the same time, even where many are open.
const MAX_KEPT: usize = 4;

/// Room for a part of the largest record, which a peer may let anybody keep.
const MAX_SMALL: usize = 20 * 1024;

/// Larger buffers come from unusual traffic and go back to the allocator. A write is at most 64 KiB ahead of the kernel,
/// and lines are fetched by as much; both with what stands beside that.
const MAX_KEPT_CAPACITY: usize = 128 * 1024;

impl BufferPool {
    /// An empty buffer, with memory if one was kept.
    pub(crate) fn take(&self) -> Vec<u8> {
        let large = self.large.borrow_mut().pop();
        large.or_else(|| self.small.borrow_mut().pop()).unwrap_or_default()
    }

    /// As [`take`](Self::take), for so many bytes, which may wait long.
    pub(crate) fn take_for(&self, count: usize) -> Vec<u8> {
        let buffers = if count > MAX_SMALL { &self.large } else { &self.small };
        buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a buffer back, or any other vector that is not needed any more. Its contents are forgotten.
    pub(crate) fn put(&self, mut buffer: Vec<u8>) {
        if (1..=MAX_KEPT_CAPACITY).contains(&buffer.capacity()) {
            let buffers = if buffer.capacity() > MAX_SMALL { &self.large } else { &self.small };
            let mut buffers = buffers.borrow_mut();
            if buffers.len() < MAX_KEPT {
                buffer.clear();
                buffers.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bytes_that_wait_do_not_get_the_memory_of_a_burst() {
        let pool = BufferPool::default();
        pool.put(Vec::with_capacity(MAX_KEPT_CAPACITY));
        assert_eq!(pool.take_for(3).capacity(), 0);
        pool.put(Vec::with_capacity(MAX_SMALL));
        assert_eq!(pool.take_for(3).capacity(), MAX_SMALL);
        assert_eq!(pool.take_for(MAX_SMALL + 1).capacity(), MAX_KEPT_CAPACITY);
    }

    #[test]
    fn what_is_lent_for_a_call_is_whatever_there_is() {
        let pool = BufferPool::default();
        for capacity in [100, MAX_KEPT_CAPACITY] {
            pool.put(Vec::with_capacity(capacity));
            assert_eq!(pool.take().capacity(), capacity);
        }
        pool.put(Vec::with_capacity(MAX_KEPT_CAPACITY + 1));
        assert_eq!(pool.take().capacity(), 0, "larger buffers are not kept");
    }
}
