//! Bulk sending, in writes of one size.

use crate::contender::{Contender, Writer};
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, false)?;
        let mut stream = C::connect(&client, order.port).await?;
        let meter = Meter::new(order.warm, order.total);
        let data = vec![b'x'; order.size];
        loop {
            stream.send(&data).await?;
            meter.add(order.size as u64);
        }
    })
}
