//! What signals do to the process itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lem_ssl_rs::signal::Signal;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

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
    flag::register_conditional_shutdown(number(signal), i32::from(code), flag).map(drop)
}

/// Sets the flag so long after the first of these signals has come, on a thread that has nothing else to do: a
/// machine that is held up does not hold up this.
pub(crate) fn set_after_the_first(signals: &[Signal], pause: Duration, flag: Arc<AtomicBool>) -> io::Result<()> {
    let mut received = Signals::new(signals.iter().copied().map(number))?;
    let wait = move || {
        if received.forever().next().is_some() {
            thread::sleep(pause);
            flag.store(true, Ordering::Relaxed);
        }
    };
    thread::Builder::new().name("lem-ssl-signals".to_owned()).spawn(wait).map(drop)
}

fn number(signal: Signal) -> i32 {
    if signal == Signal::Interrupt { SIGINT } else { SIGTERM }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::low_level::raise;
    use std::time::Instant;

    #[test]
    fn after_the_first_signal_the_next_one_ends_the_process_even_if_nobody_waits_for_signals() {
        let flag = Arc::new(AtomicBool::new(false));
        set_after_the_first(&[Signal::Interrupt], Duration::from_millis(50), flag.clone()).unwrap();
        let begun = Instant::now();
        raise(SIGINT).unwrap();
        while !flag.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        // Two at once are one.
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }
}
