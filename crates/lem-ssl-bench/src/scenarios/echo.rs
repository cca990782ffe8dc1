//! A server that sends back what it receives.

use crate::contender::{Contender, Echo, Stream};
use crate::control;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;

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
