//! What a machine lends to the transports of its streams.

use super::source::Source;

impl Source {
    /// Lends the machine's receive arena: one buffer that all streams share, because none owns one while it is idle.
    /// Its contents are what the last borrower left.
    pub fn with_receive_arena<R>(&self, work: impl FnOnce(&mut [u8]) -> R) -> R {
        self.core().arenas().receive.lend(work)
    }

    /// Lends the machine's send arena, as [`with_receive_arena`](Self::with_receive_arena).
    pub fn with_send_arena<R>(&self, work: impl FnOnce(&mut [u8]) -> R) -> R {
        self.core().arenas().send.lend(work)
    }

    /// An empty buffer of the machine's, with memory if one is to spare. Give it [back](Self::return_spare) when it is empty
    /// again.
    pub fn take_spare(&self) -> Vec<u8> {
        self.core().arenas().pool.take()
    }

    /// As [`take_spare`](Self::take_spare), for `count` bytes that wait for the peer (a part of a record, what the kernel
    /// refused): a few of them do not get the memory of a burst, which the peer could keep as long as it likes.
    pub fn take_spare_for(&self, count: usize) -> Vec<u8> {
        self.core().arenas().pool.take_for(count)
    }

    /// Gives a buffer back. The machine keeps a few, so that steady traffic allocates nothing, and frees the rest.
    pub fn return_spare(&self, buffer: Vec<u8>) {
        self.core().arenas().pool.put(buffer);
    }
}
