//! Peers that send what is allowed and useless, or what is not: told by an alert, and never our loss.

use std::sync::Arc;

use lem_ssl_rs::{Error, ReadMode, TlsError, Version, spawn};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE, KEY_UPDATE, RawPeer};
use lem_ssl_tests::records::{Records, on_both_records};
use rustls::AlertDescription;

use crate::support::{Peer, Raw, Role, alerts, client, pki, raw, run, says, server, tls, upgrade, wire};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// What a peer sends, and the alert that tells it why that ends the connection: ours, and what rustls can be made to say.
type Offence = (&'static str, fn(&mut RawPeer) -> Vec<u8>, Told);

#[derive(Debug, Clone, Copy)]
enum Told {
    /// The same.
    By(AlertDescription),
    ByUsAndRustls(AlertDescription, AlertDescription),
    /// A server sees at the first byte that nobody sends it such a message; rustls waits for all of it.
    OfATicket,
}

const UNEXPECTED: Told = Told::By(AlertDescription::UnexpectedMessage);
const UNEXPECTED_OR_DECODE_ERROR: Told =
    Told::ByUsAndRustls(AlertDescription::UnexpectedMessage, AlertDescription::DecodeError);

impl Told {
    fn by(self, records: Records, role: Role) -> AlertDescription {
        match (self, records) {
            (Self::OfATicket, Records::Ours) if role == Role::Server => AlertDescription::UnexpectedMessage,
            (Self::OfATicket, _) => AlertDescription::DecodeError,
            (Self::By(alert) | Self::ByUsAndRustls(alert, _), Records::Ours) => alert,
            (Self::By(alert) | Self::ByUsAndRustls(_, alert), Records::Rustls) => alert,
        }
    }
}

const OFFENCES: [Offence; 12] = [
    ("a handshake message of more than 64 KiB", |peer| peer.seal(HANDSHAKE, &[4, 1, 0, 0, 0]), Told::OfATicket),
    (
        "a handshake message of more than 64 KiB, in pieces",
        |peer| {
            let mut message = vec![4, 1, 0, 1];
            message.resize(70_000, 0);
            message.chunks(10_000).flat_map(|piece| peer.seal(HANDSHAKE, piece)).collect()
        },
        Told::OfATicket,
    ),
    ("empty records", |peer| (0..40).flat_map(|_| peer.seal(CONTENT, &[])).collect(), UNEXPECTED),
    ("empty handshake records", |peer| (0..40).flat_map(|_| peer.seal(HANDSHAKE, &[])).collect(), UNEXPECTED),
    (
        "half a KeyUpdate",
        |peer| [peer.seal(HANDSHAKE, &KEY_UPDATE[..3]), peer.seal(CONTENT, b"x")].concat(),
        UNEXPECTED_OR_DECODE_ERROR,
    ),
    (
        "half a KeyUpdate, and an alert",
        |peer| [peer.seal(HANDSHAKE, &KEY_UPDATE[..4]), peer.seal(21, &[1, 0])].concat(),
        UNEXPECTED_OR_DECODE_ERROR,
    ),
    ("an all-zero inner text", |peer| peer.seal(0, &[0; 100]), UNEXPECTED),
    ("an inner text of no type at all", |peer| peer.seal(0, &[]), UNEXPECTED),
    (
        "a handshake message that fills all room in tiny pieces",
        |peer| {
            let mut message = vec![4, 0, 255, 0];
            message.resize(15_000, 0);
            message.chunks(1).flat_map(|piece| peer.seal(HANDSHAKE, piece)).collect()
        },
        Told::OfATicket,
    ),
    ("warnings", |peer| (0..10).flat_map(|_| peer.seal(ALERT, &[1, 90])).collect(), UNEXPECTED_OR_DECODE_ERROR),
    ("a message that nobody sends now", |peer| peer.seal(HANDSHAKE, &[20, 0, 0, 1, 0]), UNEXPECTED),
    ("new keys again and again", |peer| (0..40).flat_map(|_| peer.key_update()).collect(), UNEXPECTED_OR_DECODE_ERROR),
];

#[test]
fn every_offence_is_answered_with_an_alert() {
    on_both_records(|records| {
        run(every_offence(records));
    });
}

async fn every_offence(records: Records) {
    for role in ROLES {
        for (what, offend, alert) in OFFENCES {
            for also in [&b""[..], b"content before"] {
                let (stream, mut other) = raw(role).await;
                let reader = spawn(async move { stream.read(ReadMode::All).await });
                let mut bytes = if also.is_empty() { Vec::new() } else { other.peer.seal(CONTENT, also) };
                bytes.extend(offend(&mut other.peer));
                other.send(&bytes).await;
                let error = reader.await.unwrap().unwrap_err();
                assert!(matches!(tls(&error), TlsError::Protocol(_)), "{role:?}: {what}: {error:?}");
                says(tls(&error), &["the peer broke the protocol"]);
                told(&mut other, alert.by(records, role), &format!("{records:?}, {role:?}: {what}")).await;
            }
        }
    }
}

async fn told(other: &mut Raw, alert: AlertDescription, what: &str) {
    let alerts = alerts(&other.everything().await);
    assert_eq!(alerts, [u8::from(alert)], "{what}");
}

#[test]
fn an_offence_after_our_own_goodbye_ends_the_reading_and_nothing_else() {
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                for (what, offend, _) in OFFENCES {
                    let (stream, mut other) = raw(role).await;
                    stream.close_write().unwrap();
                    let bytes = offend(&mut other.peer);
                    let reader = spawn(async move { stream.read(ReadMode::All).await });
                    other.send(&bytes).await;
                    let error = reader.await.unwrap().unwrap_err();
                    assert!(!matches!(error, Error::Closed | Error::Truncated(_)), "{role:?}: {what}: {error:?}");
                    assert_eq!(alerts(&other.everything().await), [0], "{role:?}: {what}");
                }
            }
        });
    });
}

#[test]
fn what_cannot_be_opened_after_our_own_goodbye_ends_the_reading_and_nothing_else() {
    const WRONG: [(&str, &[u8]); 3] = [
        ("no record", &[0xff; 64]),
        (
            "a record under other keys",
            &[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
        ),
        ("a change of ciphers", &[20, 3, 3, 0, 1, 1]),
    ];
    on_both_records(|_| {
        run(async {
            for role in ROLES {
                for (what, bytes) in WRONG {
                    let (stream, mut other) = raw(role).await;
                    stream.close_write().unwrap();
                    other.send(bytes).await;
                    let error = stream.read(ReadMode::All).await.unwrap_err();
                    assert!(matches!(tls(&error), TlsError::Protocol(_)), "{role:?}: {what}: {error:?}");
                    drop(stream);
                    assert_eq!(alerts(&other.everything().await)[0], 0, "{role:?}: {what}");
                }
            }
        });
    });
}

/// Before there are keys, and with the other end's first words.
const FIRST_WORDS: [(&str, &[u8], AlertDescription); 7] = [
    ("new keys", &[22, 3, 3, 0, 5, 24, 0, 0, 1, 0], AlertDescription::UnexpectedMessage),
    ("a hello of more than 64 KiB", &[22, 3, 1, 0, 6, 1, 1, 0, 0, 3, 3], AlertDescription::DecodeError),
    ("a hello of 16 MiB", &[22, 3, 1, 0, 6, 2, 255, 255, 255, 3, 3], AlertDescription::DecodeError),
    (
        "half a hello and an alert",
        &[22, 3, 1, 0, 5, 1, 0, 0, 200, 3, 21, 3, 1, 0, 2, 1, 0],
        AlertDescription::DecodeError,
    ),
    ("half a hello and content", &[22, 3, 1, 0, 5, 1, 0, 0, 200, 3, 23, 3, 1, 0, 1, 0], AlertDescription::DecodeError),
    ("content", &[23, 3, 1, 0, 1, 0], AlertDescription::UnexpectedMessage),
    ("a record that is too large", &[22, 3, 1, 255, 255, 1], AlertDescription::DecodeError),
];

#[test]
fn an_offence_in_the_handshake_is_answered_with_an_alert() {
    run(async {
        let pki = pki();
        for role in ROLES {
            let context = pki.context(role).build().unwrap();
            for (what, bytes, alert) in FIRST_WORDS {
                let (near, far) = wire();
                let ours = context.clone();
                let us = spawn(async move { upgrade(&ours, role, near).await.unwrap_err() });
                far.write(bytes).await.unwrap();
                let error = us.await.unwrap();
                says(tls(&error), &["the peer broke the protocol"]);
                let told = far.read(ReadMode::All).await.unwrap();
                let last = told.last_chunk().unwrap();
                assert_eq!(last, &[21, 3, 3, 0, 2, 2, u8::from(alert)], "{role:?}: {what}");
            }
        }
    });
}

#[test]
fn a_chain_of_more_than_64_kib_is_refused_with_an_alert_that_arrives() {
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            let pki = pki();
            let mut long = pki.server.chain_der.clone();
            while long.iter().map(|certificate| certificate.len()).sum::<usize>() <= 70_000 {
                long.push(pki.root.certificate_der().clone());
            }
            let mut issued = pki.server.clone();
            issued.chain_der = long;
            let peer = server(&Arc::new(pki.server_config(&issued, &[version])));
            let context = pki.client_context().versions([version]).build().unwrap();
            let (near, far) = wire();
            let us = spawn(async move { upgrade(&context, Role::Client, near).await.unwrap_err() });
            let mut peer = Peer::new(peer, far).await;
            assert!(!peer.shake_hands().await);
            peer.drain().await;
            let error = us.await.unwrap();
            says(tls(&error), &["the peer broke the protocol"]);
            let told = Some(rustls::Error::AlertReceived(AlertDescription::DecodeError));
            assert_eq!(peer.failure, told, "{version:?}");
        }
    });
}

#[test]
fn changes_of_ciphers_that_are_no_end_are_answered_with_an_alert() {
    const CHANGE: [u8; 6] = [20, 3, 3, 0, 1, 1];
    run(async {
        let pki = pki();
        let context = pki.server_context().versions([Version::Tls13]).build().unwrap();
        let peer = client(&Arc::new(pki.client_config(&[Version::Tls13])));
        let (near, far) = wire();
        let us = spawn(async move { upgrade(&context, Role::Server, near).await.unwrap_err() });
        let mut peer = Peer::new(peer, far).await;
        assert!(peer.flush().await);
        peer.send(&CHANGE.repeat(40)).await;
        peer.drain().await;
        says(tls(&us.await.unwrap()), &["the peer broke the protocol"]);
        let told = Some(rustls::Error::AlertReceived(AlertDescription::DecodeError));
        assert_eq!(peer.failure, told);
    });
}
