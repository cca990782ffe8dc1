//! A server's limits, handlers and drain in the simulated world: by its clock, and the same for each seed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::sim::{Faults, Trace};
use lem_ssl_rs::{Error, ReadMode, ServerEvent, ServerOptions, now, sleep, spawn};

use crate::support::{run, tls, world};

#[test]
fn a_drain_ends_at_its_deadline_by_the_simulated_clock_whatever_a_handler_does() {
    let drained = run(&world(3).build(), async {
        let (client, server) = tls::contexts();
        let server = Rc::new(server.listen("server.test:443").await?);
        let accepting = server.clone();
        spawn(async move {
            let handler = |stream| async move {
                drop(stream);
                sleep(Duration::from_secs(90)).await;
            };
            accepting.autospawn(handler).await
        })
        .detach();
        client.connect("server.test:443").await?.shutdown().await?;
        let begun = now();
        let early = server.drain(Duration::from_secs(30)).await;
        assert_eq!(now() - begun, Duration::from_secs(30));
        let late = server.drain(Duration::from_secs(3_600)).await;
        sleep(Duration::from_millis(1)).await;
        assert!(now() - begun < Duration::from_secs(91));
        Ok((early.handlers_finished, early.handlers_running, late.handlers_finished, late.handlers_running))
    });
    assert_eq!(drained, (0, 1, 1, 0));
}

/// Twelve clients at a server that has room for three, and whose handlers fail.
fn crowded(seed: u64) -> (Trace, Vec<String>) {
    let told = Rc::new(RefCell::new(Vec::new()));
    let sim = world(seed).faults(Faults::rough()).build();
    run(&sim, async {
        let (client, server) = tls::contexts();
        let options = ServerOptions::default().connections(3);
        let server = Rc::new(server.listen_with("server.test:443", options).await?);
        let keeping = told.clone();
        server.on_event(move |event| {
            if matches!(event, ServerEvent::AtLimit { .. } | ServerEvent::HandlerFailed { .. }) {
                keeping.borrow_mut().push(event.to_string());
            }
        });
        let accepting = server.clone();
        spawn(async move {
            let handler = |stream: lem_ssl_rs::Stream| async move {
                stream.write("hello\n").await?;
                stream.read(ReadMode::Line).await.map(drop)
            };
            accepting.autospawn(handler).await
        })
        .detach();
        let visits: Vec<_> = (0..12)
            .map(|_| {
                let client = client.clone();
                spawn(async move {
                    let stream = client.connect("server.test:443").await?;
                    assert_eq!(stream.read(ReadMode::Line).await?, b"hello\n");
                    stream.write("half").await?;
                    stream.shutdown().await
                })
            })
            .collect();
        for visit in visits {
            visit.await??;
        }
        server.drain(Duration::from_secs(60)).await;
        // The tasks that accept end when they have their turn.
        sleep(Duration::from_secs(1)).await;
        let counters = server.counters();
        assert_eq!((counters.accepted, counters.handlers_failed), (12, 12));
        assert!(counters.limited > 0);
        Ok::<(), Error>(())
    });
    (sim.trace(), told.take())
}

#[test]
fn a_server_at_its_limit_serves_everybody_in_the_end_and_the_same_for_each_seed() {
    for seed in 0..3 {
        let (first, second) = (crowded(seed), crowded(seed));
        assert_eq!(first.1, second.1, "seed {seed}");
        assert_eq!(first.0.to_string(), second.0.to_string(), "seed {seed}");
        assert_eq!(first.1.iter().filter(|told| told.contains("the handler failed: closed")).count(), 12);
    }
}
