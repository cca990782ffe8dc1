//! A bit that is changed on the way, in any byte of either direction.
//!
//! TLS protects all that it says. What is left are parts of the records' headers: nobody looks at the last byte of a version
//! in TLS 1.3 and in the clear (RFC 8446 section 5.1), nor, in TLS 1.3, at the outer type of a record whose true type is
//! inside (rustls takes every encrypted one). And a receiver that takes something to be longer than it is waits for the
//! rest of it, until the other end is gone, or a deadline ends that.

use lem_ssl_rs::{Error, Phase, TlsError, Version};
use lem_ssl_tests::proxy::{Fault, Faults};

use crate::support::{Conversation, Goodbye, Manner, Patience, Receiver, Records, Saw, each, run, undisturbed};

/// So many conversations are held side by side.
const LANES: usize = 8;

/// Where nobody waits for anybody, that many: each has to wait for the deadline, all together for one.
const PATIENT_LANES: usize = 200;

/// A signature is some bytes longer or shorter each time, and what follows it moves.
const SLACK: usize = 6;

fn in_every_byte(version: Version, receiver: Receiver) {
    run(async move {
        let manner = Manner { version, patience: Patience::Long, goodbye: Goodbye::AfterTheReply };
        let records = undisturbed(manner, receiver).await;
        let near_a_length = |at: &usize| (at.saturating_sub(SLACK)..=at + SLACK).any(|near| records.is_length(near));
        let (lengths, others): (Vec<_>, Vec<_>) = (0..records.length).partition(near_a_length);
        let plans = |offsets: Vec<usize>| offsets.into_iter().map(|at| receiver.suffers(flip(at))).collect();
        each(manner, LANES, plans(others), move |faults, conversation| {
            judge(receiver, faults, conversation);
        })
        .await;
        let manner = Manner { patience: Patience::Short, ..manner };
        each(manner, PATIENT_LANES, plans(lengths), move |faults, conversation| {
            judge_length(receiver, faults, conversation);
        })
        .await;
    });
}

/// Every bit has its turn.
fn flip(at: usize) -> Fault {
    Fault::Flip { at: at as u64, bit: (at % 8) as u8 }
}

fn offset(faults: &Faults) -> usize {
    match (faults.to_client, faults.to_server) {
        (Fault::Flip { at, .. }, Fault::None) | (Fault::None, Fault::Flip { at, .. }) => at as usize,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn judge(receiver: Receiver, faults: &Faults, conversation: &Conversation) {
    let place = format!("{:?}, {faults}", conversation.version);
    conversation.is_sound(&place);
    let (at, records) = (offset(faults), conversation.received_by(receiver));
    if conversation.is_complete() {
        assert!(is_harmless(at, &records, receiver, conversation.version), "{place}: nobody has noticed");
        return;
    }
    let saws = [&conversation.client, &conversation.server];
    assert!(saws.iter().any(|saw| saw.names_a_change()), "{place}: nobody says so: {conversation:?}");
    assert!(!conversation.saw(receiver).is_complete(receiver), "{place}: {conversation:?}");
}

/// As [`judge`], where it may be that both ends wait until they may wait no longer, or one until the other is gone.
#[track_caller]
fn judge_length(receiver: Receiver, faults: &Faults, conversation: &Conversation) {
    let late = |saw: &Saw| matches!(saw.timed_out(), Some(Phase::Handshake | Phase::Operation));
    let error = conversation.saw(receiver).error();
    let cut =
        matches!(error, Error::Truncated(_)) || matches!(TlsError::of(error), Some(TlsError::HandshakeCut { .. }));
    if cut || late(&conversation.client) || late(&conversation.server) {
        let place = format!("{:?}, {faults}", conversation.version);
        conversation.is_sound(&place);
        let (at, records) = (offset(faults), conversation.received_by(receiver));
        let harmless = is_harmless(at, &records, receiver, conversation.version);
        assert!(harmless || !conversation.saw(receiver).is_complete(receiver), "{place}: {conversation:?}");
    } else {
        judge(receiver, faults, conversation);
    }
}

fn is_harmless(at: usize, records: &Records, receiver: Receiver, version: Version) -> bool {
    at >= records.length
        || records.versions.contains(&at)
        || (version == Version::Tls13 && records.outer_types.contains(&at))
        // The server has closed when the client says goodbye.
        || (receiver == Receiver::Server && records.data.last().is_some_and(|(last, _)| at >= last.end))
}

#[test]
fn a_bit_of_what_a_server_of_tls_1_2_sends_is_changed() {
    in_every_byte(Version::Tls12, Receiver::Client);
}

#[test]
fn a_bit_of_what_a_server_of_tls_1_3_sends_is_changed() {
    in_every_byte(Version::Tls13, Receiver::Client);
}

#[test]
fn a_bit_of_what_a_client_of_tls_1_2_sends_is_changed() {
    in_every_byte(Version::Tls12, Receiver::Server);
}

#[test]
fn a_bit_of_what_a_client_of_tls_1_3_sends_is_changed() {
    in_every_byte(Version::Tls13, Receiver::Server);
}
