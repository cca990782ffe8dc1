//! Our server on several threads.

use std::thread;

use lem_ssl_rs::{ServerOptions, serve_threads};

use super::lem::context;
use crate::contender::Echo;
use crate::control;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::echo;

/// Echoes on as many threads as are to be active.
pub(crate) fn run(order: &Order) -> Outcome<()> {
    let context = context(&Pki::open(&order.pki)?)?;
    let handler = |_thread| |stream| echo::serve(stream, Echo { buffer: 0, frugal: false });
    let threads = serve_threads(order.active, "127.0.0.1:0", context, ServerOptions::default(), handler)?;
    control::answer();
    control::tell_port(threads.local_addr().map_or(0, |address| address.port()));
    // Until it is killed.
    loop {
        thread::park();
    }
}
