//! Issues and opens tickets, with the keys of the time.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{SecureRandom, SharedSecret};
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use super::keys::{KEY, PERIOD, PeriodKeys, Suite};
use super::secret::FleetSecret;
use crate::error::{ConfigError, ConfigPart};

/// Where the keys of a period come from.
pub(super) enum Source {
    /// From the random number generator, once, when the period has come.
    Random,
    /// From the secret, on every machine that has it, for any period.
    Shared(FleetSecret),
}

/// Issues and opens tickets. Shared by threads.
///
/// Old keys are erased when the first ticket of a new period is issued or opened, not before.
pub(super) struct Ticketer {
    source: Source,
    suite: Suite,
    random: &'static dyn SecureRandom,
    /// The policy's digest.
    policy: Vec<u8>,
    clock: Arc<dyn TimeProvider>,
    /// Locked only to copy or replace the pointer: no cryptography happens meanwhile, so nothing can poison it.
    window: RwLock<Arc<Window>>,
}

impl Ticketer {
    /// # Errors
    /// If there are no random numbers or no time.
    pub(super) fn new(
        source: Source,
        suite: Suite,
        random: &'static dyn SecureRandom,
        policy: &[u8],
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, ConfigError> {
        let ticketer = Self { source, suite, random, policy: suite.digest(policy), clock, window: RwLock::default() };
        match ticketer.window() {
            Some(_) => Ok(ticketer),
            None => {
                let problem = "cannot make keys for session tickets: no random numbers, or the clock is before 1970";
                Err(ConfigError::new(ConfigPart::Tickets, problem))
            }
        }
    }

    fn now(&self) -> Option<u64> {
        Some(self.clock.current_time()?.as_secs())
    }

    /// The keys of this moment.
    fn window(&self) -> Option<Arc<Window>> {
        let period = self.now()? / PERIOD;
        let known = self.window.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.period == Some(period) {
            return Some(known);
        }
        let moved = Arc::new(self.moved(&known, period)?);
        let mut window = self.window.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been here: then its keys count, since tickets may be sealed with them already.
        if window.period != Some(period) {
            *window = moved;
        }
        Some(window.clone())
    }

    /// The keys around the given period: those that are there already, and what has to be made.
    ///
    /// Clocks may be set back, so random keys of a period that seems yet to come are kept as well; of a period that is
    /// over they cannot be made any more.
    fn moved(&self, known: &Window, period: u64) -> Option<Window> {
        let mut keys = Vec::with_capacity(AROUND);
        for number in period.saturating_sub(1)..=period.saturating_add(1) {
            let kept = known.keys.iter().find(|(known, _)| *known == number).map(|(_, keys)| keys.clone());
            match (kept, &self.source) {
                (Some(kept), _) => keys.push((number, kept)),
                (None, Source::Shared(secret)) => keys.push((number, self.derive(secret.bytes(), number)?)),
                (None, Source::Random) if number == period => {
                    let mut secret = vec![0; KEY];
                    self.random.fill(&mut secret).ok()?;
                    // rustls' type overwrites the bytes when it is dropped.
                    let secret = SharedSecret::from(secret);
                    keys.push((number, self.derive(secret.secret_bytes(), number)?));
                }
                (None, Source::Random) => {}
            }
        }
        debug_assert!(keys.len() <= AROUND);
        Some(Window { period: Some(period), keys })
    }

    fn derive(&self, secret: &[u8], period: u64) -> Option<Arc<PeriodKeys>> {
        PeriodKeys::derive(self.suite, secret, period, &self.policy).map(Arc::new)
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    /// Until the end of the next period: then the keys of a ticket that is issued now are gone.
    fn lifetime(&self) -> u32 {
        let left = self.now().map_or(0, |now| 2 * PERIOD - now % PERIOD);
        u32::try_from(left).unwrap_or(0)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let window = self.window()?;
        let (_, keys) = window.keys.iter().find(|(number, _)| Some(*number) == window.period)?;
        keys.seal(self.random, plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let window = self.window()?;
        let (_, keys) = window.keys.iter().find(|(_, keys)| keys.sealed(ticket))?;
        keys.open(ticket)
    }
}

/// Shows the kind; never a key.
impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.source {
            Source::Random => "PerProcess",
            Source::Shared(_) => "Fleet",
        };
        f.debug_struct("Ticketer").field("kind", &kind).finish_non_exhaustive()
    }
}

/// The keys that tickets may be sealed with: of the current period and those beside it.
#[derive(Default)]
struct Window {
    /// The current period; new tickets are sealed with its keys. `None` before the first one.
    period: Option<u64>,
    /// With the numbers of their periods; at most `AROUND`.
    keys: Vec<(u64, Arc<PeriodKeys>)>,
}

/// The previous period, because tickets have to live for a while; the current one; the next one, because another
/// machine's clock may be there already.
const AROUND: usize = 3;
