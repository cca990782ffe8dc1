//! Keys that are never mistaken: a slab index and a generation.

use std::num::NonZeroU32;

use slab::Slab;

/// Names an entry of a [`Keyed`] slab, for as long as that very entry lives. A reused place has another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: u32,
    /// Never zero, so that no key at all takes no more room than a key.
    generation: NonZeroU32,
}

const HALF: u32 = usize::BITS / 2;
const LOW_HALF: usize = usize::MAX >> HALF;

impl Key {
    /// Packs the key into what a readiness event carries. Never all ones, which is the notifier's token.
    pub(crate) fn to_token(self) -> usize {
        ((self.generation.get() as usize) << HALF) | self.index as usize
    }

    /// The key that [`to_token`](Self::to_token) packed, if it did.
    pub(crate) fn from_token(token: usize) -> Option<Self> {
        let generation = NonZeroU32::new((token >> HALF) as u32)?;
        Some(Self { index: (token & LOW_HALF) as u32, generation })
    }
}

/// A slab whose keys carry a generation.
#[derive(Debug)]
pub(crate) struct Keyed<T> {
    slab: Slab<(NonZeroU32, T)>,
    /// That of the latest entry.
    generation: NonZeroU32,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { slab: Slab::new(), generation: NonZeroU32::MIN }
    }
}

impl<T> Keyed<T> {
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.insert_with(|_| value)
    }

    /// Inserts a value that knows its own key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        // At most one less than all ones, so that no token equals the notifier's.
        let next = self.generation.checked_add(1).filter(|next| next.get() < LOW_HALF as u32);
        self.generation = next.unwrap_or(NonZeroU32::MIN);
        let entry = self.slab.vacant_entry();
        assert!(entry.key() <= LOW_HALF, "more entries than a token can name");
        let key = Key { index: entry.key() as u32, generation: self.generation };
        entry.insert((key.generation, make(key)));
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.slab.get(key.index as usize) {
            Some((generation, value)) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slab.get_mut(key.index as usize) {
            Some((generation, value)) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.slab.remove(key.index as usize).1)
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.slab.iter().map(|(_, (_, value))| value)
    }

    /// Takes everything out, for a teardown that runs foreign code only when no borrow is held.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        self.slab.drain().map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_place_is_not_found_under_its_old_key() {
        let mut keyed = Keyed::default();
        let first = keyed.insert("first");
        assert_eq!(keyed.remove(first), Some("first"));
        let second = keyed.insert("second");
        assert_eq!(first.index, second.index);
        assert_eq!(keyed.get(first), None);
        assert_eq!(keyed.remove(first), None);
        assert_eq!(keyed.get(second), Some(&"second"));
    }

    #[test]
    fn no_key_takes_no_more_room_than_a_key() {
        assert_eq!(size_of::<Option<Key>>(), size_of::<Key>());
    }

    #[test]
    fn generations_begin_anew_before_a_token_is_the_notifiers() {
        let last = NonZeroU32::new((LOW_HALF - 1) as u32).expect("not zero");
        let mut keyed = Keyed { generation: last, ..Keyed::default() };
        let key = keyed.insert(());
        assert_eq!(key.generation, NonZeroU32::MIN);
        assert_eq!(keyed.get(key), Some(&()));
    }

    #[test]
    fn a_token_names_the_same_key_and_is_never_the_notifiers() {
        let key = Key { index: 7, generation: NonZeroU32::new((LOW_HALF - 1) as u32).expect("not zero") };
        assert_eq!(Key::from_token(key.to_token()), Some(key));
        assert_ne!(Key { index: LOW_HALF as u32, ..key }.to_token(), usize::MAX);
    }
}
