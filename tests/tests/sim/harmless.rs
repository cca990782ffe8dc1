//! Faults that cost time, or make the world come in other pieces: each happens, is counted, and loses nothing.

#[cfg(unix)]
use std::{fs::File, io::Read, os::fd::OwnedFd, rc::Rc};

use lem_rs::sim::{Fault, FaultCounts, Faults, Link};
#[cfg(unix)]
use lem_rs::stdio::Stdout;
use lem_rs::{Error, Stream, spawn, unblock};

use crate::support::{echo, echo_once, pair, run, world, world_with};

/// An echo of 40,000 bytes while this kind of fault happens; how often it did.
#[track_caller]
fn survives(fault: Fault) -> u64 {
    // A slow link with small buffers, so that there are many reads, writes and segments.
    let link = Link::default().bandwidth(1_000_000).buffers(2_000, 3_000);
    let sim = world(7).link(link).faults(Faults::none().with(fault, 0.3)).build();
    let data = sim.rng().bytes(40_000);
    assert!(run(&sim, echo(data.clone())) == data, "{}", sim.trace());
    only(fault, sim.faults())
}

/// How often this kind of fault has happened; no other has.
#[track_caller]
fn only(fault: Fault, counts: FaultCounts) -> u64 {
    assert!(fault.is_harmless());
    assert_eq!(counts.of(fault), counts.total(), "{counts}");
    assert!(counts.total() > 0, "no {fault} has happened");
    counts.total()
}

#[test]
fn short_reads_happen_and_lose_no_byte() {
    survives(Fault::ShortRead);
}

#[test]
fn short_writes_happen_and_lose_no_byte() {
    survives(Fault::ShortWrite);
}

#[test]
fn split_segments_happen_and_lose_no_byte() {
    survives(Fault::Split);
}

#[test]
fn stalls_happen_and_lose_no_byte() {
    survives(Fault::Stall);
}

#[test]
fn late_edges_happen_and_lose_no_byte() {
    survives(Fault::LateEdge);
}

#[test]
fn spurious_readiness_happens_and_loses_no_byte() {
    survives(Fault::Spurious);
}

#[test]
fn late_wakeups_happen_and_lose_no_byte() {
    survives(Fault::LateWakeup);
}

#[test]
fn slow_lookups_happen_and_take_their_time() {
    let sim = world_with(Fault::SlowLookup, 1.0);
    run(&sim, async { pair().await.map(drop) });
    // The listener's name and the client's.
    assert_eq!(only(Fault::SlowLookup, sim.faults()), 2);
    let calm = world(7).build();
    run(&calm, async { pair().await.map(drop) });
    assert!(sim.elapsed() > calm.elapsed());
}

#[test]
fn slow_blocking_calls_happen_and_take_their_time() {
    let sim = world_with(Fault::SlowBlocking, 1.0);
    assert_eq!(run(&sim, async { Ok(unblock(|| 42).await?) }), 42);
    assert_eq!(only(Fault::SlowBlocking, sim.faults()), 1);
    let calm = world(7).build();
    run(&calm, async { Ok(unblock(|| ()).await?) });
    assert!(sim.elapsed() > calm.elapsed());
}

#[cfg(unix)]
#[test]
fn writes_to_one_output_keep_their_order_however_slow_their_threads_are() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let output = Rc::new(Stdout::of(File::from(OwnedFd::from(writer))));
    let sim = world_with(Fault::SlowBlocking, 1.0);
    run(&sim, async {
        let writing = |number: u8| {
            let output = output.clone();
            spawn(async move { output.write(&[number]).await })
        };
        for write in (0..8).map(writing).collect::<Vec<_>>() {
            write.await??;
        }
        Ok(())
    });
    drop(output);
    let mut written = Vec::new();
    reader.read_to_end(&mut written).unwrap();
    assert_eq!(written, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn events_of_one_moment_are_told_in_another_order() {
    let sim = world_with(Fault::Shuffle, 1.0);
    run(&sim, async {
        let listener = lem_rs::Listener::bind("server.test:7").await?;
        // Ten connections over equal links: what happens to one happens to all at the same time.
        let clients: Vec<_> = (0..10)
            .map(|_| {
                spawn(async {
                    let stream = Stream::connect("server.test:7").await?;
                    stream.write("hello").await?;
                    assert_eq!(stream.read(5).await?, b"hello");
                    stream.shutdown().await
                })
            })
            .collect();
        listener_loop(listener, clients.len()).await?;
        for client in clients {
            client.await??;
        }
        Ok(())
    });
    only(Fault::Shuffle, sim.faults());
}

/// Serves so many connections.
async fn listener_loop(listener: lem_rs::Listener, count: usize) -> Result<(), Error> {
    for _ in 0..count {
        let stream = listener.accept().await?;
        spawn(async move {
            let bytes = stream.read(5).await?;
            stream.write(&bytes).await?;
            stream.shutdown().await
        })
        .detach();
    }
    Ok(())
}

#[test]
fn all_harmless_faults_together_happen_over_some_seeds() {
    let mut counts = FaultCounts::default();
    for seed in 0..50 {
        let sim = world(seed).faults(Faults::rough()).build();
        run(&sim, async {
            let listener = lem_rs::Listener::bind("server.test:7").await?;
            let second = lem_rs::Listener::bind("server.test:8").await?;
            let servers = [spawn(echo_once(listener)), spawn(echo_once(second))];
            let clients = [7, 8].map(|port| {
                spawn(async move {
                    let stream = Stream::connect(("server.test", port)).await?;
                    let data = unblock(|| vec![7; 10_000]).await?;
                    let (reader, writer) = stream.split();
                    let writing = spawn(async move { writer.write(&data).await });
                    assert_eq!(reader.read(10_000).await?, vec![7; 10_000]);
                    writing.await?
                })
            });
            for task in clients.into_iter().chain(servers) {
                task.await??;
            }
            Ok(())
        });
        counts.add(&sim.faults());
    }
    for (fault, count) in counts.iter() {
        assert_eq!(count > 0, fault.is_harmless(), "{fault}: {count}");
    }
}
