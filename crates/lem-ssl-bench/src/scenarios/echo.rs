//! A server that sends back what it receives.

use crate::contenders::{Contender, Stream};
use crate::control;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;

/// How it echoes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    /// How large a buffer a contender reads with, if it needs one.
    pub(crate) buffer: usize,
    /// Gives the buffer back before it waits for the next message.
    pub(crate) frugal: bool,
}

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    control::answer();
    let echo = Echo { buffer: order.size.max(4096), frugal: order.frugal };
    C::run(C::serve(pki, control::tell_port, echo))
}

/// The handler of a connection.
pub(crate) async fn serve<S: Stream>(mut stream: S, echo: Echo) {
    let mut buffer = S::buffer(echo.buffer);
    loop {
        match stream.receive(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                if stream.send(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        }
        if echo.frugal {
            buffer = S::buffer(echo.buffer);
        }
    }
    stream.close().await;
}
