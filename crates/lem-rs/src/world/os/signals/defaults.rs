//! What the signals that end a process do while nobody receives them: they end it, as before anybody did.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;

/// Those that somebody sends to end a process. The default action of others (SIGHUP, SIGUSR1) would end it as well, but
/// who sends them asks for something else.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGQUIT];

/// A handler belongs to the process, so what is known of it does, too.
static HEARD: Mutex<BTreeMap<i32, Heard>> = Mutex::new(BTreeMap::new());

struct Heard {
    receivers: usize,
    /// Whether the handler takes the default action: exactly while there are no receivers.
    takes_default: Arc<AtomicBool>,
}

/// Somebody receives these: until it is dropped they end nothing.
pub(super) struct Hearing(Vec<i32>);

impl Hearing {
    pub(super) fn new(signals: &[i32]) -> io::Result<Self> {
        let mut hearing = Self(Vec::new());
        for signal in ENDING.into_iter().filter(|signal| signals.contains(signal)) {
            hear(signal)?;
            hearing.0.push(signal);
        }
        Ok(hearing)
    }
}

fn hear(signal: i32) -> io::Result<()> {
    let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(heard) = heard.get_mut(&signal) {
        heard.receivers += 1;
        heard.takes_default.store(false, Ordering::SeqCst);
        return Ok(());
    }
    let takes_default = Arc::new(AtomicBool::new(false));
    register_conditional_default(signal, takes_default.clone())?;
    heard.insert(signal, Heard { receivers: 1, takes_default });
    Ok(())
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
        for signal in &self.0 {
            if let Some(heard) = heard.get_mut(signal) {
                heard.receivers -= 1;
                heard.takes_default.store(heard.receivers == 0, Ordering::SeqCst);
            }
        }
    }
}
