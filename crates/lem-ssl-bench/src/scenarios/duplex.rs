//! Bulk both ways at once, over one connection that is split between two tasks.

use std::sync::Arc;

use crate::contender::{Contender, Reader, Stream, Writer};
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::BUFFER;

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, false)?;
        let stream = C::connect(&client, order.port).await?;
        // Each direction carries half; the measurement ends when both are done.
        let meter = Arc::new(Meter::new(order.warm, order.total));
        let (mut reader, writer) = stream.split();
        C::start_writer(writer, order.size, (order.warm + order.total) / 2, meter.clone());
        let mut buffer = <C::Stream as Stream>::Reader::buffer(BUFFER);
        loop {
            match reader.receive(&mut buffer).await? {
                // The other task may still have to write; the meter ends the process.
                0 => C::sleep(std::time::Duration::from_secs(60)).await,
                count => meter.add(count as u64),
            }
        }
    })
}

/// The writing task.
pub(crate) async fn write<W: Writer>(mut writer: W, size: usize, total: u64, meter: Arc<Meter>) {
    let data = vec![b'x'; size];
    for _ in 0..total.div_ceil(size as u64) {
        if writer.send(&data).await.is_err() {
            return;
        }
        meter.add(size as u64);
    }
    // Dropping it would end the connection's sending side, which is no part of this.
    std::future::pending::<()>().await;
}
