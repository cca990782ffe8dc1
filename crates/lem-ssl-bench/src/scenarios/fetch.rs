//! A program that makes one connection.

use super::connect;
use crate::contender::Contender;
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::Pki;

pub(super) fn run<C: Contender>(order: &Order, pki: &Pki) -> Outcome<()> {
    C::run(async {
        let client = C::client(pki, false)?;
        connect::call_once::<C>(&client, order.port).await
    })
}
