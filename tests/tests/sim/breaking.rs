//! Faults that break connections: each happens, is counted, and is told as what it is.

use std::io;
use std::time::Duration;

use lem_rs::sim::{Fault, Faults, Sim};
use lem_rs::{Cut, Error, Listener, ReadMode, Stream, TcpStream, spawn, timeout};

use crate::support::{echo, pair, run, run_to_error, world, world_with};

#[track_caller]
fn assert_happened(sim: &Sim, fault: Fault) {
    let counts = sim.faults();
    assert!(counts.of(fault) > 0, "no {fault} has happened: {counts}");
    assert!(!fault.is_harmless());
}

/// What connecting says while every attempt meets this fault.
#[track_caller]
fn connect_fails(fault: Fault) -> (Sim, Error) {
    let sim = world_with(fault, 1.0);
    let error = run_to_error(&sim, async { TcpStream::connect("10.0.0.1:7").await });
    assert_eq!(sim.faults().of(fault), 1);
    assert_eq!(sim.faults().total(), 1);
    (sim, error)
}

#[test]
fn a_failed_lookup_says_so() {
    let sim = world_with(Fault::LookupFailure, 1.0);
    let error = run_to_error(&sim, async { TcpStream::connect("server.test:7").await });
    assert_eq!(error.to_string(), "cannot resolve the name \"server.test\": the name server failed");
    assert_happened(&sim, Fault::LookupFailure);
}

#[test]
fn a_refused_connect_says_so() {
    let (_, error) = connect_fails(Fault::Refused);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn an_unreachable_network_says_so() {
    let (_, error) = connect_fails(Fault::Unreachable);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NetworkUnreachable);
}

#[test]
fn a_connect_without_a_descriptor_says_so() {
    let (_, error) = connect_fails(Fault::NoDescriptor);
    let Error::Connect(error) = error else { panic!("{error}") };
    assert_eq!(error.attempts()[0].error.raw_os_error(), Some(24));
}

#[test]
fn a_black_hole_ends_by_the_deadline() {
    let (sim, error) = connect_fails(Fault::BlackHole);
    assert_eq!(error.timed_out(), Some(lem_rs::Phase::Connect), "{error}");
    let elapsed = sim.elapsed();
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&elapsed), "{elapsed:?}");
}

#[test]
fn an_aborted_accept_costs_one_connection_and_not_the_listener() {
    let sim = world_with(Fault::AcceptAborted, 0.5);
    run(&sim, async {
        let listener = Listener::bind("server.test:7").await?;
        let serving = spawn(async move {
            listener
                .autospawn(|stream| async move {
                    stream.write("hello").await.ok();
                    stream.shutdown().await.ok();
                })
                .await
        });
        let (mut served, mut aborted) = (0, 0);
        for _ in 0..40 {
            let got = match TcpStream::connect("server.test:7").await {
                Ok(stream) => stream.read(5).await,
                Err(error) => Err(error),
            };
            match got {
                Ok(bytes) => {
                    assert_eq!(bytes, b"hello");
                    served += 1;
                }
                // The reset may come before the client has looked whether it is connected.
                Err(Error::Truncated(Cut::Reset)) => aborted += 1,
                Err(Error::Connect(error)) if error.kind() == io::ErrorKind::ConnectionReset => aborted += 1,
                Err(error) => return Err(error),
            }
        }
        serving.cancel();
        assert_eq!(sim.faults().of(Fault::AcceptAborted), aborted);
        assert_eq!(served + aborted, 40);
        assert!(served > 0 && aborted > 0);
        Ok(())
    });
}

#[test]
fn a_reset_under_way_is_told_to_both_ends() {
    let sim = world_with(Fault::Reset, 1.0);
    run(&sim, async {
        let (client, server) = pair().await?;
        client.write("hello").await?;
        for end in [&client, &server] {
            let error = loop {
                match end.read(ReadMode::Available).await {
                    Ok(bytes) => assert!(b"hello".starts_with(&bytes)),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
        }
        Ok(())
    });
    assert_happened(&sim, Fault::Reset);
}

/// What a reader gets that was not reading when the reset came.
fn unread_at_reset(destroys: f64) -> (Sim, Vec<Result<Vec<u8>, Error>>) {
    let sim = world_with(Fault::ResetDestroys, destroys);
    let net = sim.net();
    let got = run(&sim, async {
        let (client, server) = pair().await?;
        client.write("hello").await?;
        while net.bytes_under_way() > 5 {
            lem_rs::yield_now().await;
        }
        lem_rs::sleep(Duration::from_secs(1)).await;
        assert_eq!(net.reset(&client.local_addr()?), 1);
        lem_rs::sleep(Duration::from_secs(1)).await;
        Ok(vec![server.read(ReadMode::Available).await, server.read(ReadMode::Available).await])
    });
    (sim, got)
}

#[test]
fn a_reset_leaves_what_was_received_unless_it_destroys_it() {
    let (sim, got) = unread_at_reset(0.0);
    assert!(matches!(&got[..], [Ok(bytes), Err(Error::Truncated(Cut::Reset))] if bytes == b"hello"), "{got:?}");
    assert_eq!(sim.faults().total(), 0);
    let (sim, got) = unread_at_reset(1.0);
    assert!(matches!(&got[..], [Err(Error::Truncated(Cut::Reset)), _]), "{got:?}");
    assert_happened(&sim, Fault::ResetDestroys);
}

#[test]
fn a_cut_looks_like_an_end_to_a_plain_stream() {
    let sim = world_with(Fault::Cut, 1.0);
    run(&sim, async {
        let (client, server) = pair().await?;
        client.write("hello").await?;
        assert!(b"hello".starts_with(&server.read(ReadMode::All).await?));
        assert_eq!(client.read(ReadMode::All).await?, b"");
        Ok(())
    });
    assert_happened(&sim, Fault::Cut);
}

#[test]
fn a_corrupted_segment_differs_in_one_bit() {
    let sim = world_with(Fault::Corrupt, 1.0);
    let got = run(&sim, async {
        let (client, server) = pair().await?;
        client.write(&[0; 100]).await?;
        server.read(100).await
    });
    assert_eq!(got.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    assert_happened(&sim, Fault::Corrupt);
}

#[test]
fn a_hostile_world_gives_the_data_or_an_error_and_leaves_nothing() {
    let (mut done, mut failed) = (0, 0);
    for seed in 0..300 {
        let sim = world(seed).faults(Faults::hostile()).build();
        let mut rng = sim.rng();
        let size = rng.magnitude(1..=20_000);
        let data = rng.bytes(size);
        // One end may have failed while the other still waits for a client.
        let outcome = sim.run(async { timeout(Duration::from_secs(3600), echo(data.clone())).await? });
        match outcome {
            Ok(Ok(back)) => {
                assert!(back == data, "seed {seed}\n{}", sim.trace());
                done += 1;
            }
            Ok(Err(_)) => failed += 1,
            Err(error) => panic!("seed {seed}: {error}\n{}", sim.trace()),
        }
    }
    assert!(done > 0 && failed > 0, "{done} done, {failed} failed");
}

#[test]
fn a_stream_that_nobody_ever_answers_is_a_stall_and_not_an_endless_run() {
    let sim = world(1).build();
    let outcome = sim.run(async {
        let (client, _server) = pair().await?;
        client.read(ReadMode::Available).await
    });
    assert!(matches!(outcome, Err(Error::Stalled { .. })), "{outcome:?}");
    // The stall is found when nothing can happen, not after waiting for it.
    assert!(sim.elapsed() < Duration::from_secs(1));
}

#[test]
fn nobody_listens_where_nobody_listens() {
    let sim = world(1).build();
    let error = run_to_error(&sim, async { Stream::connect("server.test:9").await });
    assert_eq!(error.to_string(), "cannot connect to server.test:9: 10.0.0.1:9: connection refused");
}
