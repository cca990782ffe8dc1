//! What the server itself remembers, and what it forgets.

use rustls::server::StoresServerSessions;

use super::{Clock, NOON};
use crate::tickets::memory::{MAX_AGE, MAX_BYTES, MAX_SESSIONS, SessionMemory};

fn id(number: usize) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

#[test]
fn a_session_is_there_until_it_is_taken() {
    let memory = SessionMemory::with_clock(Clock::at(NOON));
    assert!(memory.can_cache());
    assert!(memory.put(id(1), b"one".into()));
    for _ in 0..2 {
        assert_eq!(memory.get(&id(1)).as_deref(), Some(&b"one"[..]));
    }
    assert_eq!(memory.take(&id(1)).as_deref(), Some(&b"one"[..]));
    assert_eq!((memory.take(&id(1)), memory.get(&id(1)), memory.get(&id(2))), (None, None, None));
    memory.put(id(1), b"two".into());
    memory.put(id(1), b"three".into());
    assert_eq!(memory.get(&id(1)).as_deref(), Some(&b"three"[..]));
}

#[test]
fn a_session_is_forgotten_when_it_is_old_and_when_the_clock_was_before_it() {
    let clock = Clock::at(NOON);
    let memory = SessionMemory::with_clock(clock.clone());
    memory.put(id(1), b"one".into());
    for (now, expected) in [(NOON + MAX_AGE - 1, true), (NOON + MAX_AGE, false), (NOON - 1, false), (NOON, true)] {
        clock.set(now);
        assert_eq!(memory.get(&id(1)).is_some(), expected, "{now}");
    }
    // Its secrets do not wait until there is no room.
    clock.set(NOON + MAX_AGE);
    memory.put(id(2), b"two".into());
    clock.set(NOON);
    assert_eq!(memory.get(&id(1)), None);
}

#[test]
fn no_more_than_so_many_are_remembered_and_the_oldest_go_first() {
    let memory = SessionMemory::with_clock(Clock::at(NOON));
    for number in 0..3 * MAX_SESSIONS {
        memory.put(id(number), b"session".into());
        // One that is taken at once leaves no trace.
        memory.put(id(usize::MAX - number), b"session".into());
        memory.take(&id(usize::MAX - number));
    }
    let there = (0..3 * MAX_SESSIONS).filter(|number| memory.get(&id(*number)).is_some()).count();
    assert!((MAX_SESSIONS / 2..=MAX_SESSIONS).contains(&there), "{there}");
    assert!(memory.get(&id(0)).is_none() && memory.get(&id(3 * MAX_SESSIONS - 1)).is_some());
}

#[test]
fn large_sessions_are_remembered_within_so_many_bytes_and_the_largest_not_at_all() {
    let memory = SessionMemory::with_clock(Clock::at(NOON));
    assert!(!memory.put(id(0), vec![1; 16_400]));
    const SIZE: usize = 16_000;
    for number in 1..=1000 {
        assert!(memory.put(id(number), vec![1; SIZE]));
    }
    let there = (1..=1000).filter(|number| memory.get(&id(*number)).is_some()).count();
    assert_eq!(there, MAX_BYTES / (SIZE + id(0).len()));
    assert!(memory.get(&id(1000)).is_some());
}

#[test]
fn a_session_that_is_put_again_is_as_young_as_the_last_time() {
    let memory = SessionMemory::with_clock(Clock::at(NOON));
    for number in 0..MAX_SESSIONS - 1 {
        memory.put(id(number), b"session".into());
    }
    memory.put(id(0), b"again".into());
    // So many fit: the oldest goes, and that is not the one that was put first.
    memory.put(id(MAX_SESSIONS), b"session".into());
    assert_eq!(memory.get(&id(0)).as_deref(), Some(&b"again"[..]));
}

#[test]
fn nothing_secret_is_shown() {
    let memory = SessionMemory::with_clock(Clock::at(NOON));
    memory.put(id(1), b"a secret".into());
    assert_eq!(format!("{memory:?}"), "SessionMemory { sessions: 1, .. }");
}
