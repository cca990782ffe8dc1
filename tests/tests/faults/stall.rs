//! A connection on which nothing arrives any more, while both ends are there: deadlines end it.

use lem_ssl_rs::{Phase, Version};
use lem_ssl_tests::proxy::{Fault, Faults};

use crate::support::{Conversation, Goodbye, Manner, Patience, Receiver, Saw, each, run, undisturbed};

fn around_every_record(version: Version, receiver: Receiver) {
    run(async move {
        let manner = Manner { version, patience: Patience::Short, goodbye: Goodbye::BeforeTheReply };
        let records = undisturbed(Manner { patience: Patience::Long, ..manner }, receiver).await;
        let mut plans = Vec::new();
        for record in &records.all {
            let places = [record.start, record.start + 1, record.start + 5, (record.start + record.end) / 2];
            plans.extend(places.map(|at| receiver.suffers(Fault::Stall { at: at as u64 })));
        }
        // All have to wait for the deadline, so they do it together.
        let lanes = plans.len();
        each(manner, lanes, plans, move |faults, conversation| {
            judge(receiver, faults, conversation);
        })
        .await;
    });
}

fn judge(receiver: Receiver, faults: &Faults, conversation: &Conversation) {
    let place = format!("{:?}, {faults}", conversation.version);
    conversation.is_sound(&place);
    let at = match (faults.to_client, faults.to_server) {
        (Fault::Stall { at }, Fault::None) | (Fault::None, Fault::Stall { at }) => at as usize,
        other => panic!("{other:?}"),
    };
    let (saw, records) = (conversation.saw(receiver), conversation.received_by(receiver));
    assert!(!conversation.is_complete() && !saw.is_complete(receiver), "{place}: {conversation:?}");
    if matches!(saw, Saw::Stream { .. }) {
        assert!(saw.heard().len() >= records.whole_before(at), "{place}: some of what arrived is lost: {saw:?}");
    }
    // The end that waits first is late first, and is gone then: the other end may see that before its own deadline.
    let phases = [&conversation.client, &conversation.server].map(|saw| (saw.timed_out(), saw));
    let late = phases.iter().find_map(|(phase, saw)| phase.map(|phase| (phase, saw)));
    match late {
        Some((Phase::Handshake, Saw::NoHandshake(_)) | (Phase::Operation, Saw::Stream { .. })) => {}
        // One deadline is over everything that a connect does; here both are equally long.
        Some((Phase::Connect, Saw::NoHandshake(_))) => {}
        _ => panic!("{place}: nobody says that it has waited: {conversation:?}"),
    }
}

#[test]
fn a_server_of_tls_1_2_falls_silent_around_any_record() {
    around_every_record(Version::Tls12, Receiver::Client);
}

#[test]
fn a_server_of_tls_1_3_falls_silent_around_any_record() {
    around_every_record(Version::Tls13, Receiver::Client);
}

#[test]
fn a_client_of_tls_1_2_falls_silent_around_any_record() {
    around_every_record(Version::Tls12, Receiver::Server);
}

#[test]
fn a_client_of_tls_1_3_falls_silent_around_any_record() {
    around_every_record(Version::Tls13, Receiver::Server);
}
