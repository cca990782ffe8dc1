//! Telling the service manager how we are (systemd, `Type=notify`): ready, reloading, stopping, alive.

use std::env;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{sleep, spawn};

use crate::log::Log;
use crate::platform::NotifySocket;

/// Tells the service manager, if there is one that wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    manager: Option<Rc<Manager>>,
}

#[derive(Debug)]
struct Manager {
    socket: NotifySocket,
    /// It takes us for dead if it hears nothing for so long.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub(crate) fn from_env(log: &Log) -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Self { manager: None } };
        let variable = |name: &str| env::var(name).ok();
        let watchdog = watchdog(variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"), std::process::id());
        match NotifySocket::open(&name) {
            Ok(socket) => Self { manager: Some(Rc::new(Manager { socket, watchdog })) },
            Err(error) => {
                log.warn(format!("the service manager cannot be told how we are (NOTIFY_SOCKET): {error}"));
                Self { manager: None }
            }
        }
    }

    /// Whether the environment names an abstract socket, which has no place in the file system.
    pub(crate) fn is_abstract() -> bool {
        env::var_os("NOTIFY_SOCKET").is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"))
    }

    /// We serve. From now on it is also told that we live, if it wants to know.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
        let Some(manager) = self.manager.clone() else { return };
        let Some(watchdog) = manager.watchdog else { return };
        spawn(async move {
            loop {
                // The loop turns: that is what is asked.
                let _ = manager.socket.send("WATCHDOG=1");
                sleep(watchdog / 2).await;
            }
        })
        .detach();
    }

    /// Files are being read again.
    pub(crate) fn reloading(&self) {
        self.send("RELOADING=1");
    }

    /// They were.
    pub(crate) fn reloaded(&self) {
        self.send("READY=1");
    }

    /// We end, and let connections finish.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, text: &str) {
        if let Some(manager) = &self.manager {
            // It may be gone; we are not.
            let _ = manager.socket.send(text);
        }
    }
}

/// How long the manager waits, if it is us that it waits for.
fn watchdog(micros: Option<String>, process: Option<String>, own: u32) -> Option<Duration> {
    let is_ours = process.is_none_or(|process| process.parse() == Ok(own));
    let micros = micros?.parse().ok().filter(|&micros| micros > 0)?;
    is_ours.then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_of_another_process_is_not_ours() {
        let asked = |micros: &str, process: Option<&str>| watchdog(Some(micros.into()), process.map(str::to_owned), 7);
        assert_eq!(asked("2000000", None), Some(Duration::from_secs(2)));
        assert_eq!(asked("2000000", Some("7")), Some(Duration::from_secs(2)));
        assert_eq!(asked("2000000", Some("8")), None);
        assert_eq!(asked("0", None), None);
        assert_eq!(asked("soon", None), None);
        assert_eq!(watchdog(None, Some("7".into()), 7), None);
    }
}
