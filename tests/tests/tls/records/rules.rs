//! What RFC 8446 forbids in records and messages after the handshake, clause by clause, and the alert for it. Where rustls
//! 0.23 is lax, or has another alert, our records do what the text says.

use lem_ssl_rs::{ReadMode, TlsError, spawn};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE, KEY_UPDATE, RawPeer};
use lem_ssl_tests::records::Records;
use rustls::AlertDescription;

use crate::support::{Raw, Role, alerts, raw, run as run_on_any, tls};

/// On our records, whatever the other tests run on.
pub(super) fn run(test: impl Future<Output = ()>) {
    Records::Ours.during(|| run_on_any(test));
}

/// What is sent, and the alert for it.
type Violation = (&'static str, fn(&mut RawPeer) -> Vec<u8>, AlertDescription);

/// A record whose header is changed in one place, after it was sealed.
fn changed(peer: &mut RawPeer, at: usize, to: u8) -> Vec<u8> {
    let mut record = peer.seal(CONTENT, b"content");
    record[at] = to;
    record
}

/// For either end.
const VIOLATIONS: [Violation; 41] = [
    // Section 5.
    (
        "a sealed record that says it is a handshake's",
        |peer| changed(peer, 0, HANDSHAKE),
        AlertDescription::UnexpectedMessage,
    ),
    ("a sealed record that says it is an alert", |peer| changed(peer, 0, ALERT), AlertDescription::UnexpectedMessage),
    ("a record of no known type", |peer| changed(peer, 0, 99), AlertDescription::UnexpectedMessage),
    ("a change of ciphers in the clear", |_| vec![20, 3, 3, 0, 1, 1], AlertDescription::UnexpectedMessage),
    ("an alert in the clear", |_| vec![ALERT, 3, 3, 0, 2, 1, 0], AlertDescription::UnexpectedMessage),
    ("a sealed change of ciphers", |peer| peer.seal(20, &[1]), AlertDescription::UnexpectedMessage),
    ("a sealed heartbeat", |peer| peer.seal(24, &[1, 0, 0]), AlertDescription::UnexpectedMessage),
    ("a sealed record of no known type", |peer| peer.seal(99, b"x"), AlertDescription::UnexpectedMessage),
    // Section 5.1.
    ("an empty handshake record", |peer| peer.seal(HANDSHAKE, &[]), AlertDescription::UnexpectedMessage),
    (
        "content within a handshake message",
        |peer| [peer.seal(HANDSHAKE, &KEY_UPDATE[..3]), peer.seal(CONTENT, b"x")].concat(),
        AlertDescription::UnexpectedMessage,
    ),
    (
        "an empty record within a handshake message",
        |peer| [peer.seal(HANDSHAKE, &KEY_UPDATE[..3]), peer.seal(CONTENT, &[])].concat(),
        AlertDescription::UnexpectedMessage,
    ),
    (
        "the end within a handshake message",
        |peer| [peer.seal(HANDSHAKE, &KEY_UPDATE[..3]), peer.seal(ALERT, &[1, 0])].concat(),
        AlertDescription::UnexpectedMessage,
    ),
    (
        "something behind new keys in their record",
        |peer| peer.seal(HANDSHAKE, &[&KEY_UPDATE[..], &KEY_UPDATE[..1]].concat()),
        AlertDescription::UnexpectedMessage,
    ),
    ("two alerts in one record", |peer| peer.seal(ALERT, &[1, 90, 1, 90]), AlertDescription::DecodeError),
    ("half an alert", |peer| peer.seal(ALERT, &[1]), AlertDescription::DecodeError),
    // Section 5.2.
    ("a record of another version", |peer| changed(peer, 2, 1), AlertDescription::BadRecordMac),
    ("a record of another major version", |peer| changed(peer, 1, 2), AlertDescription::BadRecordMac),
    ("the beginning of one", |_| vec![CONTENT, 2], AlertDescription::BadRecordMac),
    ("a record with too little for a tag", |_| vec![CONTENT, 3, 3, 0, 3, 1, 2, 3], AlertDescription::BadRecordMac),
    (
        "nothing sealed, of the greatest length",
        |_| [&[CONTENT, 3, 3, 0x41, 0][..], &[7; 0x4100]].concat(),
        AlertDescription::BadRecordMac,
    ),
    (
        "a record that was changed on its way",
        |peer| {
            // Flipped, and not set: one in 256 has any given byte there already.
            let mut record = peer.seal(CONTENT, b"content");
            record[9] ^= 1;
            record
        },
        AlertDescription::BadRecordMac,
    ),
    ("a record of nothing", |_| vec![CONTENT, 3, 3, 0, 0], AlertDescription::BadRecordMac),
    ("the header of a record that is too long", |_| vec![CONTENT, 3, 3, 0x41, 1], AlertDescription::RecordOverflow),
    // Section 5.4.
    ("content of more than 16 KiB", |peer| peer.seal(CONTENT, &[7; 16_385]), AlertDescription::RecordOverflow),
    ("16 KiB of padding", |peer| peer.pad(b"x", 16_384), AlertDescription::RecordOverflow),
    ("an inner text of zeros", |peer| peer.seal(0, &[0; 10]), AlertDescription::UnexpectedMessage),
    ("an empty alert", |peer| peer.seal(ALERT, &[]), AlertDescription::UnexpectedMessage),
    (
        "an empty handshake record with padding",
        |peer| peer.seal(0, &[HANDSHAKE, 0, 0]),
        AlertDescription::UnexpectedMessage,
    ),
    // Section 4.6.3.
    (
        "new keys without the news",
        |peer| {
            peer.key_update();
            peer.seal(CONTENT, b"x")
        },
        AlertDescription::BadRecordMac,
    ),
    (
        "the news without new keys",
        |peer| [peer.seal(HANDSHAKE, &KEY_UPDATE), peer.seal(CONTENT, b"x")].concat(),
        AlertDescription::BadRecordMac,
    ),
    ("a KeyUpdate of a third kind", |peer| peer.seal(HANDSHAKE, &[24, 0, 0, 1, 2]), AlertDescription::IllegalParameter),
    ("a KeyUpdate of two bytes", |peer| peer.seal(HANDSHAKE, &[24, 0, 0, 2, 0, 0]), AlertDescription::DecodeError),
    ("a KeyUpdate of nothing", |peer| peer.seal(HANDSHAKE, &[24, 0, 0, 0]), AlertDescription::DecodeError),
    // Section 6.
    ("an alert of a level that does not exist", |peer| peer.seal(ALERT, &[3, 90]), AlertDescription::IllegalParameter),
    // Section 4: what belongs into a handshake.
    ("another end of the handshake", |peer| peer.seal(HANDSHAKE, &[20, 0, 0, 0]), AlertDescription::UnexpectedMessage),
    ("a certificate", |peer| peer.seal(HANDSHAKE, &[11, 0, 0, 4, 0, 0, 0, 0]), AlertDescription::UnexpectedMessage),
    ("a message of no known type", |peer| peer.seal(HANDSHAKE, &[99, 0, 0, 0]), AlertDescription::UnexpectedMessage),
    (
        "an alert of a level that does not exist, and says goodbye",
        |peer| peer.seal(ALERT, &[3, 0]),
        AlertDescription::IllegalParameter,
    ),
    // Section 4.6.2: nobody has offered it.
    (
        "a request for a certificate",
        |peer| peer.seal(HANDSHAKE, &[13, 0, 0, 3, 0, 0, 0]),
        AlertDescription::UnexpectedMessage,
    ),
    (
        "a request for a certificate of more than any message",
        |peer| peer.seal(HANDSHAKE, &[13, 0xff, 0, 0, 0, 0, 0]),
        AlertDescription::UnexpectedMessage,
    ),
    (
        "new keys of more than any message",
        |peer| peer.seal(HANDSHAKE, &[24, 0xff, 0, 0, 0]),
        AlertDescription::DecodeError,
    ),
];

const TO_A_CLIENT: [Violation; 3] = [
    (
        "a ticket with the same extension twice",
        |peer| {
            let extension = [0, 42, 0, 4, 0, 0, 0, 0];
            let ticket = [&[4, 0, 0, 31, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 16][..], &extension, &extension];
            peer.seal(HANDSHAKE, &ticket.concat())
        },
        AlertDescription::DecodeError,
    ),
    ("a ticket that cannot be read", |peer| peer.seal(HANDSHAKE, &[4, 0, 0, 2, 0, 0]), AlertDescription::DecodeError),
    ("a hello", |peer| peer.seal(HANDSHAKE, &[0, 0, 0, 0]), AlertDescription::UnexpectedMessage),
];

const TO_A_SERVER: [Violation; 2] = [
    ("a ticket", |peer| peer.seal(HANDSHAKE, &[4, 0, 0, 2, 0, 0]), AlertDescription::UnexpectedMessage),
    ("another hello", |peer| peer.seal(HANDSHAKE, &[1, 0, 0, 0]), AlertDescription::UnexpectedMessage),
];

/// Content, and then the violation: what was there before stays readable.
async fn violate(role: Role, (what, send, alert): Violation) {
    let (stream, mut other) = raw(role).await;
    let reader = spawn(async move {
        let before = stream.read(ReadMode::Exact(6)).await;
        (before, stream.read(ReadMode::All).await)
    });
    let bytes = [other.peer.seal(CONTENT, b"before"), send(&mut other.peer)].concat();
    other.send(&bytes).await;
    let (before, after) = reader.await.unwrap();
    assert_eq!(before.unwrap(), b"before", "{role:?}: {what}");
    let error = after.unwrap_err();
    let refused = match tls(&error) {
        TlsError::Protocol(_) => true,
        // The alert itself is what is told.
        TlsError::Alert { during_handshake, .. } => !during_handshake && what.starts_with("an alert of a level"),
        _ => false,
    };
    assert!(refused, "{role:?}: {what}: {error:?}");
    assert_eq!(alerts(&other.everything().await), [u8::from(alert)], "{role:?}: {what}");
}

#[test]
fn every_clause_about_records_is_kept_and_what_breaks_one_is_told_by_its_alert() {
    run(async {
        for violation in VIOLATIONS {
            violate(Role::Client, violation).await;
            violate(Role::Server, violation).await;
        }
        for violation in TO_A_CLIENT {
            violate(Role::Client, violation).await;
        }
        for violation in TO_A_SERVER {
            violate(Role::Server, violation).await;
        }
    });
}

#[test]
fn a_header_that_cannot_be_right_is_refused_before_the_rest_of_it_comes() {
    run(async {
        for (header, alert) in [
            (&[HANDSHAKE][..], AlertDescription::UnexpectedMessage),
            (&[CONTENT, 2], AlertDescription::BadRecordMac),
            (&[CONTENT, 3, 1], AlertDescription::BadRecordMac),
            (&[CONTENT, 3, 3, 0x42, 0], AlertDescription::RecordOverflow),
        ] {
            let (stream, mut other) = raw(Role::Client).await;
            other.send(header).await;
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert!(matches!(tls(&error), TlsError::Protocol(_)), "{header:?}: {error:?}");
            drop(stream);
            assert_eq!(alerts(&other.everything().await), [u8::from(alert)], "{header:?}");
        }
    });
}

/// What ends reading cleanly or not, without an alert from us.
pub(super) async fn hear(
    role: Role,
    send: impl FnOnce(&mut RawPeer) -> Vec<u8>,
) -> (Result<Vec<u8>, lem_ssl_rs::Error>, Raw) {
    let (stream, mut other) = raw(role).await;
    let reader = spawn(async move {
        let all = stream.read(ReadMode::All).await;
        drop(stream);
        all
    });
    let bytes = send(&mut other.peer);
    other.send(&bytes).await;
    (reader.await.unwrap(), other)
}

#[test]
fn what_is_allowed_and_useless_is_allowed_up_to_a_number() {
    run(async {
        for role in [Role::Client, Role::Server] {
            // Content in between makes it new.
            let (heard, _) = hear(role, |peer| {
                let mut bytes = Vec::new();
                for _ in 0..3 {
                    bytes.extend((0..32).flat_map(|_| peer.seal(CONTENT, &[])));
                    bytes.extend((0..32).flat_map(|_| peer.key_update()));
                    bytes.extend(peer.seal(CONTENT, b"x"));
                }
                [bytes, peer.seal(ALERT, &[1, 0])].concat()
            })
            .await;
            assert_eq!(heard.unwrap(), b"xxx", "{role:?}");
            // Records without content make nothing new.
            let (heard, mut other) = hear(role, |peer| {
                (0..33).flat_map(|_| [peer.key_update(), peer.seal(CONTENT, &[])].concat()).collect()
            })
            .await;
            assert!(matches!(tls(&heard.unwrap_err()), TlsError::Protocol(_)), "{role:?}");
            assert_eq!(alerts(&other.everything().await), [u8::from(AlertDescription::UnexpectedMessage)], "{role:?}");
        }
    });
}

#[test]
fn a_message_may_come_in_any_pieces_and_several_in_one_record() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let (heard, _) = hear(role, |peer| {
                let mut bytes: Vec<u8> =
                    KEY_UPDATE[..4].chunks(1).flat_map(|piece| peer.seal(HANDSHAKE, piece)).collect();
                bytes.extend(peer.new_keys_with(&KEY_UPDATE[4..]));
                bytes.extend(peer.seal(CONTENT, b"under new keys"));
                bytes.extend(peer.pad(b", padded", 500));
                [bytes, peer.seal(ALERT, &[1, 0])].concat()
            })
            .await;
            assert_eq!(heard.unwrap(), b"under new keys, padded", "{role:?}");
        }
        // The longest message there is: a ticket that a client keeps.
        let (heard, _) = hear(Role::Client, |peer| {
            let mut ticket = vec![4, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7];
            let length = 0xffff - 4 - 4 - 2 - 2 - 2;
            ticket.extend((length as u16).to_be_bytes());
            ticket.resize(ticket.len() + length, 9);
            ticket.extend([0, 0]);
            assert_eq!(ticket.len(), 4 + 0xffff);
            // Its end, and another one whole, in one record.
            ticket.extend([4, 0, 0, 15, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 0]);
            // An extension that nobody knows.
            ticket.extend([4, 0, 0, 20, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 5, 0xfa, 0xfa, 0, 1, 1]);
            let mut bytes: Vec<u8> = ticket.chunks(16_000).flat_map(|piece| peer.seal(HANDSHAKE, piece)).collect();
            bytes.extend(peer.seal(CONTENT, b"content"));
            [bytes, peer.seal(ALERT, &[1, 0])].concat()
        })
        .await;
        assert_eq!(heard.unwrap(), b"content");
    });
}

#[test]
fn a_record_of_the_longest_kind_is_opened() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let (heard, _) = hear(role, |peer| {
                // 2^14 bytes, once as content alone, and once with padding.
                let bytes = [peer.seal(CONTENT, &[7; 16_384]), peer.pad(&[8; 10_000], 6_384)].concat();
                [bytes, peer.seal(ALERT, &[1, 0])].concat()
            })
            .await;
            assert_eq!(heard.unwrap().len(), 26_384, "{role:?}");
        }
    });
}
