//! Vectors that the loop keeps for their memory, shrunk before it sleeps.
//!
//! They grow during a burst, while the burst's own memory is in use, so they lie behind it; and glibc's allocator gives
//! back only the end of its heap, so a small vector there would keep all of the burst's memory from being given back.

use std::collections::VecDeque;

/// Gives back what an empty vector keeps beyond a little.
pub(super) fn shrink<T>(vector: &mut Vec<T>) {
    if vector.is_empty() && vector.capacity() > MAX_KEPT {
        *vector = Vec::new();
    }
}

/// As [`shrink`], for a queue.
pub(super) fn shrink_queue<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > MAX_KEPT {
        *queue = VecDeque::new();
    }
}

/// For so many entries there is always room: a few kilobytes.
const MAX_KEPT: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_large_and_empty_gives_its_memory_back() {
        for (capacity, entries, is_kept) in
            [(MAX_KEPT, 0, true), (MAX_KEPT + 1, 0, false), (MAX_KEPT + 1, 1, true), (MAX_KEPT, 1, true)]
        {
            let mut vector = Vec::with_capacity(capacity);
            vector.resize(entries, 0_u8);
            shrink(&mut vector);
            assert_eq!((vector.len(), vector.capacity() > 0), (entries, is_kept), "{entries} of {capacity}");
            let mut queue = VecDeque::with_capacity(capacity);
            queue.resize(entries, 0_u8);
            shrink_queue(&mut queue);
            assert_eq!((queue.len(), queue.capacity() > 0), (entries, is_kept), "{entries} of {capacity}");
        }
    }
}
