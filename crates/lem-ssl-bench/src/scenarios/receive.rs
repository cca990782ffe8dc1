//! Bulk receiving.

use crate::contender::{Contender, Reader};
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::{BUFFER, CUT};

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, false)?;
        let mut stream = C::connect(&client, order.port).await?;
        let meter = Meter::new(order.warm, order.total);
        let mut buffer = C::Stream::buffer(BUFFER);
        loop {
            match stream.receive(&mut buffer).await? {
                0 => return Err(CUT.into()),
                count => meter.add(count as u64),
            }
        }
    })
}
