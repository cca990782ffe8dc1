//! What signals do to the process itself: here there is Ctrl-C alone, which the library receives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use lem_ssl_rs::signal::Signal;

/// What a server has to say about signals that this system lacks.
pub(crate) const SIGNALS_MISSING: Option<&str> =
    Some("this system has no SIGHUP: for other certificates, stop with Ctrl-C and start again");

/// There is nothing of that kind.
pub(crate) fn ignore_harmless() -> io::Result<()> {
    Ok(())
}

/// A second Ctrl-C ends nothing on the spot here: the deadlines do.
pub(crate) fn end_on(_: Signal, _: Arc<AtomicBool>, _: u8) -> io::Result<()> {
    Ok(())
}

/// As [`end_on`].
pub(crate) fn set_after_the_first(_: &[Signal], _: Duration, _: Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}
