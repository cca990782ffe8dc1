//! What the tests of tickets share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use super::keys::{PERIOD, Suite};
use super::secret::FleetSecret;
use super::ticketer::{Source, Ticketer};
use crate::provider::default_provider;

mod fleet;
mod forgery;
mod memory;
mod process;
#[cfg(feature = "self-signed")]
mod resumption;
mod secret;

const SECRET: [u8; 32] = *b"this is a secret that is no more";
const POLICY: &[u8] = b"clients need no certificate";

/// In the middle of a period, so that a few seconds more or less change nothing.
const NOON: u64 = 80_000 * PERIOD + PERIOD / 2;

/// A clock that a test moves.
#[derive(Debug)]
struct Clock(AtomicU64);

impl Clock {
    fn at(seconds: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seconds)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
    }
}

/// One machine's ticketer, and the clock on its wall.
struct Machine {
    clock: Arc<Clock>,
    tickets: Arc<Ticketer>,
}

impl Machine {
    fn new(source: Source, provider: &CryptoProvider, policy: &[u8]) -> Self {
        let clock = Clock::at(NOON);
        let suite = Suite::of(provider).unwrap();
        let tickets = Ticketer::new(source, suite, provider.secure_random, policy, clock.clone()).unwrap();
        Self { clock, tickets: Arc::new(tickets) }
    }

    /// Of the fleet that has `SECRET`.
    fn of_fleet() -> Self {
        Self::new(shared(SECRET), &default_provider().unwrap(), POLICY)
    }

    /// With random keys.
    fn alone() -> Self {
        Self::new(Source::Random, &default_provider().unwrap(), POLICY)
    }

    /// Moves the clock to so many periods from `NOON`.
    fn at_period(&self, number: i64) -> &Self {
        self.clock.set(NOON.checked_add_signed(number * i64::try_from(PERIOD).unwrap()).unwrap());
        self
    }

    fn issue(&self, plain: &[u8]) -> Vec<u8> {
        self.tickets.encrypt(plain).expect("no ticket")
    }

    #[track_caller]
    fn assert_opens(&self, ticket: &[u8], plain: &[u8]) {
        assert_eq!(self.tickets.decrypt(ticket).as_deref(), Some(plain));
    }

    #[track_caller]
    fn assert_refuses(&self, ticket: &[u8]) {
        assert_eq!(self.tickets.decrypt(ticket), None);
    }
}

fn shared(secret: impl AsRef<[u8]>) -> Source {
    Source::Shared(FleetSecret::new(secret).unwrap())
}
