//! Programs of others that listen.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::WATCHDOG;

/// A process that serves on a port. Dropping it kills it.
pub(crate) struct Service {
    child: Child,
}

impl Service {
    /// Starts it, in the foreground, and waits until somebody listens on its port. `None` if it has ended before.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, port: u16) -> Option<Self> {
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut service = Self { child: child.unwrap_or_else(|_| panic!("the interop tests need {program:?}")) };
        let end = Instant::now() + WATCHDOG;
        while service.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(service);
            }
            assert!(Instant::now() < end, "{program:?} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port where nobody listens now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
