//! Session tickets: how clients that come back skip the certificates.
//!
//! A ticket (RFC 5077 section 4, RFC 8446 section 4.6.1) is the server's own state of a session, sealed with a key that
//! only servers have, and kept by the client. A ticket that cannot be opened costs a full handshake, never an error. A
//! client of TLS 1.2 that knows no tickets gets an identifier instead (RFC 5246 section 7.4.1.3), and the server remembers
//! its session.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use crate::error::{ConfigError, ConfigPart};

mod keys;
mod memory;
mod secret;
#[cfg(test)]
mod tests;
mod ticketer;

use keys::Suite;
pub(crate) use memory::SessionMemory;
pub use secret::FleetSecret;
use ticketer::{Source, Ticketer};

/// Which machines can resume a session that a server has begun.
///
/// A ticket is good for at least 6 and at most 12 hours; its keys change every 6 hours. Tickets are bound to what the
/// server trusts and offers: after a change of that, clients do a full handshake; after a change of the server's own
/// certificate alone they do not have to.
///
/// A client of TLS 1.2 that knows no tickets resumes as well: the context remembers its session for 6 hours, the newest 4,096
/// sessions and at most 4 MiB of them, under the same conditions. It comes back to the servers of that context only, not to
/// others of a fleet.
///
/// A session of more than 16,320 bytes is not resumed: large client certificates, which are inside, can make it that long.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Tickets {
    /// Only this server: the keys are random and never leave its memory.
    #[default]
    PerProcess,
    /// Every server that has the same secret, even after a restart. Their clocks have to agree within 6 hours.
    Fleet(FleetSecret),
    /// None: no session is resumed.
    Off,
}

/// Shows which kind; never a secret.
impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PerProcess => "PerProcess",
            Self::Fleet(_) => "Fleet(..)",
            Self::Off => "Off",
        })
    }
}

/// What rustls asks for tickets; `None` means that it has to do without.
///
/// `policy` is what a resumed session relies on without checking it again: whether clients must authenticate, whom we
/// trust, the protocols. Tickets that were issued under another policy do not open. Two calls for
/// [`Tickets::PerProcess`] share no keys: keep the ticketer as long as the policy stays the same.
///
/// # Errors
/// For a fleet, if the cryptography has nothing to seal tickets with. `PerProcess` is what nobody may have asked for:
/// there it is `None` instead.
pub(crate) fn ticketer(
    tickets: &Tickets,
    provider: &CryptoProvider,
    policy: &[u8],
) -> Result<Option<Arc<dyn ProducesTickets>>, ConfigError> {
    let source = match tickets {
        Tickets::PerProcess => Source::Random,
        Tickets::Fleet(secret) => Source::Shared(secret.clone()),
        Tickets::Off => return Ok(None),
    };
    let Some(suite) = Suite::of(provider) else {
        return match source {
            Source::Random => Ok(None),
            Source::Shared(_) => {
                let problem = "session tickets for a fleet need a TLS 1.3 cipher suite with a key of 256 bits, and the \
                               cryptography has none";
                Err(ConfigError::new(ConfigPart::Tickets, problem))
            }
        };
    };
    let ticketer = Ticketer::new(source, suite, provider.secure_random, policy, Arc::new(SystemClock))?;
    Ok(Some(Arc::new(ticketer)))
}

/// The system's clock. That of rustls panics when the time is before 1970; here it is no time at all.
#[derive(Debug)]
struct SystemClock;

impl TimeProvider for SystemClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since: Duration = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}
