//! What RFC 8446 forbids in records and messages after the handshake, clause by clause, and the alert for it. Where rustls
//! 0.23 is lax, or has another alert, our records do what the text says.

use lem_ssl_rs::{ReadMode, TlsError, spawn};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE, KEY_UPDATE, RawPeer};
use lem_ssl_tests::records::{Records, on_both_records};
use rustls::AlertDescription;

use crate::support::{Raw, Role, alerts, raw, run as run_on_any, tls};

/// On our records, whatever the other tests run on.
fn run(test: impl Future<Output = ()>) {
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
const VIOLATIONS: [Violation; 38] = [
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
    ("a record that was changed on its way", |peer| changed(peer, 9, 0), AlertDescription::BadRecordMac),
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

/// What ends reading cleanly or not, without an alert from us.
async fn hear(role: Role, send: impl FnOnce(&mut RawPeer) -> Vec<u8>) -> (Result<Vec<u8>, lem_ssl_rs::Error>, Raw) {
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
fn an_alert_of_an_error_ends_the_connection_whatever_its_level_and_gets_no_answer() {
    run(async {
        for role in [Role::Client, Role::Server] {
            // One of each kind: known, unknown, and one that may be a warning only. The last levels do not exist.
            for alert in [[2, 80], [1, 80], [2, 90], [1, 100], [1, 200], [2, 200], [0, 80], [3, 40], [255, 200]] {
                let (heard, mut other) = hear(role, |peer| peer.seal(ALERT, &alert)).await;
                let error = heard.unwrap_err();
                let number = alert[1];
                let told = matches!(tls(&error), TlsError::Alert { alert, .. } if alert.number() == number);
                assert!(told, "{role:?}: {alert:?}: {error:?}");
                assert_eq!(alerts(&other.everything().await), [], "{role:?}: {alert:?}");
            }
        }
    });
}

#[test]
fn after_an_error_on_either_side_nothing_follows_its_alert() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let offence = [u8::from(AlertDescription::UnexpectedMessage)];
            for (typ, said, expected) in [(ALERT, &[2, 80][..], &[][..]), (HANDSHAKE, &[], &offence)] {
                let (stream, mut other) = raw(role).await;
                stream.write("before").await.unwrap();
                let bytes = other.peer.seal(typ, said);
                other.send(&bytes).await;
                stream.read(ReadMode::Available).await.unwrap_err();
                stream.write("after").await.unwrap_err();
                stream.close().unwrap();
                let records = other.everything().await;
                assert_eq!(alerts(&records), expected, "{role:?}");
                let content: Vec<u8> =
                    records.iter().filter(|one| one.0 == CONTENT).flat_map(|one| one.1.clone()).collect();
                assert_eq!(content, b"before", "{role:?}");
            }
        }
    });
}

#[test]
fn every_alert_of_ours_has_the_level_that_it_must_have() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let alerts = |records: Vec<(u8, Vec<u8>)>| -> Vec<Vec<u8>> {
                records.into_iter().filter(|(inner, _)| *inner == ALERT).map(|(_, payload)| payload).collect()
            };
            let (_, mut other) = hear(role, |peer| peer.seal(ALERT, &[1, 0])).await;
            assert_eq!(alerts(other.everything().await), [[1, 0]], "{role:?}");
            let (_, mut other) = hear(role, |peer| peer.seal(HANDSHAKE, &[])).await;
            assert_eq!(alerts(other.everything().await), [[2, 10]], "{role:?}");
        }
    });
}

#[test]
fn an_alert_after_new_keys_is_sealed_with_those() {
    run(async {
        for role in [Role::Client, Role::Server] {
            // The request is answered, and the next record is an offence; the raw peer opens nothing of other keys.
            let (_, mut other) = hear(role, |peer| [peer.key_update(), peer.seal(HANDSHAKE, &[])].concat()).await;
            let records = other.everything().await;
            let told: Vec<_> = records.iter().skip_while(|(_, payload)| payload[0] != KEY_UPDATE[0]).collect();
            assert_eq!(told, [&(HANDSHAKE, vec![24, 0, 0, 1, 0]), &(ALERT, vec![2, 10])], "{role:?}");
            // So is a goodbye.
            let (_, mut other) = hear(role, |peer| [peer.key_update(), peer.seal(ALERT, &[1, 0])].concat()).await;
            let records = other.everything().await;
            let told: Vec<_> = records.iter().skip_while(|(_, payload)| payload[0] != KEY_UPDATE[0]).collect();
            assert_eq!(told, [&(HANDSHAKE, vec![24, 0, 0, 1, 0]), &(ALERT, vec![1, 0])], "{role:?}");
        }
    });
}

/// What is sent to a peer that fails while we write and it does not read.
async fn sent_in_vain(role: Role) -> Vec<u8> {
    let (stream, mut other) = raw(role).await;
    let (reader, writer) = stream.split();
    let writing = spawn(async move { writer.write(&vec![7; 8 << 20]).await });
    // The kernel takes no more, and a part of what was sealed waits.
    for _ in 0..100 {
        lem_ssl_rs::yield_now().await;
    }
    let alert = other.peer.seal(ALERT, &[2, 80]);
    other.send(&alert).await;
    let error = reader.read(ReadMode::All).await.unwrap_err();
    assert!(matches!(tls(&error), TlsError::Alert { .. }), "{role:?}: {error:?}");
    let draining = spawn(async move {
        let mut bytes = Vec::new();
        while let Ok(received) = other.wire.read(ReadMode::Available).await {
            bytes.extend(received);
        }
        bytes
    });
    let error = writing.await.unwrap().unwrap_err();
    assert!(matches!(tls(&error), TlsError::Alert { .. }), "{role:?}: {error:?}");
    drop(reader);
    draining.await.unwrap()
}

#[test]
fn nothing_that_waits_is_sent_to_a_peer_that_has_failed() {
    on_both_records(|records| {
        run_on_any(async move {
            for role in [Role::Client, Role::Server] {
                let bytes = sent_in_vain(role).await;
                let mut rest = &bytes[..];
                while let &[_, _, _, high, low, ref behind @ ..] = rest
                    && let Some(behind) = behind.get(usize::from(u16::from_be_bytes([high, low]))..)
                {
                    rest = behind;
                }
                assert!(!rest.is_empty(), "{records:?}, {role:?}: what waited was sent: {} bytes in all", bytes.len());
            }
        });
    });
}

#[test]
fn the_end_is_the_end_at_either_level_and_what_follows_is_ignored() {
    run(async {
        for role in [Role::Client, Role::Server] {
            for level in [1, 2] {
                let (heard, mut other) = hear(role, |peer| {
                    let end = [peer.seal(CONTENT, b"all"), peer.seal(ALERT, &[level, 0])].concat();
                    [end, peer.seal(CONTENT, b"more"), vec![0xff; 40]].concat()
                })
                .await;
                assert_eq!(heard.unwrap(), b"all", "{role:?}");
                assert_eq!(alerts(&other.everything().await), [0], "{role:?}");
            }
        }
    });
}

#[test]
fn a_peer_may_cancel_before_it_says_goodbye_but_not_all_the_time() {
    run(async {
        for role in [Role::Client, Role::Server] {
            let cancelled = |peer: &mut RawPeer, times| {
                let mut bytes: Vec<u8> = (0..times).flat_map(|_| peer.seal(ALERT, &[1, 90])).collect();
                bytes.extend(peer.seal(ALERT, &[1, 0]));
                bytes
            };
            let (heard, mut other) = hear(role, |peer| cancelled(peer, 4)).await;
            assert_eq!(heard.unwrap(), b"");
            assert_eq!(alerts(&other.everything().await), [0]);
            let (heard, mut other) = hear(role, |peer| cancelled(peer, 5)).await;
            assert!(matches!(tls(&heard.unwrap_err()), TlsError::Protocol(_)));
            assert_eq!(alerts(&other.everything().await), [u8::from(AlertDescription::UnexpectedMessage)]);
        }
    });
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
