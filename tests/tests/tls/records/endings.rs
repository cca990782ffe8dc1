//! How alerts end a connection after the handshake (RFC 8446 section 6), and what follows them: nothing.

use lem_ssl_rs::{ReadMode, TlsError, spawn};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE, KEY_UPDATE, RawPeer};
use lem_ssl_tests::records::on_both_records;
use rustls::AlertDescription;

use super::rules::{hear, run};
use crate::support::{Role, alerts, raw, run as run_on_any, tls};

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
