//! Links: their delay, their rate, their buffers.

use std::time::Duration;

use lem_rs::sim::Link;
use lem_rs::{Cut, Error, ReadMode, now, sleep, spawn};

use crate::support::{pair, run, world};

#[test]
fn latency_is_the_time_that_a_byte_travels() {
    let sim = world(1).link(Link::default().latency(Duration::from_millis(70))).build();
    let took = run(&sim, async {
        let (client, server) = pair().await?;
        let begun = now();
        client.write("x").await?;
        server.read(1).await?;
        Ok(now() - begun)
    });
    assert!((Duration::from_millis(70)..Duration::from_millis(71)).contains(&took), "{took:?}");
}

#[test]
fn bandwidth_is_how_fast_bytes_follow_each_other() {
    let sim = world(1).link(Link::default().bandwidth(10_000)).build();
    let took = run(&sim, async {
        let (client, server) = pair().await?;
        let begun = now();
        let writing = spawn(async move { client.write(&vec![1; 100_000]).await });
        server.read(100_000).await?;
        writing.await??;
        Ok(now() - begun)
    });
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&took), "{took:?}");
}

#[test]
fn a_write_waits_for_a_reader_when_all_buffers_are_full() {
    let sim = world(1).link(Link::default().buffers(1_000, 2_000)).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        let writing = spawn(async move {
            client.write(&vec![1; 10_000]).await?;
            Ok::<_, Error>(client)
        });
        sleep(Duration::from_secs(3600)).await;
        assert!(!writing.is_finished());
        assert_eq!(net.bytes_under_way(), 3_000);
        assert_eq!(server.read(10_000).await?.len(), 10_000);
        writing.await??;
        Ok(())
    });
}

#[test]
fn jitter_never_lets_bytes_overtake_each_other() {
    let sim = world(1).link(Link::default().jitter(Duration::from_secs(1)).segment(10)).build();
    run(&sim, async {
        let (client, server) = pair().await?;
        let data: Vec<u8> = (0..=255).collect();
        client.write(&data).await?;
        assert_eq!(server.read(256).await?, data);
        Ok(())
    });
}

#[test]
fn a_half_close_leaves_the_other_direction_open() {
    let sim = world(1).build();
    run(&sim, async {
        let (client, server) = pair().await?;
        client.write("question").await?;
        client.close_write()?;
        assert_eq!(server.read(ReadMode::All).await?, b"question");
        server.write("answer").await?;
        server.close()?;
        assert_eq!(client.read(ReadMode::All).await?, b"answer");
        Ok(())
    });
}

#[test]
fn closing_a_socket_with_something_unread_resets_the_peer() {
    let sim = world(1).build();
    run(&sim, async {
        let (client, server) = pair().await?;
        client.write("never read").await?;
        sleep(Duration::from_secs(1)).await;
        // Without a goodbye, which would read it.
        server.abort();
        let error = client.read(ReadMode::Available).await.unwrap_err();
        assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
        Ok(())
    });
}

#[test]
fn what_reaches_a_closed_socket_is_answered_with_a_reset() {
    let sim = world(1).build();
    run(&sim, async {
        let (client, server) = pair().await?;
        server.abort();
        assert!(matches!(client.read(ReadMode::Available).await, Err(Error::Closed)));
        client.write("too late").await?;
        sleep(Duration::from_secs(1)).await;
        assert!(client.write("far too late").await.is_err());
        Ok(())
    });
}
