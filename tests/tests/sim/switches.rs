//! Faults at a time of the test's choice.

use std::time::Duration;

use lem_rs::sim::{Net, Sim};
use lem_rs::{Cut, Endpoint, Error, Listener, ReadMode, TcpStream, now, sleep, spawn, timeout, yield_now};

use crate::support::{pair, run, world};

#[test]
fn a_stalled_connection_goes_on_when_the_time_is_over() {
    let sim = world(1).build();
    let net = sim.net();
    let took = run(&sim, async {
        let (client, server) = pair().await?;
        assert_eq!(net.stall(&client.local_addr()?, Duration::from_secs(30)), 1);
        let begun = now();
        client.write("hello").await?;
        assert_eq!(server.read(5).await?, b"hello");
        Ok(now() - begun)
    });
    assert_eq!(took.as_secs(), 30);
}

#[test]
fn a_partition_holds_everything_back_until_it_heals() {
    let sim = world(1).build();
    let net = sim.net();
    let server_ip = "10.0.0.1".parse().unwrap();
    run(&sim, async {
        let (client, server) = pair().await?;
        net.partition(server_ip);
        client.write("hello").await?;
        let reading = server.read(5);
        assert!(timeout(Duration::from_secs(3600), reading).await.is_err());
        net.heal(server_ip);
        assert_eq!(server.read(5).await?, b"hello");
        Ok(())
    });
    assert!(sim.trace().to_string().contains("note: 10.0.0.1 is cut off"));
}

/// Does this to a connection under which nothing moves, as the world's `hold` has it; when the server hears of it.
fn heard_after(hold: fn(&Net, &Endpoint), end: fn(&Net, TcpStream)) -> Duration {
    let sim = world(1).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        server.write("never read").await?;
        sleep(Duration::from_secs(1)).await;
        hold(&net, &client.peer_addr()?);
        let (begun, healing) = (now(), net.clone());
        let heals = spawn(async move {
            sleep(Duration::from_secs(30)).await;
            healing.heal("10.0.0.1".parse().unwrap());
        });
        end(&net, client);
        let _ = server.read(ReadMode::Available).await;
        let heard = now() - begun;
        heals.await?;
        Ok(heard)
    })
}

#[test]
fn no_end_of_a_connection_passes_a_partition_or_a_stall() {
    let holds: [fn(&Net, &Endpoint); 2] = [
        |net, _| net.partition("10.0.0.1".parse().unwrap()),
        |net, end| assert_eq!(net.stall(end, Duration::from_secs(30)), 1),
    ];
    let ends: [fn(&Net, TcpStream); 4] = [
        // Something unread makes it a reset.
        |_, client| client.abort(),
        |_, client| client.close().unwrap(),
        |net, client| assert_eq!(net.reset(&client.local_addr().unwrap()), 1),
        |net, client| assert_eq!(net.cut(&client.local_addr().unwrap()), 1),
    ];
    for (held, hold) in holds.into_iter().enumerate() {
        for (number, end) in ends.into_iter().enumerate() {
            assert_eq!(heard_after(hold, end).as_secs(), 30, "hold {held}, end {number}");
        }
    }
}

#[test]
fn a_listener_that_closes_during_a_partition_resets_its_clients_when_it_heals() {
    let sim = world(1).build();
    let net = sim.net();
    run(&sim, async {
        let listener = Listener::bind("10.0.0.1:443").await?;
        let client = TcpStream::connect("10.0.0.1:443").await?;
        net.partition("10.0.0.1".parse().unwrap());
        drop(listener);
        assert!(timeout(Duration::from_secs(60), client.read(1)).await.is_err());
        net.heal("10.0.0.1".parse().unwrap());
        assert!(matches!(client.read(1).await, Err(Error::Truncated(Cut::Reset))));
        Ok(())
    });
}

#[test]
fn a_server_that_is_stalled_answers_a_connect_when_the_time_is_over() {
    let sim = world(1).build();
    let net = sim.net();
    let took = run(&sim, async {
        let listener = Listener::bind("10.0.0.1:443").await?;
        let begun = now();
        let connecting = spawn(TcpStream::connect("10.0.0.1:443"));
        yield_now().await;
        assert_eq!(net.stall(listener.local_addr(), Duration::from_secs(20)), 1);
        connecting.await??;
        Ok(now() - begun)
    });
    assert_eq!(took.as_secs(), 20);
}

#[test]
fn a_reset_names_its_connection_by_either_end() {
    let sim = world(1).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        let reading = spawn(async move { server.read(ReadMode::Available).await });
        sleep(Duration::from_secs(1)).await;
        assert_eq!(net.reset(&"203.0.113.1:1".parse::<std::net::SocketAddr>().unwrap().into()), 0);
        assert_eq!(net.reset(&client.peer_addr()?), 1);
        assert!(matches!(client.read(1).await, Err(Error::Truncated(Cut::Reset))));
        assert!(matches!(reading.await?, Err(Error::Truncated(Cut::Reset))));
        Ok(())
    });
}

#[test]
fn a_cut_ends_both_directions_behind_what_is_under_way() {
    let sim = world(1).build();
    let net = sim.net();
    run(&sim, async {
        let (client, server) = pair().await?;
        client.write("hello").await?;
        assert_eq!(net.cut(&client.local_addr()?), 1);
        assert_eq!(server.read(ReadMode::All).await?, b"hello");
        assert_eq!(client.read(ReadMode::All).await?, b"");
        // Nobody takes what is written now.
        server.write("lost").await?;
        sleep(Duration::from_secs(1)).await;
        assert!(server.write("lost").await.is_err());
        Ok(())
    });
}

#[test]
fn a_note_stands_in_the_trace_at_its_time() {
    let sim = Sim::new(1);
    let net = sim.net();
    run(&sim, async {
        sleep(Duration::from_secs(5)).await;
        net.note("half way");
        Ok(())
    });
    let trace = sim.trace();
    assert_eq!(trace.events().len(), 1);
    assert_eq!(trace.events()[0].at().as_secs(), 5);
    assert!(trace.to_string().ends_with("s  note: half way\n"), "{trace}");
}

#[test]
fn what_is_left_behind_is_told() {
    let sim = world(1).build();
    let kept = sim
        .run(async {
            spawn(sleep(Duration::from_secs(3600))).detach();
            // It must wait before the run is over.
            yield_now().await;
            pair().await
        })
        .unwrap()
        .unwrap();
    assert_eq!(
        sim.leftovers().to_string(),
        "1 task(s), 1 timer(s), 2 watched socket(s), 2 descriptor(s), 1 connection(s)"
    );
    drop(kept);
    assert!(!sim.leftovers().is_empty());
}
