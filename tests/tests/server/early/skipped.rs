//! Refused early data are skipped up to a limit, however they are cut up, and each record costs once.

use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use lem_ssl_rs::{Context, ReadMode, Server, ServerOptions, unblock};
use rustls::{AlertDescription, Error};

use super::cut::{LATE, last_flight, send};
use super::{answer, listen};
use crate::support::{Returning, Visitor, both, check, identity, issue, server_builder, server_context, until};

/// So much the clients' sessions allow.
const OFFERED: u32 = 40_000;

/// A server without early data skips so much: a record's worth.
const SKIPPED: usize = 16_384;

fn context(most: u32) -> Context {
    server_builder().identity(identity(&issue(&["localhost"]))).early_data(most).build().unwrap()
}

/// A client with a session of another server, from which it may send early data.
async fn with_session(client: Returning) -> Returning {
    let other = listen(&context(OFFERED)).await;
    both(client.visit(&other, "", ""), async { answer(other.accept_early().await.unwrap()).await.unwrap() }).await;
    client
}

/// A client that begins with `size` bytes of early data, in records of so many.
fn begin(client: &Returning, address: SocketAddr, size: usize, record: usize) -> (Visitor, Vec<u8>) {
    let (mut visitor, offered) = client.begin(address, "");
    assert!(offered);
    for left in (1..=size).rev().step_by(record) {
        visitor.tls.early_data().unwrap().write_all(&vec![b'e'; left.min(record)]).unwrap();
    }
    let flight = visitor.flight();
    (visitor, flight)
}

/// A client whose flights are cut there, and that is heard nevertheless.
async fn is_heard(server: &Server, client: &Returning, size: usize, record: usize, cut: usize) -> usize {
    let (client, address) = (client.clone(), server.local_addr().ip().unwrap());
    let visit = unblock(move || {
        let (mut visitor, flight) = begin(&client, address, size, record);
        send(&mut visitor.socket, &flight, cut);
        let rest = last_flight(&mut visitor);
        assert!(!visitor.tls.is_early_data_accepted());
        send(&mut visitor.socket, &rest, cut % rest.len());
        visitor.hears("answer");
        flight.len()
    });
    let serving = async {
        let stream = server.accept_early().await.unwrap().finish().await.unwrap().0;
        let heard = stream.read(ReadMode::All).await;
        assert_eq!(heard.unwrap(), LATE.repeat(2), "{size} bytes in records of {record}, cut at {cut}");
        stream.write("answer").await.unwrap();
        stream.close().unwrap();
    };
    both(async { visit.await.unwrap() }, serving).await.0
}

/// Every kind of server that refuses: without early data, with early data on another server, and with them here.
async fn refusing() -> Vec<Rc<Server>> {
    let ordinary = [server_context(), context(16_384)];
    let mut servers = vec![listen(&context(16_384)).await];
    for context in ordinary {
        servers.push(Rc::new(context.listen_with("127.0.0.1:0", ServerOptions::default()).await.unwrap()));
    }
    servers
}

#[test]
fn refused_early_data_up_to_the_limit_are_skipped_in_records_of_any_size_cut_anywhere() {
    check(async {
        for server in refusing().await {
            for record in [16_000, 1_000, 16] {
                let length = is_heard(&server, &with_session(Returning::new()).await, 16_000, record, 0).await;
                for cut in (1..length).step_by(length / 7).chain([length - 1]) {
                    is_heard(&server, &with_session(Returning::new()).await, 16_000, record, cut).await;
                }
            }
            assert_eq!(server.counters().failed.total(), 0);
        }
    });
}

#[test]
fn a_handshake_message_in_small_records_is_no_early_data() {
    check(async {
        for server in refusing().await {
            for cut in [0, 100, 400, 700] {
                let mut client = Returning::new();
                // The last message does not fit in one record.
                Arc::make_mut(&mut client.config).max_fragment_size = Some(32);
                is_heard(&server, &with_session(client).await, 500, 500, cut).await;
            }
        }
    });
}

#[test]
fn early_data_of_a_session_that_is_resumed_all_the_same_are_skipped_as_well() {
    check(async {
        let builder = || server_builder().identity(identity(&issue(&["localhost"]))).early_data(OFFERED);
        let server = listen(&builder().alpn(["a", "b"]).build().unwrap()).await;
        for record in [16_000, 1_000, 16] {
            let mut client = Returning::with_alpn(&["a"]);
            let serving = async { answer(server.accept_early().await.unwrap()).await.unwrap() };
            both(client.visit(&server, "", ""), serving).await;
            // It says another protocol now, for which its early data were not meant (RFC 8446 section 4.2.10).
            Arc::make_mut(&mut client.config).alpn_protocols = vec![b"b".to_vec()];
            is_heard(&server, &client, 16_000, record, 0).await;
        }
        let counters = server.counters();
        assert_eq!((counters.handshakes_resumed, counters.handshakes_early), (3, 0));
    });
}

#[test]
fn more_refused_early_data_than_the_limit_end_the_handshake() {
    check(async {
        for (context, limit) in [(server_context(), SKIPPED), (context(30_000), 30_000)] {
            let server = context.listen("127.0.0.1:0").await.unwrap();
            let client = with_session(Returning::new()).await;
            // As long as it stays below, it is heard.
            is_heard(&server, &client, limit, 500, 0).await;
            let client = with_session(Returning::new()).await;
            let address = server.local_addr().ip().unwrap();
            let refused = unblock(move || {
                let (mut visitor, flight) = begin(&client, address, limit + 1, 500);
                visitor.socket.write_all(&flight).unwrap();
                visitor.refused()
            });
            assert_eq!(refused.await.unwrap(), Error::AlertReceived(AlertDescription::UnexpectedMessage));
            until(|| server.counters().failed.protocol == 1).await;
        }
    });
}

#[test]
fn a_record_in_which_nothing_can_be_sealed_is_no_early_data() {
    check(async {
        for server in refusing().await {
            for size in [0, 1, 16] {
                let client = with_session(Returning::new()).await;
                let address = server.local_addr().ip().unwrap();
                let refused = unblock(move || {
                    let (mut visitor, mut flight) = begin(&client, address, 0, 1);
                    flight.extend([23, 3, 3, 0, size]);
                    flight.extend(vec![0; size.into()]);
                    visitor.socket.write_all(&flight).unwrap();
                    visitor.refused()
                });
                let refused = refused.await.unwrap();
                assert_eq!(refused, Error::AlertReceived(AlertDescription::UnexpectedMessage), "{size} bytes");
            }
            until(|| server.counters().failed.protocol == 3).await;
        }
    });
}

#[test]
fn what_cannot_be_early_data_is_not_skipped() {
    check(async {
        for server in refusing().await {
            use AlertDescription::{DecodeError, UnexpectedMessage};
            let wrong: [(&[u8], AlertDescription); 7] = [
                (&[99, 3, 3, 0, 20], DecodeError),
                (&[23, 3, 3, 0x48, 1], DecodeError),
                (&[23, 9, 3, 0, 20], DecodeError),
                (&[23, 3, 3, 0x41, 1], UnexpectedMessage),
                (&[21, 3, 3, 0, 20], UnexpectedMessage),
                (&[22, 3, 3, 0, 1], UnexpectedMessage),
                (&[24, 3, 3, 0, 20], UnexpectedMessage),
            ];
            for (header, alert) in wrong {
                let client = with_session(Returning::new()).await;
                let address = server.local_addr().ip().unwrap();
                let refused = unblock(move || {
                    let (mut visitor, mut flight) = begin(&client, address, 1_000, 500);
                    flight.extend(header);
                    flight.extend(vec![0; u16::from_be_bytes([header[3], header[4]]).into()]);
                    visitor.socket.write_all(&flight).unwrap();
                    visitor.refused()
                });
                let refused = refused.await.unwrap();
                assert_eq!(refused, Error::AlertReceived(alert), "{header:?}");
            }
            until(|| server.counters().failed.total() == 7).await;
        }
    });
}
