//! Where the records change hands: whatever comes along with the handshake's last message arrives, however it is cut.

use std::io::Write;
use std::sync::Arc;

use lem_ssl_rs::{Context, Error, ReadMode, Stream, TlsError, Version, spawn};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE, KEY_UPDATE, RawHandshake, RawPeer};
use lem_ssl_tests::records::{Records, on_both_records};

use crate::support::{Cuts, Peer, Role, pki, run, server, upgrade, wire};

/// What rides along with a client's last message, what a server reads of it, and how that ends.
type Along = (&'static str, fn(&mut RawPeer) -> Vec<u8>, &'static [u8], End);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// `close_notify`.
    Clean,
    /// It goes on.
    None,
    /// A violation.
    Failed,
}

const ALONG: [Along; 8] = [
    ("nothing", |_| Vec::new(), b"", End::None),
    ("content", |peer| peer.seal(CONTENT, b"content"), b"content", End::None),
    ("the end", |peer| peer.seal(ALERT, &[1, 0]), b"", End::Clean),
    (
        "content and the end",
        |peer| [peer.seal(CONTENT, b"one"), peer.pad(b"two", 9), peer.seal(ALERT, &[1, 0])].concat(),
        b"onetwo",
        End::Clean,
    ),
    (
        "new keys, content and the end",
        |peer| [peer.key_update(), peer.seal(CONTENT, b"new"), peer.seal(ALERT, &[1, 0])].concat(),
        b"new",
        End::Clean,
    ),
    (
        "new keys in two parts, twice, between content",
        |peer| {
            let first = [peer.seal(CONTENT, b"a"), peer.seal(HANDSHAKE, &KEY_UPDATE[..2])].concat();
            let second = [peer.new_keys_with(&KEY_UPDATE[2..]), peer.seal(CONTENT, b"b"), peer.key_update()].concat();
            [first, second, peer.seal(CONTENT, b"c")].concat()
        },
        b"abc",
        End::None,
    ),
    ("half of new keys", |peer| peer.seal(HANDSHAKE, &KEY_UPDATE[..2]), b"", End::None),
    (
        "content and what nobody sends",
        |peer| [peer.seal(CONTENT, b"content"), peer.seal(HANDSHAKE, &[20, 0, 0, 0])].concat(),
        b"content",
        End::Failed,
    ),
];

/// A server of ours, and a client that sends its last message with `along` in pieces that meet at `cut`; says how many
/// bytes there are.
async fn last_message(context: &Context, records: Records, along: Along, cut: usize) -> usize {
    let (what, send, content, end) = along;
    let mut handshake = RawHandshake::client(pki().client_config(&[Version::Tls13]));
    let (near, far) = wire();
    let context = context.clone();
    let us = spawn(async move {
        let stream = context.upgrade_server(near).await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < content.len() {
            heard.extend(stream.read(ReadMode::Available).await.unwrap());
        }
        // Whatever came along, we can answer; after new keys that is under new keys of ours.
        if end != End::Failed {
            stream.write("answer").await.unwrap();
        }
        let rest = stream.read(ReadMode::All).await;
        let whose = Records::of(&stream);
        stream.close().unwrap();
        (heard, rest, whose)
    });
    far.write(&handshake.advance(&[])).await.unwrap();
    let flight = loop {
        let received = far.read(ReadMode::Available).await.unwrap();
        let flight = handshake.advance(&received);
        if handshake.is_over() {
            break flight;
        }
        assert!(flight.is_empty());
    };
    let mut peer = handshake.into_peer();
    let bytes = [flight, send(&mut peer)].concat();
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    far.write(first).await.unwrap();
    lem_ssl_rs::yield_now().await;
    far.write(second).await.unwrap();
    let place = format!("{records:?}: {what}, cut at {cut}");
    if end == End::None {
        let mut answered = Vec::new();
        while !answered.ends_with(&[(CONTENT, b"answer".to_vec())]) {
            let received = far.read(ReadMode::Available).await.unwrap();
            answered.extend(peer.open(&received));
        }
        far.close_write().unwrap();
    }
    let (heard, rest, whose) = us.await.unwrap();
    assert_eq!((&heard[..], whose), (content, Some(records)), "{place}");
    let expected = match end {
        End::Clean => rest.as_ref().is_ok_and(Vec::is_empty),
        End::None => matches!(rest, Err(Error::Truncated(_))),
        End::Failed => {
            let error = rest.as_ref().err().and_then(TlsError::of);
            matches!(error, Some(TlsError::Protocol(_)))
        }
    };
    assert!(expected, "{place}: {rest:?}");
    bytes.len()
}

#[test]
fn what_rides_along_with_a_clients_last_message_arrives_wherever_it_is_cut() {
    on_both_records(|records| {
        run(async move {
            for tickets in [true, false] {
                let builder = pki().server_context();
                let builder = if tickets { builder } else { builder.tickets(lem_ssl_rs::Tickets::Off) };
                let context = builder.build().unwrap();
                for along in ALONG {
                    let length = last_message(&context, records, along, 0).await;
                    // On the records of rustls it is a sample: those have tests of their own.
                    let step = if records == Records::Ours { 1 } else { 7 };
                    for cut in (1..length).step_by(step) {
                        last_message(&context, records, along, cut).await;
                    }
                }
            }
        });
    });
}

/// A server of rustls that answers before the handshake is finished: its content rides along with its own last message.
async fn half_rtt(context: &Context, cuts: Cuts, says_goodbye: bool) -> usize {
    let mut config = pki().server_config(&pki().server, &[Version::Tls13]);
    config.send_half_rtt_data = true;
    let mut theirs = server(&Arc::new(config));
    theirs.writer().write_all(b"at once").unwrap();
    let (near, far) = wire();
    let context = context.clone();
    let us = spawn(async move {
        let stream: Stream = upgrade(&context, Role::Client, near).await.unwrap();
        let heard = stream.read(ReadMode::Exact(7)).await.unwrap();
        stream.write("answer").await.unwrap();
        let rest = stream.read(ReadMode::All).await;
        let whose = Records::of(&stream);
        stream.close().unwrap();
        (heard, rest, whose)
    });
    let mut peer = Peer::new(theirs, far).await.cut(cuts);
    assert!(peer.receive().await);
    if says_goodbye {
        peer.tls.send_close_notify();
    }
    assert!(peer.shake_hands().await);
    assert!(peer.expect(b"answer").await, "{cuts:?}: {:?}", peer.failure);
    if !says_goodbye {
        peer.finish().await;
    }
    let (heard, rest, records) = us.await.unwrap();
    assert_eq!((&heard[..], &rest.unwrap()[..], records), (&b"at once"[..], &b""[..], Some(Records::Ours)), "{cuts:?}");
    peer.sent
}

#[test]
fn what_rides_along_with_a_servers_last_message_arrives_wherever_it_is_cut() {
    run(async {
        let context = Records::Ours.on(pki().client_context()).versions([Version::Tls13]).build().unwrap();
        for says_goodbye in [false, true] {
            let length = half_rtt(&context, Cuts::Whole, says_goodbye).await;
            // The last few hundred bytes: Finished, content, goodbye, and the tickets.
            for at in length.saturating_sub(700)..length {
                half_rtt(&context, Cuts::At(at), says_goodbye).await;
            }
        }
    });
}
