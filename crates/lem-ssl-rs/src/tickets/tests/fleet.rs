//! One secret, several machines.

use rustls::server::ProducesTickets;

use super::{Machine, NOON, PERIOD, POLICY, SECRET, Suite, shared};
use crate::provider::default_provider;
use crate::tickets::keys::PeriodKeys;
use crate::tickets::{FleetSecret, Tickets, ticketer};
use crate::{ConfigPart, Error, TlsError};

#[test]
fn machines_with_one_secret_open_each_others_tickets() {
    let (one, two) = (Machine::of_fleet(), Machine::of_fleet());
    two.assert_opens(&one.issue(b"from one"), b"from one");
    one.assert_opens(&two.issue(b"from two"), b"from two");
}

#[test]
fn a_ticket_opens_in_its_own_period_and_those_beside_it() {
    let (one, two) = (Machine::of_fleet(), Machine::of_fleet());
    let ticket = one.issue(b"session");
    for period in [-1, 0, 1] {
        two.at_period(period).assert_opens(&ticket, b"session");
    }
    for period in [-3, -2, 2, 3, 1000] {
        two.at_period(period).assert_refuses(&ticket);
    }
    two.at_period(0).assert_opens(&ticket, b"session");
}

#[test]
fn the_seconds_at_which_a_ticket_begins_and_ends_to_open_are_those_of_its_periods() {
    let (one, two) = (Machine::of_fleet(), Machine::of_fleet());
    let ticket = one.issue(b"session");
    let start = NOON - NOON % PERIOD;
    two.clock.set(start - PERIOD);
    two.assert_opens(&ticket, b"session");
    two.clock.set(start - PERIOD - 1);
    two.assert_refuses(&ticket);
    two.clock.set(start + 2 * PERIOD - 1);
    two.assert_opens(&ticket, b"session");
    two.clock.set(start + 2 * PERIOD);
    two.assert_refuses(&ticket);
}

#[test]
fn a_client_is_told_how_long_its_ticket_will_open() {
    let (one, two) = (Machine::of_fleet(), Machine::of_fleet());
    for second in [0, 1, PERIOD / 2, PERIOD - 1] {
        let now = NOON - NOON % PERIOD + second;
        one.clock.set(now);
        let (ticket, lifetime) = (one.issue(b"session"), u64::from(one.tickets.lifetime()));
        assert!((PERIOD..=2 * PERIOD).contains(&lifetime), "{lifetime}");
        two.clock.set(now + lifetime - 1);
        two.assert_opens(&ticket, b"session");
        two.clock.set(now + lifetime);
        two.assert_refuses(&ticket);
    }
}

#[test]
fn another_secret_or_another_policy_opens_nothing() {
    let provider = default_provider().unwrap();
    let ticket = Machine::of_fleet().issue(b"session");
    let mut other = SECRET;
    other[31] ^= 1;
    Machine::new(shared(other), &provider, POLICY).assert_refuses(&ticket);
    Machine::new(shared([&SECRET[..], b"\0"].concat()), &provider, POLICY).assert_refuses(&ticket);
    Machine::new(shared(SECRET), &provider, b"clients need a certificate").assert_refuses(&ticket);
    Machine::new(shared(SECRET), &provider, b"").assert_refuses(&ticket);
    Machine::new(shared(SECRET), &provider, POLICY).assert_opens(&ticket, b"session");
}

#[test]
fn the_first_and_the_last_second_of_time_are_times_like_others() {
    let machine = Machine::of_fleet();
    for second in [0, PERIOD, u64::MAX - PERIOD, u64::MAX] {
        machine.clock.set(second);
        machine.assert_opens(&machine.issue(b"session"), b"session");
    }
}

/// Servers of different releases have to derive the same. The numbers come from another implementation of HKDF.
#[test]
fn the_derivation_does_not_change() {
    let suite = Suite::of(&default_provider().unwrap()).unwrap();
    let keys = PeriodKeys::derive(suite, &SECRET, 80_000, &suite.digest(POLICY)).unwrap();
    assert!(keys.sealed(&NAME_OF_PERIOD_80000));
    // Sealed by another implementation of AES-256-GCM, under an IV of 0, 1, 2, ... 11.
    assert_eq!(keys.open(&[&NAME_OF_PERIOD_80000[..], &TICKET_OF_PERIOD_80000].concat()).unwrap(), b"session");
}

const NAME_OF_PERIOD_80000: [u8; 16] =
    [0xe1, 0xe4, 0x4a, 0x7a, 0xd3, 0xb7, 0xd0, 0x7b, 0x95, 0x6f, 0x44, 0xef, 0xc4, 0xf5, 0x5a, 0x7a];
const TICKET_OF_PERIOD_80000: [u8; 36] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x9a, 0xe9, 0xb4, 0x82, 0xb3, 0x4d, 0xe5,
    0xd6, 0x1f, 0x0a, 0xd4, 0x57, 0x03, 0xfe, 0x97, 0xbb, 0x12, 0x51, 0xe8, 0x9a, 0x54, 0x87, 0x0c, 0xd5,
];

#[cfg(all(feature = "graviola", feature = "ring"))]
#[test]
fn machines_with_different_cryptography_open_each_others_tickets() {
    let one = Machine::new(shared(SECRET), &rustls_graviola::default_provider(), POLICY);
    let two = Machine::new(shared(SECRET), &rustls::crypto::ring::default_provider(), POLICY);
    two.assert_opens(&one.issue(b"session"), b"session");
    one.assert_opens(&two.issue(b"session"), b"session");
}

#[test]
fn threads_that_cross_a_period_together_agree() {
    let machine = Machine::of_fleet();
    for period in 0..20 {
        machine.at_period(period * 5);
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
fn cryptography_without_a_long_key_serves_no_fleet_and_is_passed_over_otherwise() {
    let mut provider = default_provider().unwrap().as_ref().clone();
    provider.cipher_suites.retain(|suite| suite.tls13().is_none_or(|suite| suite.aead_alg.key_len() < 32));
    assert!(provider.cipher_suites.iter().any(|suite| suite.tls13().is_some()), "a shorter key is there");
    let secret = FleetSecret::new(SECRET).unwrap();
    let error = ticketer(&Tickets::Fleet(secret), &provider, POLICY).unwrap_err();
    assert_eq!(error.part(), ConfigPart::Tickets);
    let shown = Error::from(error).to_string();
    assert!(shown.contains("256 bits"), "{shown}");
    assert!(ticketer(&Tickets::PerProcess, &provider, POLICY).unwrap().is_none());
}

#[test]
fn other_long_keys_do_as_well() {
    let mut provider = default_provider().unwrap().as_ref().clone();
    provider.cipher_suites.retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let (one, two) = (Machine::new(shared(SECRET), &provider, POLICY), Machine::new(shared(SECRET), &provider, POLICY));
    let ticket = one.issue(b"session");
    two.assert_opens(&ticket, b"session");
    Machine::of_fleet().assert_refuses(&ticket);
}

#[test]
fn what_is_off_makes_nothing_and_what_is_on_works_by_the_system_clock() {
    let provider = default_provider().unwrap();
    assert!(ticketer(&Tickets::Off, &provider, POLICY).unwrap().is_none());
    let fleet = Tickets::Fleet(FleetSecret::new(SECRET).unwrap());
    for tickets in [Tickets::default(), fleet] {
        let ticketer = ticketer(&tickets, &provider, POLICY).unwrap().unwrap();
        assert!(ticketer.enabled());
        let ticket = ticketer.encrypt(b"session").unwrap();
        assert_eq!(ticketer.decrypt(&ticket).unwrap(), b"session");
    }
}

#[test]
fn the_error_of_a_secret_names_its_part() {
    let error = FleetSecret::new([0; 31]).unwrap_err();
    let part = TlsError::of(&error).and_then(|error| match error {
        TlsError::Config(config) => Some(config.part()),
        _ => None,
    });
    assert_eq!(part, Some(ConfigPart::Tickets));
}
