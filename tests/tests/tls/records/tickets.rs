//! Tickets (RFC 8446 section 4.6.1): those of our servers as they are on the wire, and what our clients make of others.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lem_ssl_rs::{Context, ReadMode, Version, danger, spawn};
use lem_ssl_tests::raw::{CONTENT, HANDSHAKE, RawHandshake};
use lem_ssl_tests::records::on_both_records;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::support::{Role, pki, provider, raw, run, upgrade, wire};

/// The longest time that a ticket may be used: seven days, in seconds.
const MAX_LIFETIME: u32 = 604_800;

#[test]
fn tickets_live_seven_days_at_most_and_share_no_number_with_others() {
    on_both_records(|records| {
        run(async move {
            let (mut masks, mut tickets) = (HashSet::new(), 0);
            for _ in 0..3 {
                let (stream, mut other) = raw(Role::Server).await;
                stream.write("content").await.unwrap();
                stream.close().unwrap();
                let mut nonces = HashSet::new();
                let said = other.everything().await;
                assert!(said.iter().any(|(inner, _)| *inner == CONTENT));
                let messages = said.iter().filter(|(inner, _)| *inner == HANDSHAKE);
                let messages: Vec<u8> = messages.flat_map(|(_, payload)| payload.clone()).collect();
                let mut rest = &messages[..];
                while let Some(([kind, high, middle, low], after)) = rest.split_first_chunk() {
                    let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
                    let (ticket, after) = after.split_at(length);
                    rest = after;
                    let (lifetime, ticket) = ticket.split_first_chunk().unwrap();
                    let (mask, ticket) = ticket.split_first_chunk::<4>().unwrap();
                    let nonce = &ticket[1..][..usize::from(ticket[0])];
                    assert_eq!(*kind, 4);
                    assert!(u32::from_be_bytes(*lifetime) <= MAX_LIFETIME, "{records:?}");
                    assert!(masks.insert(*mask), "{records:?}: each ticket has its own ticket_age_add");
                    assert!(nonces.insert(nonce.to_vec()), "{records:?}: each of a connection has its own nonce");
                    tickets += 1;
                }
            }
            assert!(tickets >= 6, "{tickets}");
        });
    });
}

/// A clock that goes on when it is told to.
#[derive(Debug)]
struct Clock(AtomicU64);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::Relaxed))))
    }
}

/// Whether the hello of a client that begins now offers to resume a session.
async fn offers_a_session(context: &Context) -> bool {
    const PRE_SHARED_KEY: [u8; 2] = [0, 41];
    let (near, far) = wire();
    let context = context.clone();
    let us = spawn(async move { upgrade(&context, Role::Client, near).await.map(drop) });
    let hello = far.read(ReadMode::Available).await.unwrap();
    far.close().unwrap();
    us.await.unwrap().unwrap_err();
    // Record and message have a header each; version and random number follow.
    let (mut rest, mut found) = (&hello[5 + 4 + 2 + 32..], false);
    // The session's number, the suites and the methods of compression.
    for length in [1, 2, 1] {
        rest = split(rest, length).1;
    }
    let mut extensions = split(rest, 2).0;
    while let Some((kind, body)) = extensions.split_first_chunk::<2>() {
        found |= *kind == PRE_SHARED_KEY;
        extensions = split(body, 2).1;
    }
    found
}

/// What a length of so many bytes is said of, and the rest.
fn split(bytes: &[u8], length: usize) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(length);
    rest.split_at(length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

#[test]
fn a_client_uses_no_ticket_for_longer_than_seven_days_whatever_its_server_says() {
    on_both_records(|records| {
        run(async move {
            let clock = Arc::new(Clock(AtomicU64::new(UnixTime::now().as_secs())));
            let mut config = rustls::ClientConfig::builder_with_details(provider(), clock.clone())
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(pki().roots())
                .with_no_client_auth();
            config.enable_secret_extraction = true;
            let context = danger::client_config(records.on(Context::builder()), Arc::new(config)).build().unwrap();
            let (near, far) = wire();
            let ours = context.clone();
            let us = spawn(async move { upgrade(&ours, Role::Client, near).await.unwrap() });
            let mut handshake = RawHandshake::server(pki().server_config(&pki().server, &[Version::Tls13]));
            while !handshake.is_over() {
                let received = far.read(ReadMode::Available).await.unwrap();
                far.write(&handshake.advance(&received)).await.unwrap();
            }
            let (stream, mut peer) = (us.await.unwrap(), handshake.into_peer());
            // Each is used once; they say more than a hundred years.
            let ticket = [4, 0, 0, 15, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 7, 0, 1, 9, 0, 0];
            far.write(&[peer.seal(HANDSHAKE, &ticket.repeat(2)), peer.seal(CONTENT, b"x")].concat()).await.unwrap();
            assert_eq!(stream.read(1).await.unwrap(), b"x");
            clock.0.fetch_add(u64::from(MAX_LIFETIME) - 60, Ordering::Relaxed);
            assert!(offers_a_session(&context).await, "{records:?}");
            clock.0.fetch_add(120, Ordering::Relaxed);
            assert!(!offers_a_session(&context).await, "{records:?}");
        });
    });
}
