//! Keys that are never mistaken: the index of a place, and which of its uses is meant.

use std::num::NonZeroU32;

use slab::{Slab, VacantEntry};

/// Names an entry of a [`Keyed`] table, for as long as that very entry lives. No other entry ever has the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: u32,
    /// Never zero, so that no key at all takes no more room than a key.
    generation: NonZeroU32,
}

/// A slab whose places are used again each time under another generation. A place that has used up its generations is
/// never used again: that costs the memory of one entry after four billion uses, and no key can ever come back. All of
/// this is the same on 32 and 64 bits. Tests choose fewer `GENERATIONS`.
///
/// Every timer and every socket comes through here, so a look at an entry is a look at one place.
#[derive(Debug)]
pub(crate) struct Keyed<T, const GENERATIONS: u32 = { u32::MAX }> {
    slab: Slab<Place<T>>,
    /// The generation of each place's next entry. The slab forgets what it removes, so they stand beside it.
    next: Vec<NonZeroU32>,
    used_up: usize,
}

#[derive(Debug)]
struct Place<T> {
    generation: NonZeroU32,
    /// `None` once the generations are used up: it stays occupied, so that the slab does not give the place out again.
    entry: Option<T>,
}

impl<T, const GENERATIONS: u32> Default for Keyed<T, GENERATIONS> {
    fn default() -> Self {
        Self { slab: Slab::new(), next: Vec::new(), used_up: 0 }
    }
}

impl<T, const GENERATIONS: u32> Keyed<T, GENERATIONS> {
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.vacancy().fill(value)
    }

    /// The place of the next entry, for one that is to know its own key.
    pub(crate) fn vacancy(&mut self) -> Vacancy<'_, T> {
        let place = self.slab.vacant_entry();
        if place.key() == self.next.len() {
            self.next.push(NonZeroU32::MIN);
        }
        let index = u32::try_from(place.key()).expect("memory ends before the indices do");
        let key = Key { index, generation: self.next[place.key()] };
        Vacancy { place, key }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let place = self.slab.get(key.index as usize)?;
        if place.generation == key.generation { place.entry.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.slab.get_mut(key.index as usize)?;
        if place.generation == key.generation { place.entry.as_mut() } else { None }
    }

    /// The entry whose [token](Key::to_token) this is. A token names less than a key: see there.
    pub(crate) fn at_token(&mut self, token: usize) -> Option<&mut T> {
        let index = TokenLayout::NATIVE.index(token);
        let place = self.slab.get_mut(index as usize)?;
        let key = Key { index, generation: place.generation };
        if key.to_token() == Some(token) { place.entry.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let index = key.index as usize;
        let place = self.slab.get_mut(index).filter(|place| place.generation == key.generation)?;
        match key.generation.checked_add(1).filter(|next| next.get() <= GENERATIONS) {
            Some(next) => {
                self.next[index] = next;
                self.slab.remove(index).entry
            }
            None => {
                let entry = place.entry.take()?;
                self.used_up += 1;
                Some(entry)
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len() - self.used_up
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.slab.iter().filter_map(|(_, place)| place.entry.as_ref())
    }

    /// Everything that is in it.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.slab.into_iter().filter_map(|(_, place)| place.entry)
    }

    /// Takes everything out, for a teardown that runs foreign code only when no borrow is held.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let key = |(index, place): (usize, &Place<T>)| Key { index: index as u32, generation: place.generation };
        let keys: Vec<_> = self.slab.iter().map(key).collect();
        keys.into_iter().filter_map(|key| self.remove(key)).collect()
    }
}

/// A place without an entry. It stays vacant if none comes.
pub(crate) struct Vacancy<'a, T> {
    place: VacantEntry<'a, Place<T>>,
    key: Key,
}

impl<T> Vacancy<'_, T> {
    /// The key of the entry that comes here.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn fill(self, value: T) -> Key {
        self.place.insert(Place { generation: self.key.generation, entry: Some(value) });
        self.key
    }
}

impl Key {
    /// What a readiness event carries of the key: the index, and as many bits of the generation as there is room for.
    /// `None` for an index that finds no room.
    ///
    /// So a stale event may be taken for one of a later socket in the same place: on 64 bits never, on 32 bits where
    /// the place was used a multiple of 4096 times since. That does no harm: an event only says that a call is worth
    /// trying. Events are stale only where a descriptor has a duplicate that outlives the socket.
    pub(crate) fn to_token(self) -> Option<usize> {
        TokenLayout::NATIVE.pack(self)
    }
}

/// How the bits of a token are shared out.
#[derive(Debug, Clone, Copy)]
struct TokenLayout {
    index_bits: u32,
    generation_bits: u32,
}

impl TokenLayout {
    /// On 32 bits there is room for a million sockets, which is what Linux lets a process open at most (`fs.nr_open`).
    const NATIVE: Self = match usize::BITS {
        64.. => Self { index_bits: 32, generation_bits: 32 },
        bits => Self { index_bits: 20, generation_bits: bits - 20 },
    };

    /// Never all ones, which is the notifier's token: no index is.
    fn pack(self, key: Key) -> Option<usize> {
        let (index, last) = (key.index as usize, low_bits(self.index_bits));
        let generation = key.generation.get() as usize & low_bits(self.generation_bits);
        (index < last).then_some(generation << self.index_bits | index)
    }

    fn index(self, token: usize) -> u32 {
        (token & low_bits(self.index_bits)) as u32
    }
}

/// So many ones.
const fn low_bits(count: u32) -> usize {
    usize::MAX >> (usize::BITS - count)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_reused_place_is_not_found_under_its_old_key() {
        let mut keyed = Keyed::<_>::default();
        let first = keyed.insert("first");
        assert_eq!(keyed.remove(first), Some("first"));
        let second = keyed.insert("second");
        assert_eq!(first.index, second.index);
        assert_eq!(keyed.get(first), None);
        assert_eq!(keyed.get_mut(first), None);
        assert_eq!(keyed.remove(first), None);
        assert_eq!(keyed.get(second), Some(&"second"));
    }

    #[test]
    fn no_key_takes_no_more_room_than_a_key_on_any_machine() {
        assert_eq!(size_of::<Option<Key>>(), 8);
    }

    #[test]
    fn no_key_ever_comes_back_even_when_generations_are_used_up() {
        let mut keyed = Keyed::<u32, 3>::default();
        let mut seen = HashSet::new();
        let stays = keyed.insert(u32::MAX);
        let mut stale = Vec::new();
        for number in 0..1_000 {
            let key = keyed.insert(number);
            assert!(seen.insert(key), "{key:?} came back");
            assert!(stale.iter().all(|old| keyed.get(*old).is_none()));
            assert_eq!((keyed.get(key), keyed.len()), (Some(&number), 2));
            assert_eq!(keyed.remove(key), Some(number));
            stale.push(key);
        }
        assert_eq!(keyed.get(stays), Some(&u32::MAX));
        // Each place was used three times, and then a new one was.
        assert_eq!(keyed.next.len(), 1 + 1_000_usize.div_ceil(3));
    }

    #[test]
    fn places_that_are_emptied_in_any_order_are_all_used_again() {
        let mut keyed = Keyed::<u32>::default();
        let mut keys: Vec<_> = (0..100).map(|number| keyed.insert(number)).collect();
        let kept = keys.split_off(50);
        let order = (0..50).map(|step| step * 37 % 50);
        order.for_each(|step| assert_eq!(keyed.remove(keys[step]), Some(step as u32)));
        assert_eq!(keyed.len(), 50);
        let again: Vec<_> = (200..250).map(|number| keyed.insert(number)).collect();
        assert_eq!((keyed.len(), keyed.next.len()), (100, 100));
        assert!(kept.iter().zip(50..).all(|(key, number)| keyed.get(*key) == Some(&number)));
        assert!(again.iter().zip(200..).all(|(key, number)| keyed.get(*key) == Some(&number)));
        assert!(keys.iter().all(|key| keyed.get(*key).is_none()));
    }

    #[test]
    fn what_was_taken_out_at_once_is_not_found_by_its_key_again() {
        let mut keyed = Keyed::<_>::default();
        let keys: Vec<_> = (0..3).map(|number| keyed.insert(number)).collect();
        assert_eq!(keyed.take_all(), [0, 1, 2]);
        let later = [3, 4, 5].map(|number| keyed.insert(number));
        assert!(later.iter().all(|key| keyed.get(*key).is_some()));
        assert!(keys.iter().all(|key| keyed.get(*key).is_none()));
        assert_eq!(keyed.values().count(), 3);
    }

    #[test]
    fn a_token_names_its_entry_and_no_other_use_of_the_place() {
        let mut keyed = Keyed::<_>::default();
        let first = keyed.insert("first");
        let token = first.to_token().expect("the index is small");
        assert_eq!(keyed.at_token(token), Some(&mut "first"));
        keyed.remove(first);
        assert_eq!(keyed.at_token(token), None);
        keyed.insert("second");
        assert_eq!(keyed.at_token(token), None);
        assert_eq!(keyed.at_token(usize::MAX), None);
    }

    #[test]
    fn tokens_of_every_layout_keep_the_index_and_are_never_the_notifiers() {
        let narrow = TokenLayout { index_bits: 3, generation_bits: 2 };
        let on_32_bits = TokenLayout { index_bits: 20, generation_bits: 12 };
        for layout in [narrow, on_32_bits, TokenLayout::NATIVE] {
            let all_ones = low_bits(layout.index_bits + layout.generation_bits);
            let last = low_bits(layout.index_bits) as u32;
            for generation in [1, 2, 3, 4, 5, 4_095, 4_096, u32::MAX].map(|number| NonZeroU32::new(number).unwrap()) {
                for index in [0, 1, last - 1] {
                    let token = layout.pack(Key { index, generation }).expect("there is room for the index");
                    assert_eq!(layout.index(token), index);
                    assert!(token < all_ones, "{layout:?}: {token:#x}");
                    // The next use of the place has another token.
                    let next = generation.checked_add(1).map(|generation| layout.pack(Key { index, generation }));
                    assert_ne!(next, Some(Some(token)));
                }
                assert_eq!(layout.pack(Key { index: last, generation }), None);
            }
        }
    }
}
