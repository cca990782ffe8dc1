//! What is measured, written once for all contenders.

pub(crate) mod connect;
pub(crate) mod duplex;
pub(crate) mod echo;
mod fetch;
mod http;
mod lines;
mod receive;
mod send;
mod spawn;
mod timers;

use crate::contender::Contender;
use crate::order::{Order, Work};
use crate::outcome::Outcome;
use crate::pki::Pki;

pub(crate) use http::{alpn, run as run_http};

/// Runs the side under test.
pub(crate) fn run<C: Contender>(order: &Order) -> Outcome<()> {
    let pki = || Pki::open(&order.pki);
    match order.work {
        Work::Receive => receive::run::<C>(order, &pki()?),
        Work::Send => send::run::<C>(order, &pki()?),
        Work::Duplex => duplex::run::<C>(order, &pki()?),
        Work::Lines => lines::run::<C>(order, &pki()?),
        Work::Echo => echo::run::<C>(order, &pki()?),
        Work::Connect => connect::run::<C>(order, &pki()?),
        Work::Fetch => fetch::run::<C>(order, &pki()?),
        Work::Timers => timers::run::<C>(order),
        Work::Spawn => spawn::run::<C>(order),
        work => Err(format!("{work:?} is no work for {}", order.contender).into()),
    }
}

/// As large as one read may usefully be.
pub(crate) const BUFFER: usize = 256 * 1024;

/// The peer ended before the measurement did.
pub(crate) const CUT: &str = "the load side ended too early";
