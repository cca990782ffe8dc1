//! Pieces and delays, which change nothing but time.

use std::time::Duration;

use lem_ssl_rs::Version;
use lem_ssl_tests::proxy::{Fault, Faults};

use crate::support::{Conversation, Goodbye, Manner, Patience, Receiver, VERSIONS, each, run, undisturbed};

fn manner(version: Version) -> Manner {
    Manner { version, patience: Patience::Long, goodbye: Goodbye::BeforeTheReply }
}

fn is_complete(faults: &Faults, conversation: &Conversation) {
    assert!(conversation.is_complete(), "{:?}, {faults}: {conversation:?}", conversation.version);
}

#[test]
fn a_conversation_in_pieces_of_any_size_is_complete() {
    run(async {
        let sizes = [1, 2, 3, 4, 5, 6, 7, 16, 63, 64, 65, 255, 256, 500, 1_000];
        let both = sizes.map(|size| Faults { to_server: Fault::Split(size), to_client: Fault::Split(size) });
        for version in VERSIONS {
            each(manner(version), sizes.len(), both.to_vec(), is_complete).await;
        }
    });
}

#[test]
fn a_conversation_that_is_held_up_around_any_record_is_complete() {
    run(async {
        let by = Duration::from_millis(20);
        for version in VERSIONS {
            let mut plans = Vec::new();
            for receiver in [Receiver::Client, Receiver::Server] {
                for record in undisturbed(manner(version), receiver).await.all {
                    let places = [record.start, record.start + 1, record.start + 5, record.start + 6, record.end - 1];
                    plans.extend(places.map(|at| receiver.suffers(Fault::Delay { at: at as u64, by })));
                }
            }
            let lanes = plans.len();
            each(manner(version), lanes, plans, is_complete).await;
        }
    });
}
