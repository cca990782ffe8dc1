//! The load side: the same code for every contender, on a core of its own.

mod bulk;
mod callers;
mod fleet;
mod hostile;
mod neighbour;
mod requests;
mod wire;

use crate::order::{Order, Work};
use crate::outcome::Outcome;

pub(crate) use callers::FLIGHTS;

/// Runs the load side.
pub(crate) fn run(order: &Order) -> Outcome<()> {
    match order.work {
        Work::Source | Work::Flood | Work::Sink | Work::Both | Work::Text => bulk::run(order),
        Work::Fleet | Work::Crowd => fleet::run(order),
        Work::Callers => callers::call(order),
        Work::Neighbour => neighbour::run(order),
        Work::Answerers => callers::answer(order),
        Work::Requests1 | Work::Requests2 => requests::run(order),
        work => Err(format!("{work:?} is no work for the load side").into()),
    }
}
