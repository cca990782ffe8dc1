//! How long names take to resolve.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Resolve, now, unblock};

/// Asks the operating system for addresses, as the machine itself does, and remembers how long it took.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    taken: Rc<RefCell<HashMap<String, Duration>>>,
}

impl Clock {
    /// How long this name took, the last time.
    pub(super) fn taken_by(&self, host: &str) -> Option<Duration> {
        self.taken.borrow().get(host).copied()
    }
}

impl Resolve for Clock {
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>> {
        let (taken, host) = (self.taken.clone(), host.to_owned());
        Box::pin(async move {
            let began = now();
            let asked = host.clone();
            let lookup = move || (asked.as_str(), 0).to_socket_addrs().map(|found| found.map(|at| at.ip()).collect());
            let found = unblock(lookup).await.map_err(io::Error::other)?;
            taken.borrow_mut().insert(host, now().saturating_duration_since(began));
            found
        })
    }
}
