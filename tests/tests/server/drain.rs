//! Draining: no new connections, the open ones to their end or to the deadline.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::lem_rs::transport::StreamOptions;
use lem_ssl_rs::{Drained, Error, ReadMode, Server, ServerOptions, Stream, TcpStream, TlsError, spawn, yield_now};

use crate::support::{at_once, both, check, client_context, connect, is_echoed, listen, raw, serve, until};

const LONG: Duration = Duration::from_secs(3_600);

/// What a drain must have counted.
fn counts(drained: Drained) -> (u64, u64) {
    (drained.finished, drained.closed)
}

async fn accepted(server: &Server) -> (Stream, Stream) {
    let context = client_context();
    let (client, accepted) = both(context.connect_as(server.local_addr(), "localhost"), server.accept()).await;
    (client.unwrap(), accepted.unwrap())
}

#[test]
fn with_nothing_open_it_is_over_at_once() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let drained = at_once(server.drain(LONG)).await.expect("there is nothing to wait for");
        assert_eq!(counts(drained), (0, 0));
        assert!(server.is_closed());
    });
}

#[test]
fn it_accepts_nobody_any_more() {
    check(async {
        let server = serve().await;
        let address = server.local_addr().clone();
        let client = connect(&server).await;
        is_echoed(&client, "before\n").await;
        let mut draining = pin!(server.drain(LONG));
        assert!(at_once(draining.as_mut()).await.is_none());
        TcpStream::connect(&address).await.unwrap_err();
        is_echoed(&client, "meanwhile\n").await;
        client.close().unwrap();
        assert_eq!(counts(draining.await), (1, 0));
    });
}

#[test]
fn it_waits_until_the_last_stream_has_ended() {
    check(async {
        let server = serve().await;
        let mut clients = Vec::new();
        for _ in 0..5 {
            let client = connect(&server).await;
            is_echoed(&client, "before\n").await;
            clients.push(client);
        }
        let mut draining = pin!(server.drain(LONG));
        while let Some(client) = clients.pop() {
            assert!(at_once(draining.as_mut()).await.is_none(), "{} are open", clients.len() + 1);
            is_echoed(&client, "meanwhile\n").await;
            client.shutdown().await.unwrap();
            until(|| server.counters().open == clients.len() as u64).await;
        }
        assert_eq!(counts(draining.await), (5, 0));
    });
}

#[test]
fn streams_that_nobody_accepted_are_counted_apart() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let (client, stream) = accepted(&server).await;
        let mut unclaimed = Vec::new();
        for _ in 0..3 {
            unclaimed.push(connect(&server).await);
        }
        until(|| server.counters().open == 4).await;
        let mut draining = pin!(server.drain(LONG));
        assert!(at_once(draining.as_mut()).await.is_none());
        for client in &unclaimed {
            assert!(matches!(client.read(1).await, Err(Error::Truncated(_))), "nothing is no complete answer");
        }
        drop(unclaimed);
        drop((client, stream));
        let drained = draining.await;
        assert_eq!(counts(drained), (1, 0));
        assert_eq!(drained.unclaimed, 3);
    });
}

#[test]
fn a_deadline_of_zero_closes_all_of_them_properly() {
    check(async {
        let server = serve().await;
        let mut clients = Vec::new();
        for _ in 0..5 {
            let client = connect(&server).await;
            is_echoed(&client, "before\n").await;
            clients.push(client);
        }
        assert_eq!(counts(server.drain(Duration::ZERO).await), (0, 5));
        for client in &clients {
            assert!(matches!(client.read(1).await, Err(Error::Closed)), "a proper end, and no cut");
        }
        drop(clients);
        until(|| server.counters().open == 0).await;
    });
}

#[test]
fn it_reports_who_came_to_the_end_and_who_was_closed() {
    check(async {
        let server = serve().await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            let client = connect(&server).await;
            is_echoed(&client, "before\n").await;
            clients.push(client);
        }
        let mut draining = pin!(server.drain(Duration::from_millis(20)));
        assert!(at_once(draining.as_mut()).await.is_none());
        let stays = clients.pop().unwrap();
        drop(clients);
        // Nobody looks at the drain before both are gone, however long that takes.
        until(|| server.counters().open == 1).await;
        assert_eq!(counts(draining.await), (2, 1));
        assert!(matches!(stays.read(1).await, Err(Error::Closed)));
    });
}

#[test]
fn what_was_written_before_the_deadline_is_delivered() {
    check(async {
        const REPLY: usize = 300_000;
        let server = listen(ServerOptions::default()).await;
        let (client, stream) = accepted(&server).await;
        stream.write(&vec![7; 10_000]).await.unwrap();
        let stream = Rc::new(stream);
        let writing = stream.clone();
        // More than the kernel takes: this one is interrupted by the close.
        let writer = spawn(async move { writing.write(&vec![7; 64 * REPLY]).await });
        for _ in 0..50 {
            yield_now().await;
        }
        assert_eq!(counts(server.drain(Duration::ZERO).await), (0, 1));
        assert!(matches!(writer.await.unwrap(), Err(Error::Interrupted)));
        let everything = client.read(ReadMode::All).await.unwrap();
        assert!(everything.len() >= 10_000 && everything.iter().all(|byte| *byte == 7));
        assert_eq!(everything.len() as u64, stream.bytes_written(), "all that was accepted, and a proper end");
        assert_eq!(everything.len() as u64, server.counters().sent);
    });
}

#[test]
fn a_drain_that_is_dropped_leaves_the_server_closed_and_the_streams_open() {
    check(async {
        let server = serve().await;
        let client = connect(&server).await;
        is_echoed(&client, "before\n").await;
        assert!(at_once(server.drain(LONG)).await.is_none());
        assert!(server.is_closed());
        is_echoed(&client, "after\n").await;
        client.close().unwrap();
        // The stream ends while nobody drains; another drain has nothing to wait for.
        until(|| server.counters().open == 0).await;
        assert_eq!(counts(server.drain(LONG).await), (0, 0));
    });
}

#[test]
fn a_server_that_was_closed_can_be_drained() {
    check(async {
        let server = serve().await;
        let client = connect(&server).await;
        is_echoed(&client, "before\n").await;
        server.close().unwrap();
        let mut draining = pin!(server.drain(LONG));
        assert!(at_once(draining.as_mut()).await.is_none());
        client.close().unwrap();
        assert_eq!(counts(draining.await), (1, 0));
    });
}

#[test]
fn two_drains_at_once_both_come_to_their_end() {
    check(async {
        let server = serve().await;
        let client = connect(&server).await;
        is_echoed(&client, "before\n").await;
        let other = server.clone();
        let other = spawn(async move { other.drain(LONG).await });
        let ending = async {
            yield_now().await;
            client.close().unwrap();
        };
        let (drained, ()) = both(server.drain(LONG), ending).await;
        assert_eq!(counts(drained), (1, 0));
        assert_eq!(counts(other.await.unwrap()), (1, 0));
    });
}

#[test]
fn a_task_that_accepts_is_told_that_the_server_is_closed() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let draining = async {
            until(|| server.is_busy()).await;
            server.drain(LONG).await
        };
        let (accepted, drained) = both(server.accept(), draining).await;
        assert!(matches!(accepted, Err(Error::Interrupted)));
        assert_eq!(counts(drained), (0, 0));
    });
}

#[test]
fn clients_that_are_shaking_hands_are_cut_off_and_counted() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let mut silent = Vec::new();
        for _ in 0..3 {
            silent.push(raw(&server).await);
        }
        // One that has said half of its hello.
        silent[0].write(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        until(|| server.counters().handshakes_started == 3).await;
        let drained = at_once(server.drain(LONG)).await.expect("they are not waited for");
        assert_eq!((counts(drained), drained.unfinished), ((0, 0), 3));
        assert_eq!(server.counters().failed.other, 3);
        for client in silent {
            let error = client_context().upgrade(client, "localhost").await.unwrap_err();
            assert!(matches!(TlsError::of(&error), Some(TlsError::HandshakeCut { .. })), "{error:?}");
        }
    });
}

#[test]
fn a_client_whose_handshake_is_finished_for_itself_only_is_cut_off() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let silent = raw(&server).await;
        until(|| server.counters().handshakes_started == 1).await;
        let context = client_context();
        let mut client = Box::pin(context.upgrade(silent, "localhost"));
        // The client's last message is on its way: whatever the server has of it, it is cut off.
        let stream = loop {
            if let Some(stream) = at_once(client.as_mut()).await {
                break stream.unwrap();
            }
            yield_now().await;
        };
        let drained = server.drain(LONG).await;
        assert_eq!(drained.unfinished + drained.unclaimed, 1, "{drained:?}");
        let end = stream.read(1).await;
        assert!(matches!(end, Err(Error::Truncated(_))), "{end:?}");
    });
}

#[test]
fn a_server_that_is_closed_or_dropped_cuts_off_whom_nobody_serves() {
    check(async {
        for drops in [false, true] {
            let server = listen(ServerOptions::default()).await;
            let waits = connect(&server).await;
            until(|| server.counters().open == 1).await;
            if drops {
                drop(server);
            } else {
                server.close().unwrap();
            }
            let end = waits.read(1).await;
            assert!(matches!(end, Err(Error::Truncated(_))), "{end:?}");
        }
    });
}

#[test]
fn a_stream_that_was_taken_apart_is_cut_off_at_the_deadline_and_counted() {
    check(async {
        for again in [false, true] {
            let server = listen(ServerOptions::default()).await;
            let (client, stream) = accepted(&server).await;
            stream.write("half an answer").await.unwrap();
            let (transport, input) = stream.into_parts().unwrap();
            // Some go on with it as a stream of their own.
            let kept = if again { Err(Stream::new(transport, input, StreamOptions::default())) } else { Ok(transport) };
            assert_eq!(counts(server.drain(Duration::from_millis(5)).await), (0, 1));
            let all = client.read(ReadMode::All).await;
            assert!(matches!(all, Err(Error::Truncated(_))), "{all:?}");
            if let Err(stream) = &kept {
                stream.read(1).await.unwrap_err();
                stream.write(&vec![0; 1_000_000]).await.unwrap_err();
            }
        }
    });
}

#[test]
fn a_stream_that_was_taken_apart_and_dropped_has_come_to_its_end() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let (client, stream) = accepted(&server).await;
        let parts = stream.into_parts().unwrap();
        let mut draining = pin!(server.drain(LONG));
        assert!(at_once(draining.as_mut()).await.is_none());
        drop(parts);
        assert_eq!(counts(draining.await), (1, 0));
        assert!(matches!(client.read(1).await, Err(Error::Truncated(_))), "no goodbye was said");
    });
}

#[test]
fn halves_are_closed_at_the_deadline_wherever_they_are_held() {
    check(async {
        for (keeps_reader, keeps_writer) in [(true, true), (true, false), (false, true)] {
            let server = listen(ServerOptions::default()).await;
            let (client, stream) = accepted(&server).await;
            let (reader, writer) = stream.split();
            writer.write("all that there is").await.unwrap();
            let reader = keeps_reader.then_some(reader);
            let writer = keeps_writer.then_some(writer);
            assert_eq!(counts(server.drain(Duration::from_millis(5)).await), (0, 1));
            assert_eq!(client.read(ReadMode::All).await.unwrap(), b"all that there is");
            drop((reader, writer));
        }
    });
}

#[test]
fn what_is_being_delivered_at_the_deadline_is_not_cut_off() {
    check(async {
        const MUCH: usize = 8_000_000;
        let server = listen(ServerOptions::default()).await;
        let (client, stream) = accepted(&server).await;
        let writer = spawn(async move {
            let written = stream.write(&vec![7; MUCH]).await;
            stream.close().unwrap();
            written
        });
        let mut draining = pin!(server.drain(Duration::from_millis(5)));
        // Until nothing but the last of it is left to be delivered.
        let mut all = client.read(ReadMode::Exact(MUCH - 10)).await.unwrap();
        writer.await.unwrap().unwrap();
        let drained = draining.as_mut().await;
        all.extend(client.read(ReadMode::All).await.unwrap());
        assert_eq!((all.len(), counts(drained)), (MUCH, (1, 0)));
    });
}
