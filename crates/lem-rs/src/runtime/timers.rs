//! Timers that cost the same whether there are ten or a hundred thousand: a hierarchical wheel (Varghese and Lauck,
//! 1987). Arming and cancelling touch one list; most timers are cancelled and never looked at again.

use std::time::{Duration, Instant};

use super::key::{Key, Keyed};
use super::shrink::shrink;

/// One tick is a millisecond, the grain of the operating system's own wait.
const TICK: Duration = Duration::from_millis(1);
/// Each level has 64 slots, so that a level's occupancy is one word.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Six levels of 64 reach 2.2 years; what lies beyond waits in the last slot and is placed anew when that comes up.
const LEVELS: usize = 6;
const REACH: u64 = 1 << (SLOT_BITS * LEVELS as u32);

/// Names an armed timer; good until it fires or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerKey(Key);

/// The wheel. `W` is what is handed out when a timer fires. Owns no clock: every call that needs the time is told it.
#[derive(Debug)]
pub(crate) struct Timers<W> {
    entries: Keyed<Entry<W>>,
    levels: [Level; LEVELS],
    origin: Instant,
    /// The tick up to which everything has fired.
    elapsed: u64,
    /// Scratch of `expire`, kept for its memory.
    chain: Vec<Key>,
}

#[derive(Debug)]
struct Entry<W> {
    waiter: W,
    tick: u64,
    place: Place,
    previous: Option<Key>,
    next: Option<Key>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    level: u8,
    slot: u8,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    /// One bit for each slot that is not empty.
    occupied: u64,
    heads: [Option<Key>; SLOTS],
}

impl<W> Timers<W> {
    pub(crate) fn new(origin: Instant) -> Self {
        let empty = Level { occupied: 0, heads: [None; SLOTS] };
        Self { entries: Keyed::default(), levels: [empty; LEVELS], origin, elapsed: 0, chain: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Arms a timer. It never fires before `deadline`, and within a tick after it.
    pub(crate) fn arm(&mut self, deadline: Instant, waiter: W) -> TimerKey {
        let tick = self.tick_at_or_after(deadline).max(self.elapsed);
        let place = self.place_of(tick);
        let vacancy = self.entries.vacancy();
        let next = self.levels[usize::from(place.level)].push(place.slot, vacancy.key());
        let key = vacancy.fill(Entry { waiter, tick, place, previous: None, next });
        self.point_back(next, Some(key));
        TimerKey(key)
    }

    /// The timer's waiter, to be replaced; `None` if it has fired.
    pub(crate) fn waiter_mut(&mut self, key: TimerKey) -> Option<&mut W> {
        self.entries.get_mut(key.0).map(|entry| &mut entry.waiter)
    }

    /// Disarms a timer; `None` if it has fired.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<W> {
        let Entry { waiter, place, previous, next, .. } = self.entries.remove(key.0)?;
        self.point_back(next, previous);
        match previous.and_then(|previous| self.entries.get_mut(previous)) {
            Some(previous) => previous.next = next,
            None => self.levels[usize::from(place.level)].set_head(place.slot, next),
        }
        Some(waiter)
    }

    /// When to call [`expire`](Self::expire) next; `None` if nothing is armed. May be early, never late.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next_slot().map(|(_, tick)| self.origin + Duration::from_millis(tick))
    }

    /// Hands out the waiters of all timers whose deadline is not after `now`, earliest first.
    pub(crate) fn expire(&mut self, now: Instant, fired: &mut Vec<W>) {
        let now = self.tick_at_or_before(now);
        while let Some((place, tick)) = self.next_slot() {
            if tick > now {
                break;
            }
            self.elapsed = self.elapsed.max(tick);
            let level = &mut self.levels[usize::from(place.level)];
            level.occupied &= !(1 << place.slot);
            let mut link = level.heads[usize::from(place.slot)].take();
            let mut chain = std::mem::take(&mut self.chain);
            while let Some((key, entry)) = link.and_then(|key| Some((key, self.entries.get(key)?))) {
                chain.push(key);
                link = entry.next;
            }
            // The newest stands first in the list; the oldest fires first.
            for key in chain.drain(..).rev() {
                let Some(entry) = self.entries.get(key) else { continue };
                if entry.tick <= self.elapsed {
                    fired.extend(self.entries.remove(key).map(|entry| entry.waiter));
                } else {
                    let tick = entry.tick;
                    self.move_to(key, self.place_of(tick));
                }
            }
            self.chain = chain;
        }
        shrink(&mut self.chain);
        self.elapsed = self.elapsed.max(now);
    }

    /// The slot that comes up first, and its tick. Slots of a lower level come up before all of a higher one.
    fn next_slot(&self) -> Option<(Place, u64)> {
        self.levels.iter().enumerate().find(|(_, level)| level.occupied != 0).map(|(index, level)| {
            let shift = SLOT_BITS * index as u32;
            let here = (self.elapsed >> shift) as u32 % SLOTS as u32;
            let ahead = level.occupied.rotate_right(here).trailing_zeros();
            let slot = (here + ahead) % SLOTS as u32;
            let level_start = (self.elapsed >> shift) - u64::from(here);
            let turn = if slot < here { SLOTS as u64 } else { 0 };
            let tick = (level_start + turn + u64::from(slot)) << shift;
            (Place { level: index as u8, slot: slot as u8 }, tick)
        })
    }

    /// The level of the highest digit in which `tick` differs from now: it moves down a level when that comes up.
    fn place_of(&self, tick: u64) -> Place {
        // One slot less than the whole reach: a full turn would come out at the slot that is now.
        let tick = tick.min(self.elapsed + REACH - REACH / SLOTS as u64);
        let differs = (tick ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = ((63 - differs.leading_zeros()) / SLOT_BITS).min(LEVELS as u32 - 1);
        let slot = (tick >> (SLOT_BITS * level)) % SLOTS as u64;
        Place { level: level as u8, slot: slot as u8 }
    }

    /// Puts an entry in front of those of its slot, when that has come closer.
    fn move_to(&mut self, key: Key, place: Place) {
        let next = self.levels[usize::from(place.level)].push(place.slot, key);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.place = place;
            entry.previous = None;
            entry.next = next;
        }
        self.point_back(next, Some(key));
    }

    /// Says to an entry, if there is one, what stands before it.
    fn point_back(&mut self, entry: Option<Key>, previous: Option<Key>) {
        if let Some(entry) = entry.and_then(|key| self.entries.get_mut(key)) {
            entry.previous = previous;
        }
    }

    fn tick_at_or_before(&self, at: Instant) -> u64 {
        ticks(at.saturating_duration_since(self.origin)).0
    }

    fn tick_at_or_after(&self, at: Instant) -> u64 {
        let (whole, rest) = ticks(at.saturating_duration_since(self.origin));
        whole.saturating_add(u64::from(rest > 0))
    }
}

impl Level {
    /// Puts an entry in front of a slot's list; hands out which one stood there.
    fn push(&mut self, slot: u8, key: Key) -> Option<Key> {
        self.occupied |= 1 << slot;
        self.heads[usize::from(slot)].replace(key)
    }

    fn set_head(&mut self, slot: u8, head: Option<Key>) {
        self.heads[usize::from(slot)] = head;
        if head.is_none() {
            self.occupied &= !(1 << slot);
        }
    }
}

/// How many whole ticks that is, and how many nanoseconds are left.
fn ticks(duration: Duration) -> (u64, u32) {
    let whole = duration.as_secs().saturating_mul(1_000).saturating_add(u64::from(duration.subsec_millis()));
    (whole, duration.subsec_nanos() % TICK.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of numbers, so that the test needs no dependency and repeats itself.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *state >> 33
    }

    #[test]
    fn every_timer_fires_once_in_order_at_its_tick_and_cancelled_ones_never() {
        let origin = Instant::now();
        let mut timers = Timers::new(origin);
        let mut state = 7;
        let mut expected = Vec::new();
        for id in 0..5_000_u64 {
            let spread = [50, 5_000, 500_000, 50_000_000][(next(&mut state) % 4) as usize];
            let at = next(&mut state) % spread;
            let key = timers.arm(origin + Duration::from_millis(at), (at, id));
            if next(&mut state).is_multiple_of(3) {
                assert_eq!(timers.cancel(key), Some((at, id)));
                assert_eq!(timers.cancel(key), None);
            } else {
                expected.push((at, id));
            }
        }
        expected.sort_unstable();
        let mut got: Vec<(u64, u64)> = Vec::new();
        while let Some(at) = timers.next() {
            let mut fired = Vec::new();
            timers.expire(at, &mut fired);
            let now = at.duration_since(origin).as_millis() as u64;
            assert!(fired.iter().all(|(tick, _)| *tick == now), "fired at {now}: {fired:?}");
            fired.sort_unstable();
            got.extend(fired);
        }
        assert_eq!(got, expected);
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn a_late_expiry_hands_out_everything_that_is_due_and_nothing_else() {
        let origin = Instant::now();
        let mut timers = Timers::new(origin);
        for at in 0..1_000_u64 {
            timers.arm(origin + Duration::from_millis(at * 10), at * 10);
        }
        let mut fired = Vec::new();
        timers.expire(origin + Duration::from_millis(4_321), &mut fired);
        assert_eq!(fired, (0..=432).map(|at| at * 10).collect::<Vec<_>>());
    }

    #[test]
    fn a_deadline_between_two_ticks_is_rounded_up() {
        let origin = Instant::now();
        let mut timers = Timers::new(origin);
        timers.arm(origin + Duration::from_micros(1_500), ());
        let mut fired = Vec::new();
        timers.expire(origin + Duration::from_micros(1_999), &mut fired);
        assert!(fired.is_empty());
        timers.expire(origin + Duration::from_millis(2), &mut fired);
        assert_eq!(fired.len(), 1);
    }

    #[test]
    fn a_deadline_beyond_the_reach_of_the_wheel_still_fires_at_its_time() {
        let origin = Instant::now();
        let mut timers = Timers::new(origin);
        let far = Duration::from_millis(3 * REACH + 5);
        timers.arm(origin + far, ());
        let mut fired = Vec::new();
        timers.expire(origin + far - TICK, &mut fired);
        assert!(fired.is_empty());
        timers.expire(origin + far, &mut fired);
        assert_eq!(fired.len(), 1);
    }
}
