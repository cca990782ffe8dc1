//! What the tests of faults share: a conversation, the lanes on which many are held at once, and what is found on the
//! wire.

mod conversation;
mod lane;
mod records;

use std::time::Duration;

pub(crate) use conversation::{Conversation, Goodbye, Saw};
pub(crate) use lane::{Lane, Manner, Patience};
pub(crate) use records::Records;

use lem_ssl_rs::{Version, timeout, yield_now};
use lem_ssl_tests::proxy::{Fault, Faults};
use lem_ssl_tests::watched_machine;

/// The versions of the protocol, each of which is shaken hands by in its own way.
pub(crate) const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// Which end receives what is tampered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Client,
    Server,
}

impl Receiver {
    /// A fault in what it receives.
    pub(crate) fn suffers(self, fault: Fault) -> Faults {
        match self {
            Self::Client => Faults { to_client: fault, ..Faults::NONE },
            Self::Server => Faults { to_server: fault, ..Faults::NONE },
        }
    }
}

/// Runs a test on a machine that must be empty afterwards. The deadline is a watchdog: nothing takes nearly so long.
#[track_caller]
pub(crate) fn run(test: impl Future<Output = ()>) {
    let machine = watched_machine();
    let test = async {
        timeout(Duration::from_secs(180), test).await.expect("the test hangs");
        // What was closed last takes another turn to go.
        yield_now().await;
    };
    machine.run(test).unwrap();
    assert_eq!(machine.counts(), (0, 0, 0), "tasks, timers, sockets that are left over");
}

/// What a clean conversation looks like on the wire: where it can be disturbed.
pub(crate) async fn undisturbed(manner: Manner, receiver: Receiver) -> Records {
    let lane = Lane::open(manner, Vec::new()).await;
    let conversation = lane.converse().await;
    assert!(conversation.is_complete(), "{conversation:?}");
    let records = conversation.received_by(receiver);
    assert_eq!(records.data.len(), conversation::said_to(receiver).len(), "every write is a record");
    lane.close().await;
    records
}

/// Holds a conversation for each plan, on so many lanes side by side, and shows each to `judge`.
pub(crate) async fn each(
    manner: Manner,
    lanes: usize,
    plans: Vec<Faults>,
    judge: impl Fn(&Faults, &Conversation) + Copy + 'static,
) {
    assert!(!plans.is_empty());
    let share = plans.len().div_ceil(lanes);
    let mut running = Vec::new();
    for plans in plans.chunks(share) {
        let plans = plans.to_vec();
        running.push(lem_ssl_rs::spawn(async move {
            let lane = Lane::open(manner, plans.clone()).await;
            for faults in &plans {
                judge(faults, &lane.converse().await);
            }
            // Whatever happened to it, the server goes on serving. With little patience a slow machine may need several.
            while !lane.converse().await.is_complete() {
                assert_eq!(manner.patience, Patience::Short, "a conversation that nobody disturbs");
            }
            lane.close().await;
        }));
    }
    for lane in running {
        lane.await.unwrap();
    }
}
