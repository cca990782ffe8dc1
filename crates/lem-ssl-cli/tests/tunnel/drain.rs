//! The end of the tunnel.

use std::time::Duration;

use lem_ssl_rs::{Cut, Error, TcpStream, sleep};

use crate::support::{BackEnd, Tunnel, World, client, run};

#[test]
fn who_is_under_way_may_finish_and_nobody_else_comes_in() {
    let world = World::new();
    let tunnel = run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--drain", "60", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        tunnel.signal("TERM");
        tunnel.says("no more clients are accepted; 1 connection may finish").await;
        assert!(TcpStream::connect(tunnel.address.as_str()).await.is_err());
        client.write("the rest").await.unwrap();
        assert_eq!(server.read(8).await.unwrap(), b"the rest");
        drop(server);
        client.shutdown().await.unwrap();
        tunnel
    });
    let ended = tunnel.finish().expect(0);
    assert!(ended.stderr.ends_with("all connections have finished\n"), "{}", ended.stderr);
}

#[test]
fn who_does_not_finish_in_time_is_cut() {
    let world = World::new();
    let tunnel = run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--drain", "0.1", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        tunnel.signal("INT");
        assert!(matches!(client.read(1).await, Err(Error::Truncated(_))));
        assert!(matches!(server.read(1).await, Err(Error::Truncated(Cut::Reset))));
        tunnel
    });
    let ended = tunnel.finish().expect(0);
    assert!(ended.stderr.contains("cut, the time to finish is over"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("cut 1 connection\n"), "{}", ended.stderr);
}

#[test]
fn who_waits_for_a_place_at_the_end_is_waited_for_and_cut_as_the_others_are() {
    let world = World::new();
    let files = world.good();
    for side in [&["--plain"][..], &[&["--tls-in"][..], &files.arguments()].concat()] {
        let tunnel = run(async {
            let back_end = BackEnd::plain().await;
            let address = back_end.address();
            let arguments = ["--drain", "0.5", "--max-connections", "1", "--connect", &address];
            let tunnel = Tunnel::start(&[side, &arguments, &["--metrics", "127.0.0.1:0"]].concat());
            let (first, second) = (tunnel.plain().await, tunnel.plain().await);
            if side[0] == "--plain" {
                let server = back_end.accept_plain().await;
                opened(&tunnel, 2.0).await;
                tunnel.signal("TERM");
                for client in [first, second] {
                    assert!(matches!(client.read(1).await, Err(Error::Truncated(Cut::Reset))));
                }
                drop(server);
            } else {
                let first = client(&world).upgrade(first, "localhost").await.unwrap();
                let server = back_end.accept_plain().await;
                let second = client(&world).upgrade(second, "localhost").await.unwrap();
                opened(&tunnel, 2.0).await;
                tunnel.signal("TERM");
                for client in [first, second] {
                    assert!(matches!(client.read(1).await, Err(Error::Truncated(_))));
                }
                drop(server);
            }
            tunnel
        });
        let ended = tunnel.finish().expect(0);
        assert_eq!(ended.stderr.matches("cut, the time to finish is over").count(), 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("2 connections may finish"), "{}", ended.stderr);
        assert!(ended.stderr.ends_with("cut 2 connections\n"), "{}", ended.stderr);
    }
}

/// Waits until so many connections are open.
async fn opened(tunnel: &Tunnel, number: f64) {
    while crate::metrics::scrape(tunnel).await["lem_ssl_tunnel_connections_open"] < number {
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn who_has_not_said_for_whom_it_speaks_at_the_end_is_cut_and_told_of() {
    let world = World::new();
    let files = world.good();
    for (side, words) in [
        (&["--plain"][..], "cut, the time to finish is over"),
        (&[&["--tls-in"][..], &files.arguments()].concat(), "cut 1 client before their handshake was over"),
    ] {
        let tunnel = run(async {
            let (address, metrics) = (BackEnd::plain().await.address(), ["--metrics", "127.0.0.1:0"]);
            let arguments = ["--drain", "0.1", "--proxy-from", "127.0.0.1", "--connect", &address];
            let tunnel = Tunnel::start(&[side, &arguments, &metrics].concat());
            let client = tunnel.plain().await;
            let accepted = if side[0] == "--plain" { "connections_accepted_total" } else { "tcp_accepted_total" };
            while crate::metrics::scrape(&tunnel).await[&format!("lem_ssl_tunnel_{accepted}")] < 1.0 {
                sleep(Duration::from_millis(5)).await;
            }
            tunnel.signal("TERM");
            let end = client.read(1).await;
            assert!(matches!(end, Err(Error::Truncated(Cut::Reset))), "{end:?}");
            tunnel
        });
        let ended = tunnel.finish().expect(0);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}
