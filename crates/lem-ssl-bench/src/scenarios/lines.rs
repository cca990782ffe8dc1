//! Reading short lines.

use crate::contender::{Contender, Stream};
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::CUT;

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, false)?;
        let meter = Meter::new(order.warm, order.total);
        C::connect(&client, order.port).await?.lines(|_| meter.add(1)).await?;
        // The meter ends the process before the peer ends the stream.
        Err(CUT.into())
    })
}
