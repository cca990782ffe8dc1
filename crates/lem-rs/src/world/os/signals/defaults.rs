//! What the signals that end a process do while nobody receives them: they end it, as before anybody did, or are ignored, if
//! they were.

use std::collections::BTreeMap;
use std::fs;
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
    /// Whether the process ignored it before: the program that started it did not want it to end by this signal.
    was_ignored: bool,
    /// Whether the handler takes the default action: exactly while there are no receivers, and it was not ignored.
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
    // Before there is a handler.
    let was_ignored = is_ignored(signal);
    register_conditional_default(signal, takes_default.clone())?;
    heard.insert(signal, Heard { receivers: 1, was_ignored, takes_default });
    Ok(())
}

/// Whether the process ignores this signal. Linux tells it in a file; elsewhere only unsafe code is told, and the answer is no.
fn is_ignored(signal: i32) -> bool {
    let status = if cfg!(any(target_os = "linux", target_os = "android")) {
        fs::read_to_string("/proc/self/status").unwrap_or_default()
    } else {
        String::new()
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    u32::try_from(signal - 1).ok().and_then(|bit| mask.checked_shr(bit)).is_some_and(|rest| rest & 1 == 1)
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
        for signal in &self.0 {
            if let Some(heard) = heard.get_mut(signal) {
                heard.receivers -= 1;
                let takes_default = heard.receivers == 0 && !heard.was_ignored;
                heard.takes_default.store(takes_default, Ordering::SeqCst);
            }
        }
    }
}
