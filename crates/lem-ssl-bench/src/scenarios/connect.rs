//! Connecting again and again: handshakes, seen from the client.

use std::sync::Arc;
use std::time::Duration;

use crate::contender::{Contender, Reader, Stream, Writer};
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::CUT;

/// What the two say to each other, so that tickets arrive.
pub(crate) const WORD: &[u8; 4] = b"ping";

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, order.resume)?;
        let meter = Arc::new(Meter::new(order.warm, order.total));
        for _ in 0..order.active {
            C::start_caller(client.clone(), order.port, meter.clone());
        }
        // The meter ends the process.
        C::sleep(Duration::from_secs(3600)).await;
        Ok(())
    })
}

/// A caller.
pub(crate) async fn call<C: Contender>(client: C::Client, port: u16, meter: Arc<Meter>) {
    loop {
        if let Err(error) = call_once::<C>(&client, port).await {
            eprintln!("cannot connect: {error}");
            std::process::exit(1);
        }
        meter.add(1);
    }
}

/// One connection: handshake, a word and its answer, goodbye.
pub(super) async fn call_once<C: Contender>(client: &C::Client, port: u16) -> Outcome<()> {
    let mut stream = C::connect(client, port).await?;
    stream.send(WORD).await?;
    let mut buffer = C::Stream::buffer(64);
    if stream.receive(&mut buffer).await? == 0 {
        return Err(CUT.into());
    }
    stream.close().await;
    Ok(())
}
