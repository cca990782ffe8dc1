//! Arming and cancelling timers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::contender::Contender;
use crate::meter::Meter;
use crate::order::Order;
use crate::outcome::Outcome;

/// So many are armed at any time, as on a server with so many connections.
const ARMED: usize = 10_000;

pub(super) fn run<C: Contender>(order: &Order) -> Outcome<()> {
    C::run(async {
        let meter = Meter::new(order.warm, order.total);
        let mut armed: Vec<Option<Pin<Box<_>>>> = (0..ARMED).map(|_| None).collect();
        let mut random = 1_u64;
        loop {
            for slot in &mut armed {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // From one second to about a minute: none of them fires.
                let mut sleep = Box::pin(C::sleep(Duration::from_millis(1000 + (random >> 48))));
                poll_fn(|cx| {
                    // The first poll arms it.
                    let _ = sleep.as_mut().poll(cx);
                    Poll::Ready(())
                })
                .await;
                *slot = Some(sleep);
            }
            meter.add(ARMED as u64);
        }
    })
}
