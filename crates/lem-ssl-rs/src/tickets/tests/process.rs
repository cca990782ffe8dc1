//! Random keys of one server.

use std::sync::Arc;

use rustls::crypto::{GetRandomFailed, SecureRandom};
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use super::{Clock, Machine, NOON, POLICY, Source, Suite, Ticketer, shared};
use crate::ConfigPart;
use crate::provider::default_provider;

#[test]
fn keys_rotate_and_the_previous_ones_still_open() {
    let machine = Machine::alone();
    let first = machine.issue(b"first");
    let second = machine.at_period(1).issue(b"second");
    assert_ne!(first[..16], second[..16], "another period, another key");
    machine.assert_opens(&first, b"first");
    machine.assert_opens(&second, b"second");
    machine.at_period(2).assert_refuses(&first);
    machine.assert_opens(&second, b"second");
    machine.at_period(3).assert_refuses(&second);
}

#[test]
fn keys_that_are_gone_do_not_come_back() {
    let machine = Machine::alone();
    let ticket = machine.issue(b"session");
    machine.at_period(2).assert_refuses(&ticket);
    machine.at_period(0).assert_refuses(&ticket);
}

#[test]
fn a_server_that_slept_for_long_opens_nothing_old() {
    let machine = Machine::alone();
    let ticket = machine.issue(b"session");
    machine.at_period(50).assert_refuses(&ticket);
    machine.assert_opens(&machine.issue(b"new"), b"new");
}

#[test]
fn a_clock_that_is_set_back_a_little_loses_no_ticket() {
    let machine = Machine::alone();
    let before = machine.issue(b"before");
    let after = machine.at_period(1).issue(b"after");
    machine.at_period(0).assert_opens(&before, b"before");
    machine.assert_opens(&after, b"after");
    assert_eq!(machine.issue(b"again")[..16], before[..16], "the period has its key already");
    machine.at_period(1).assert_opens(&after, b"after");
    machine.assert_opens(&before, b"before");
}

#[test]
fn two_servers_have_nothing_in_common() {
    let (one, two) = (Machine::alone(), Machine::alone());
    let ticket = one.issue(b"session");
    two.assert_refuses(&ticket);
    assert_ne!(two.issue(b"session")[..16], ticket[..16]);
}

#[test]
fn another_policy_opens_nothing_even_with_the_same_keys() {
    let mut provider = default_provider().unwrap().as_ref().clone();
    provider.secure_random = &Sevens;
    let one = Machine::new(Source::Random, &provider, POLICY);
    let ticket = one.issue(b"session");
    Machine::new(Source::Random, &provider, POLICY).assert_opens(&ticket, b"session");
    Machine::new(Source::Random, &provider, b"clients need a certificate").assert_refuses(&ticket);
}

#[test]
fn threads_that_cross_a_period_together_agree_on_random_keys() {
    let machine = Machine::alone();
    for period in 0..50 {
        machine.at_period(period);
        let tickets: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| machine.issue(b"session"))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for ticket in &tickets {
            machine.assert_opens(ticket, b"session");
        }
    }
}

#[test]
fn without_random_numbers_or_time_there_is_an_error_and_later_no_ticket() {
    let provider = default_provider().unwrap();
    let suite = Suite::of(&provider).unwrap();
    let clock = Clock::at(NOON);
    let error = Ticketer::new(Source::Random, suite, &Nothing, POLICY, clock.clone()).unwrap_err();
    assert_eq!(error.part(), ConfigPart::Tickets);
    let error = Ticketer::new(Source::Random, suite, provider.secure_random, POLICY, Arc::new(NoTime)).unwrap_err();
    assert_eq!(error.part(), ConfigPart::Tickets);
    // A fleet's keys need no random numbers, but its IVs do.
    let fleet = Ticketer::new(shared(super::SECRET), suite, &Nothing, POLICY, clock).unwrap();
    assert_eq!(fleet.encrypt(b"session"), None);
    assert_eq!(fleet.decrypt(&Machine::of_fleet().issue(b"session")).unwrap(), b"session");
}

#[test]
fn nothing_secret_is_shown() {
    let machine = Machine::alone();
    assert_eq!(format!("{:?}", machine.tickets), r#"Ticketer { kind: "PerProcess", .. }"#);
    assert_eq!(format!("{:?}", Machine::of_fleet().tickets), r#"Ticketer { kind: "Fleet", .. }"#);
}

/// Always the same numbers.
#[derive(Debug)]
struct Sevens;

impl SecureRandom for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        bytes.fill(7);
        Ok(())
    }
}

/// No numbers.
#[derive(Debug)]
struct Nothing;

impl SecureRandom for Nothing {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        Err(GetRandomFailed)
    }
}

/// A clock that has stopped being one.
#[derive(Debug)]
struct NoTime;

impl TimeProvider for NoTime {
    fn current_time(&self) -> Option<UnixTime> {
        None
    }
}
