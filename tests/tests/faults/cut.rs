//! A connection that is cut off, by FIN or by RST, after any byte of either direction.

use lem_ssl_rs::{Cut, Error, TlsError, Version};
use lem_ssl_tests::proxy::{Fault, Faults};

use crate::support::{Conversation, Goodbye, Manner, Patience, Receiver, Saw, each, run, undisturbed};

/// So many conversations are held side by side.
const LANES: usize = 8;

/// A signature is some bytes longer or shorter each time.
const SLACK: usize = 6;

/// How a direction is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Fin,
    Reset,
}

impl By {
    fn fault(self, at: usize) -> Fault {
        let at = at as u64;
        match self {
            Self::Fin => Fault::Truncate { at },
            Self::Reset => Fault::Reset { at },
        }
    }

    fn cut(self) -> Cut {
        match self {
            Self::Fin => Cut::Fin,
            Self::Reset => Cut::Reset,
        }
    }
}

fn after_every_byte(version: Version, receiver: Receiver, by: By) {
    run(async move {
        let manner = Manner { version, patience: Patience::Long, goodbye: Goodbye::BeforeTheReply };
        let length = undisturbed(manner, receiver).await.length;
        let plans = (0..length + SLACK).map(|at| receiver.suffers(by.fault(at))).collect();
        each(manner, LANES, plans, move |faults, conversation| {
            let place = format!("{version:?}, {faults}");
            conversation.is_sound(&place);
            judge(receiver, by, faults, conversation, &place);
        })
        .await;
    });
}

fn judge(receiver: Receiver, by: By, faults: &Faults, conversation: &Conversation, place: &str) {
    let at = match (faults.to_client, faults.to_server) {
        (Fault::Truncate { at } | Fault::Reset { at }, Fault::None)
        | (Fault::None, Fault::Truncate { at } | Fault::Reset { at }) => at as usize,
        other => panic!("{other:?}"),
    };
    let records = conversation.received_by(receiver);
    let saw = conversation.saw(receiver);
    if at >= records.length && records.are_all() {
        // Everything had passed. A reset still takes the other direction with it.
        assert!(saw.is_complete(receiver), "{place}: {saw:?}");
        assert!(by == By::Reset || conversation.is_complete(), "{place}: {conversation:?}");
        return;
    }
    assert!(!saw.is_clean(), "{place}: {saw:?}");
    assert!(!conversation.client.is_complete(Receiver::Client), "{place}: {conversation:?}");
    assert!(saw.heard().len() >= records.whole_before(at), "{place}: some of what arrived is lost: {saw:?}");
    match saw {
        // A reset may even come before the client knows that it is connected.
        Saw::NoHandshake(Error::Connect(_)) => assert_eq!((at, by), (0, By::Reset), "{place}: {saw:?}"),
        Saw::NoHandshake(error) => {
            let expected = by == By::Reset;
            let cut = TlsError::of(error);
            assert!(matches!(cut, Some(TlsError::HandshakeCut { reset }) if *reset == expected), "{place}: {error:?}");
            assert!(records.first_data().is_none_or(|first| at <= first), "{place}: {conversation:?}");
        }
        Saw::Stream { end, .. } => {
            assert!(matches!(end, Error::Truncated(cut) if *cut == by.cut()), "{place}: {end:?}");
            // What a client sends before its content is the handshake, and all of that is needed.
            if receiver == Receiver::Server {
                assert!(at >= records.first_data().unwrap_or(records.length), "{place}: {conversation:?}");
            }
        }
    }
}

#[test]
fn a_server_of_tls_1_2_may_be_cut_off_by_fin_after_any_byte() {
    after_every_byte(Version::Tls12, Receiver::Client, By::Fin);
}

#[test]
fn a_server_of_tls_1_3_may_be_cut_off_by_fin_after_any_byte() {
    after_every_byte(Version::Tls13, Receiver::Client, By::Fin);
}

#[test]
fn a_client_of_tls_1_2_may_be_cut_off_by_fin_after_any_byte() {
    after_every_byte(Version::Tls12, Receiver::Server, By::Fin);
}

#[test]
fn a_client_of_tls_1_3_may_be_cut_off_by_fin_after_any_byte() {
    after_every_byte(Version::Tls13, Receiver::Server, By::Fin);
}

#[test]
fn a_server_of_tls_1_2_may_be_reset_after_any_byte() {
    after_every_byte(Version::Tls12, Receiver::Client, By::Reset);
}

#[test]
fn a_server_of_tls_1_3_may_be_reset_after_any_byte() {
    after_every_byte(Version::Tls13, Receiver::Client, By::Reset);
}

#[test]
fn a_client_of_tls_1_2_may_be_reset_after_any_byte() {
    after_every_byte(Version::Tls12, Receiver::Server, By::Reset);
}

#[test]
fn a_client_of_tls_1_3_may_be_reset_after_any_byte() {
    after_every_byte(Version::Tls13, Receiver::Server, By::Reset);
}
