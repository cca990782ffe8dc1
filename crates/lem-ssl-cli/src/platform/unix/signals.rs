//! What signals do to the process itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lem_ssl_rs::signal::Signal;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;

/// What a server has to say about signals that this system lacks.
pub(crate) const SIGNALS_MISSING: Option<&str> = None;

/// Nobody means us to end by these, and by default they would end us without a word. A file that has become too large
/// (`ulimit -f`) is also an error of the write, which says which file.
const HARMLESS: [i32; 3] = [SIGUSR1, SIGUSR2, SIGXFSZ];

/// From now on what nobody means us to end by does not.
pub(crate) fn ignore_harmless() -> io::Result<()> {
    HARMLESS.into_iter().try_for_each(|number| flag::register(number, Arc::default()).map(drop))
}

/// This signal ends the process on the spot, with this code, whenever the flag is set.
pub(crate) fn end_on(signal: Signal, flag: Arc<AtomicBool>, code: u8) -> io::Result<()> {
    let number = if signal == Signal::Interrupt { SIGINT } else { SIGTERM };
    flag::register_conditional_shutdown(number, i32::from(code), flag).map(drop)
}
