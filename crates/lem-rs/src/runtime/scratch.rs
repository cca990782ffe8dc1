//! The vectors that the loop fills and empties in each turn, and when it gives their memory back.
//!
//! Small as they are, they matter: they grow during a burst, while the burst's own memory is in use, so they lie behind
//! it, and an allocator that gives back only the end of its heap (glibc's) then keeps all of it.

use std::collections::VecDeque;

use super::key::Key;
use super::wait::Wait;
use crate::world::Ready;

/// Filled and emptied in each turn, kept for their memory.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) events: Vec<Ready>,
    pub(super) woken: Vec<Wait>,
    pub(super) keys: Vec<Key>,
}

impl Scratch {
    /// Gives back what a burst has left, before the loop sleeps.
    pub(super) fn release(&mut self) {
        release(&mut self.events);
        release(&mut self.woken);
        release(&mut self.keys);
    }
}

/// Gives back what an empty vector keeps beyond a little.
pub(super) fn release<T>(vector: &mut Vec<T>) {
    if vector.is_empty() && vector.capacity() > MOST_KEPT {
        *vector = Vec::new();
    }
}

/// As [`release`], for a queue.
pub(super) fn release_queue<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > MOST_KEPT {
        *queue = VecDeque::new();
    }
}

/// For so many entries there is always room: a few kilobytes.
const MOST_KEPT: usize = 128;
