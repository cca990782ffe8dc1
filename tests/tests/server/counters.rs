//! Each counter moves for what it says, and not otherwise.

use std::time::Duration;

use lem_ssl_rs::{Counters, ReadMode, ServerOptions, Version};

use crate::support::{
    both, check, client_builder, client_context, connect, is_answered, is_echoed, listen, raw, serve, until,
};

/// All but the lag, which is never twice the same.
fn without_lag(counters: Counters) -> Counters {
    let mut counters = counters;
    counters.loop_lag = Duration::ZERO;
    counters
}

#[test]
fn a_new_server_has_counted_nothing() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        assert_eq!(without_lag(server.counters()), Counters::default());
        let shown = format!("{server:?}");
        assert!(shown.starts_with("Server { local: ") && shown.contains("accepted: 0"), "{shown}");
    });
}

#[test]
fn a_good_connection_moves_what_it_should_and_nothing_else() {
    check(async {
        let server = serve().await;
        let client = connect(&server).await;
        is_echoed(&client, "0123456789\n").await;
        let mut expected = Counters::default();
        expected.accepted = 1;
        expected.handshakes_started = 1;
        expected.handshakes_finished = 1;
        expected.open = 1;
        expected.received = 11;
        expected.sent = 11;
        assert_eq!(without_lag(server.counters()), expected);
        client.shutdown().await.unwrap();
        until(|| server.counters().open == 0).await;
        expected.open = 0;
        assert_eq!(without_lag(server.counters()), expected);
    });
}

#[test]
fn bytes_are_those_of_the_content() {
    check(async {
        const LENGTH: usize = 1_000_000;
        for version in [Version::Tls12, Version::Tls13] {
            let server = listen(ServerOptions::default()).await;
            let context = client_builder().versions([version]).build().unwrap();
            let (client, stream) = both(context.connect_as(server.local_addr(), "localhost"), server.accept()).await;
            let (client, stream) = (client.unwrap(), stream.unwrap());
            assert_eq!((server.counters().received, server.counters().sent), (0, 0), "a handshake is no content");
            let upload = vec![1; LENGTH];
            let (written, read) = both(client.write(&upload), stream.read(LENGTH)).await;
            written.unwrap();
            assert_eq!(read.unwrap().len(), LENGTH);
            let (written, read) = both(stream.write(&upload[..LENGTH / 2]), client.read(LENGTH / 2)).await;
            written.unwrap();
            read.unwrap();
            let counters = server.counters();
            assert_eq!((counters.received, counters.sent), (LENGTH as u64, LENGTH as u64 / 2));
            assert_eq!((stream.bytes_read(), stream.bytes_written()), (LENGTH as u64, LENGTH as u64 / 2));
        }
    });
}

#[test]
fn a_resumed_session_is_counted_as_such() {
    check(async {
        for version in [Version::Tls12, Version::Tls13] {
            let server = serve().await;
            let context = client_builder().versions([version]).build().unwrap();
            for resumed in 0..3 {
                let client = context.connect_as(server.local_addr(), "localhost").await.unwrap();
                // What the server gives for the next time comes before the answer.
                is_echoed(&client, "x\n").await;
                assert_eq!(client.info().unwrap().resumed, resumed > 0, "{version:?}");
                assert_eq!(server.counters().handshakes_resumed, resumed);
                client.shutdown().await.unwrap();
            }
            assert_eq!(server.counters().handshakes_finished, 3);
        }
    });
}

#[test]
fn a_stream_is_open_from_its_handshake_until_its_connection_is_gone() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        let silent = raw(&server).await;
        until(|| server.counters().handshakes_started == 1).await;
        assert_eq!(server.counters().open, 0, "a handshake is no stream");
        let client = client_context().upgrade(silent, "localhost").await.unwrap();
        until(|| server.counters().handshakes_finished == 1).await;
        assert_eq!(server.counters().open, 1, "also before it was accepted");
        let stream = server.accept().await.unwrap();
        client.close_write().unwrap();
        assert!(stream.read(1).await.is_err());
        assert_eq!(server.counters().open, 1, "the client's end is not yet ours");
        stream.close().unwrap();
        until(|| server.counters().open == 0).await;
        drop(client);
    });
}

#[test]
fn a_stream_that_was_aborted_or_split_or_dropped_is_open_no_more() {
    check(async {
        let server = listen(ServerOptions::default()).await;
        for end in 0..4 {
            let context = client_context();
            let (client, stream) = both(context.connect_as(server.local_addr(), "localhost"), server.accept()).await;
            let (client, stream) = (client.unwrap(), stream.unwrap());
            assert_eq!(server.counters().open, 1);
            match end {
                0 => stream.abort(),
                1 => drop(stream),
                2 => drop(stream.split()),
                _ => {
                    stream.into_parts().unwrap();
                }
            }
            drop(client);
            until(|| server.counters().open == 0).await;
        }
        assert_eq!(server.counters().failed.total(), 0);
    });
}

#[test]
fn a_handler_that_blocks_the_loop_is_seen_in_the_lag() {
    check(async {
        const BLOCKED: Duration = Duration::from_millis(40);
        let server = listen(ServerOptions::default()).await;
        let handler = |stream: lem_ssl_rs::Stream| async move {
            let line = stream.read(ReadMode::Line).await.unwrap();
            std::thread::sleep(BLOCKED);
            stream.write(&line).await.unwrap();
        };
        let clients = async {
            let client = connect(&server).await;
            is_echoed(&client, "x\n").await;
            server.close().unwrap();
        };
        let (_, ()) = both(server.autospawn(handler), clients).await;
        assert!(server.counters().loop_lag >= BLOCKED, "{:?}", server.counters().loop_lag);
    });
}

#[test]
fn the_lag_never_shrinks_and_is_the_longest_of_several() {
    check(async {
        let server = serve().await;
        is_answered(&server).await;
        let before = server.counters().loop_lag;
        assert!(before > Duration::ZERO, "a handshake takes a while");
        is_answered(&server).await;
        assert!(server.counters().loop_lag >= before);
    });
    let lag = |millis| {
        let mut counters = Counters::default();
        counters.loop_lag = Duration::from_millis(millis);
        counters
    };
    let mut all = lag(3);
    all += lag(5);
    all += lag(4);
    assert_eq!(all, lag(5));
}

#[test]
fn counters_of_several_machines_add_up_field_by_field() {
    let numbered = |factor: u64| {
        let mut counters = Counters::default();
        let failed = &mut counters.failed;
        let fields = [
            &mut counters.accepted,
            &mut counters.refused,
            &mut counters.pauses,
            &mut counters.limited,
            &mut counters.handshakes_started,
            &mut counters.handshakes_finished,
            &mut counters.handshakes_resumed,
            &mut counters.handshakes_early,
            &mut counters.validations,
            &mut counters.open,
            &mut counters.handlers_failed,
            &mut counters.handlers_panicked,
            &mut counters.received,
            &mut counters.sent,
            &mut failed.timed_out,
            &mut failed.not_tls,
            &mut failed.cut,
            &mut failed.refused_by_peer,
            &mut failed.certificate,
            &mut failed.incompatible,
            &mut failed.protocol,
            &mut failed.other,
        ];
        for (number, field) in (100..).zip(fields) {
            *field = factor * number;
        }
        counters
    };
    let mut sum = numbered(1);
    sum += numbered(10);
    sum += numbered(100);
    assert_eq!(sum, numbered(111));
    // The last eight are failures.
    assert_eq!(sum.failed.total(), 111 * (114..=121).sum::<u64>());
}
