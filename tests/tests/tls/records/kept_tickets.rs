//! Which tickets a client keeps (RFC 8446 section 4.6.1), and how many of them; and what a server's are like.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lem_ssl_rs::{Context, ReadMode, TlsError, Version, danger, spawn};
use lem_ssl_tests::raw::{ALERT, CONTENT, HANDSHAKE, RawHandshake, RawPeer};
use lem_ssl_tests::records::Records;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

use crate::support::{alerts, pki, run as run_on_any, tls, wire};

/// Counts the tickets that it is given.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl ClientSessionStore for Counting {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// What a client was told by a server that sends it this and its goodbye, how many tickets it has kept, and what alerts it
/// has sent.
async fn told(send: impl FnOnce(&mut RawPeer) -> Vec<u8>) -> (Result<Vec<u8>, lem_ssl_rs::Error>, usize, Vec<u8>) {
    let kept = Arc::new(Counting::default());
    let mut config = pki().client_config(&[Version::Tls13]);
    config.resumption = Resumption::store(kept.clone());
    config.enable_secret_extraction = true;
    let context = danger::client_config(Records::Ours.on(Context::builder()), Arc::new(config)).build().unwrap();
    let mut handshake = RawHandshake::server(pki().server_config(&pki().server, &[Version::Tls13]));
    let (near, far) = wire();
    let us = spawn(async move { context.upgrade(near, "localhost").await.unwrap() });
    let mut received = Vec::new();
    loop {
        let message = handshake.advance(&received);
        far.write(&message).await.unwrap();
        if handshake.is_over() {
            break;
        }
        received = far.read(ReadMode::Available).await.unwrap();
    }
    let mut peer = handshake.into_peer();
    let stream = us.await.unwrap();
    assert_eq!(Records::of(&stream), Some(Records::Ours));
    let bytes = [send(&mut peer), peer.seal(ALERT, &[1, 0])].concat();
    let reading = spawn(async move { stream.read(ReadMode::All).await });
    far.write(&bytes).await.unwrap();
    let heard = reading.await.unwrap();
    let mut records = Vec::new();
    while let Ok(bytes) = far.read(ReadMode::Available).await {
        records.extend(peer.open(&bytes));
    }
    (heard, kept.0.load(Ordering::Relaxed), alerts(&records))
}

fn run(test: impl Future<Output = ()>) {
    Records::Ours.during(|| run_on_any(test));
}

/// A ticket with this lifetime, and an extension that nobody knows.
fn ticket(lifetime: u32) -> Vec<u8> {
    let body = [&lifetime.to_be_bytes()[..], &[0, 0, 0, 7, 1, 9, 0, 1, 5, 0, 6, 0xfa, 0xfa, 0, 2, 1, 2]].concat();
    [&[4, 0, 0, body.len() as u8], &body[..]].concat()
}

#[test]
fn a_ticket_without_a_lifetime_is_discarded_at_once_and_one_with_unknown_extensions_is_kept() {
    run(async {
        for (lifetime, expected) in [(0, 0), (1, 1), (604_800, 1), (u32::MAX, 1)] {
            let (heard, kept, _) = told(|peer| peer.seal(HANDSHAKE, &ticket(lifetime))).await;
            assert_eq!((heard.unwrap(), kept), (Vec::new(), expected), "{lifetime}");
        }
    });
}

#[test]
fn a_ticket_that_is_not_kept_is_read_all_the_same() {
    run(async {
        let whole = ticket(0);
        for end in 0..whole.len() - 4 {
            let (heard, kept, alerts) = told(|peer| {
                let body = &whole[4..4 + end];
                peer.seal(HANDSHAKE, &[&[4, 0, 0, end as u8], body].concat())
            })
            .await;
            assert!(matches!(tls(&heard.unwrap_err()), TlsError::Protocol(_)), "cut at {end}");
            assert_eq!((kept, &alerts[..]), (0, &[50][..]), "cut at {end}");
        }
        let broken: [(&str, &[u8]); 5] = [
            ("nothing in it", &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0]),
            ("something behind it", &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 5, 0, 0, 1]),
            ("half a kind of an extension", &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 5, 0, 1, 0xfa]),
            ("an extension without a length", &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 5, 0, 2, 0xfa, 0xfa]),
            ("half an extension", &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 5, 0, 5, 0xfa, 0xfa, 0, 2, 1]),
        ];
        for (what, body) in broken {
            let (heard, ..) = told(|peer| peer.seal(HANDSHAKE, &[&[4, 0, 0, body.len() as u8], body].concat())).await;
            assert!(matches!(tls(&heard.unwrap_err()), TlsError::Protocol(_)), "{what}");
        }
    });
}

#[test]
fn of_many_tickets_without_content_a_client_keeps_a_few() {
    run(async {
        let (heard, kept, _) = told(|peer| {
            let flood = ticket(3_600).repeat(600);
            [peer.seal(HANDSHAKE, &flood), peer.seal(CONTENT, b"x"), peer.seal(HANDSHAKE, &flood)].concat()
        })
        .await;
        assert_eq!((heard.unwrap(), kept), (b"x".to_vec(), 64));
    });
}

/// The tickets of a server: lifetime, what the age is hidden with, nonce, and the ticket itself.
async fn given(context: Context) -> Vec<(u32, Vec<u8>, Vec<u8>, Vec<u8>)> {
    let mut handshake = RawHandshake::client(pki().client_config(&[Version::Tls13]));
    let (near, far) = wire();
    let us = spawn(async move { context.upgrade_server(near).await.unwrap().close().unwrap() });
    far.write(&handshake.advance(&[])).await.unwrap();
    let flight = loop {
        let flight = handshake.advance(&far.read(ReadMode::Available).await.unwrap());
        if handshake.is_over() {
            break flight;
        }
    };
    let mut peer = handshake.into_peer();
    far.write(&flight).await.unwrap();
    let mut records = Vec::new();
    while let Ok(bytes) = far.read(ReadMode::Available).await {
        records.extend(peer.open(&bytes));
    }
    us.await.unwrap();
    let messages: Vec<u8> =
        records.into_iter().filter(|(inner, _)| *inner == HANDSHAKE).flat_map(|(_, payload)| payload).collect();
    let (mut tickets, mut rest) = (Vec::new(), &messages[..]);
    while let &[kind, 0, high, low, ref behind @ ..] = rest {
        assert_eq!(kind, 4);
        let (body, after) = behind.split_at(usize::from(u16::from_be_bytes([high, low])));
        let (nonce, ticket) = body[9..].split_at(body[8].into());
        let length = usize::from(u16::from_be_bytes([ticket[0], ticket[1]]));
        let lifetime = u32::from_be_bytes(body[..4].try_into().unwrap());
        tickets.push((lifetime, body[4..8].to_vec(), nonce.to_vec(), ticket[2..2 + length].to_vec()));
        rest = after;
    }
    assert!(rest.is_empty());
    tickets
}

#[test]
fn no_two_tickets_of_a_server_have_anything_in_common_and_none_is_good_for_more_than_a_week() {
    run(async {
        let context = pki().server_context().build().unwrap();
        let tickets = [given(context.clone()).await, given(context).await].concat();
        assert!(tickets.len() >= 4, "{tickets:?}");
        for (at, (lifetime, age_add, nonce, ticket)) in tickets.iter().enumerate() {
            assert!((1..=604_800).contains(lifetime) && !ticket.is_empty());
            for (_, other_age_add, other_nonce, other_ticket) in &tickets[..at] {
                assert!(age_add != other_age_add && nonce != other_nonce && ticket != other_ticket, "{tickets:?}");
            }
        }
    });
}
