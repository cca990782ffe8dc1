//! Starting tasks, waking them, seeing them end.

use crate::contender::Contender;
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;

const BATCH: u64 = 1000;

pub(super) fn run<C: Contender>(order: &Order) -> Outcome<()> {
    C::run(async {
        let meter = Meter::new(order.warm, order.total);
        loop {
            C::spawn_batch(BATCH).await?;
            meter.add(BATCH);
        }
    })
}
