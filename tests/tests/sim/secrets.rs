//! TLS in the simulated world: nothing is lost on the roughest link, what breaks is told as what it is, and a seed decides
//! everything but the contents.

use std::time::Duration;

use lem_rs::sim::{Fault, Faults, Link, Rng, Sim, Trace};
use lem_rs::{Cut, sleep, spawn, timeout};
use lem_ssl_rs::{Error, ReadMode, TlsError};

use crate::support::{run, run_to_error, tls, world, world_with};

/// An encrypted echo through everything that costs only time.
fn rough_echo(seed: u64) -> Trace {
    let sim = world(seed).link(Link::any(&mut Rng::new(seed))).faults(Faults::rough()).build();
    let mut rng = sim.rng();
    let size = rng.magnitude(1..=50_000);
    let data = rng.bytes(size);
    let back = run(&sim, tls::echo(data.clone()));
    assert!(back == data, "seed {seed}: {} bytes came back for {}\n{}", back.len(), data.len(), sim.trace());
    sim.trace()
}

#[test]
fn every_byte_arrives_over_the_roughest_links() {
    for seed in 0..200 {
        rough_echo(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_of_an_encrypted_echo() {
    for seed in 0..20 {
        let (first, second) = (rough_echo(seed), rough_echo(seed));
        assert_eq!(first.to_string(), second.to_string(), "seed {seed}");
        assert_eq!(first, second);
    }
    assert_ne!(rough_echo(1), rough_echo(2));
}

#[test]
fn a_hostile_world_gives_every_byte_or_an_error_that_says_what_happened() {
    // No flipped bits: rustls asserts in debug builds that nothing has to be said after `close_notify`, and this echo
    // goes on reading after its own.
    let faults = Faults::hostile().with(Fault::Cut, 0.02);
    let (mut done, mut failed) = (0, 0);
    for seed in 0..300 {
        let sim = world(seed).link(Link::any(&mut Rng::new(seed))).faults(faults.clone()).build();
        let mut rng = sim.rng();
        let size = rng.magnitude(1..=20_000);
        let data = rng.bytes(size);
        // One end may have failed while the other still waits for a client.
        let outcome = sim.run(async { timeout(Duration::from_secs(3600), tls::echo(data.clone())).await? });
        match outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", sim.trace())) {
            Ok(back) => {
                assert!(back == data, "seed {seed}\n{}", sim.trace());
                done += 1;
            }
            Err(Error::Busy | Error::NotBusy | Error::Interrupted | Error::AlreadyClosed | Error::Misuse(_)) => {
                panic!("seed {seed}: no error of ours\n{}", sim.trace())
            }
            Err(_) => failed += 1,
        }
    }
    assert!(done > 20 && failed > 20, "{done} done, {failed} failed");
}

/// One connection to `server.test:443`: the client's end and the server's.
async fn pair() -> Result<(lem_ssl_rs::Stream, lem_ssl_rs::Stream), Error> {
    let (client, server) = tls::contexts();
    let listening = server.listen("server.test:443").await?;
    let accepting = spawn(async move { listening.accept().await });
    let client = client.connect("server.test:443").await?;
    Ok((client, accepting.await??))
}

#[test]
fn a_cut_is_a_truncation() {
    let sim = world(7).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        client.write("hello").await?;
        net.cut(&client.local_addr()?);
        let error = server.read(ReadMode::All).await.unwrap_err();
        assert!(matches!(error, Error::Truncated(Cut::Fin)), "{error}");
        assert_eq!(server.read(ReadMode::Available).await?, b"hello");
        Ok(())
    });
}

#[test]
fn a_reset_is_a_truncation_of_its_own() {
    let sim = world(7).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        net.reset(&client.local_addr()?);
        for end in [client, server] {
            let error = end.read(ReadMode::All).await.unwrap_err();
            assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error}");
        }
        Ok(())
    });
}

#[test]
fn a_flipped_bit_is_a_failure_of_the_protocol_at_both_ends() {
    let sim = world(7).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        // What the handshake has left under way is not meant.
        sleep(Duration::from_secs(1)).await;
        net.set_faults(Faults::none().with(Fault::Corrupt, 1.0));
        client.write("hello").await?;
        sleep(Duration::from_secs(1)).await;
        net.set_faults(Faults::none());
        let error = server.read(5).await.unwrap_err();
        assert!(error.protocol_ref::<TlsError>().is_some(), "{error}");
        let error = client.read(5).await.unwrap_err();
        assert!(matches!(error.protocol_ref(), Some(TlsError::Alert { .. })), "{error}");
        Ok(())
    });
    assert_eq!(sim.faults().of(Fault::Corrupt), 1);
}

#[test]
fn a_connection_that_is_cut_in_its_handshake_says_so() {
    let sim = world_with(Fault::Cut, 1.0);
    let error = run_to_error(&sim, async {
        let (client, server) = tls::contexts();
        let listening = server.listen("server.test:443").await?;
        let accepting = spawn(async move { listening.accept().await.map(drop) });
        let outcome = client.connect("server.test:443").await;
        accepting.cancel();
        // The server's own task ends when it has its turn, and its side of the handshake with the connection.
        sleep(Duration::from_secs(1)).await;
        outcome
    });
    assert!(matches!(error.protocol_ref(), Some(TlsError::HandshakeCut { .. })), "{error}");
}

/// A server that is drained while eight clients still talk to it.
fn drained(seed: u64) -> Trace {
    let sim: Sim = world(seed).faults(Faults::rough()).build();
    run(&sim, async {
        let (client, server) = tls::contexts();
        let listening = std::rc::Rc::new(server.listen("server.test:443").await?);
        let theirs = listening.clone();
        let serving = spawn(async move {
            theirs.autospawn(|stream| async move { while stream.read(ReadMode::Available).await.is_ok() {} }).await
        });
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(client.connect("server.test:443").await?);
        }
        sleep(Duration::from_secs(60)).await;
        listening.drain(Duration::from_secs(5)).await;
        let _ = serving.await?;
        for client in clients {
            let _ = client.read(ReadMode::All).await;
        }
        Ok(())
    });
    sim.trace()
}

#[test]
fn a_drained_server_ends_its_streams_in_an_order_that_the_seed_decides() {
    for seed in 0..5 {
        assert_eq!(drained(seed).to_string(), drained(seed).to_string(), "seed {seed}");
    }
}
