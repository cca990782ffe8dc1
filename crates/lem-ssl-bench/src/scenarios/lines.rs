//! Reading short lines.

use crate::contenders::{Contender, Lines, Stream};
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;
use crate::scenarios::CUT;

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, false)?;
        let mut lines = C::connect(&client, order.port).await?.lines();
        let meter = Meter::new(order.warm, order.total);
        let mut line = Vec::new();
        loop {
            if lines.line(&mut line).await? == 0 {
                return Err(CUT.into());
            }
            meter.add(1);
        }
    })
}
