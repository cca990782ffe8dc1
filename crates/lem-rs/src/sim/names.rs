//! Names in the simulated world.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::faults::Fault;
use super::shared::Shared;
use super::trace::What;
use crate::time::sleep;
use crate::world::Resolve;

/// How long a lookup takes when nothing is the matter.
const LOOKUP: Duration = Duration::from_millis(1);

/// Names are compared without their case and the dot that may end them.
pub(super) fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

pub(super) struct Names(pub(super) Rc<Shared>);

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>> {
        let host: Box<str> = canonical(host).into();
        let shared = self.0.clone();
        let (delay, fails) = {
            let mut state = shared.state.borrow_mut();
            state.log(What::Lookup { host: host.clone() });
            let own = state.names.get(&*host).map_or(Duration::ZERO, |name| name.delay);
            (LOOKUP + own + state.delay(Fault::SlowLookup, None), state.strikes(Fault::LookupFailure, None))
        };
        Box::pin(async move {
            sleep(delay).await;
            let mut state = shared.state.borrow_mut();
            let found = state.names.get(&*host).map(|name| name.addresses.clone()).filter(|_| !fails);
            state.log(What::Found { host, count: found.as_ref().map(Vec::len) });
            found.ok_or_else(|| match fails {
                true => io::Error::other("the name server failed"),
                false => io::Error::new(io::ErrorKind::NotFound, "the name is not known"),
            })
        })
    }
}
