//! Clients that mean no good.

use std::time::Duration;

use lem_ssl_rs::{ReadMode, TcpStream, sleep, spawn};

use crate::support::{BackEnd, Tunnel, World, echo, run, talk};

#[test]
fn clients_that_say_nonsense_or_nothing_or_little_stop_nobody() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let address = back_end.address();
        // Places for some of them only, so that they get in each other's way if they get in anybody's.
        let arguments = ["--tls-in", "--handshake-timeout", "1", "--max-connections", "4", "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        })
        .detach();
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(tunnel.address.as_str()).await.unwrap());
            let garbage = TcpStream::connect(tunnel.address.as_str()).await.unwrap();
            garbage.write(&[0xff; 5000]).await.unwrap();
            silent.push(garbage);
            let slow = TcpStream::connect(tunnel.address.as_str()).await.unwrap();
            spawn(async move {
                // The head of a record, as slow as it can be.
                for byte in [22, 3, 1, 2, 0, 1, 0, 1] {
                    if slow.write(&[byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_millis(500)).await;
                }
            })
            .detach();
        }
        for number in 0..50 {
            talk(tunnel.tls(&world).await, format!("number {number}").as_bytes()).await;
        }
        // Each of them is let go of in the end.
        for stream in silent {
            let _ = stream.read(ReadMode::All).await;
        }
        tunnel.says("handshake with ").await;
        tunnel.says("does not speak TLS").await;
    });
}

#[test]
fn scrapers_that_say_nothing_stop_neither_clients_nor_each_other() {
    run(async {
        let back_end = BackEnd::plain().await;
        let tunnel = Tunnel::start(&["--plain", "--connect", &back_end.address(), "--metrics", "127.0.0.1:0"]);
        let metrics = tunnel.metrics.clone().unwrap();
        let mut silent = Vec::new();
        for _ in 0..7 {
            silent.push(TcpStream::connect(metrics.as_str()).await.unwrap());
        }
        let client = spawn(talk(tunnel.plain().await, b"hello"));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
        let scraper = TcpStream::connect(metrics.as_str()).await.unwrap();
        scraper.write("GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
        assert!(scraper.read(ReadMode::All).await.unwrap().starts_with(b"HTTP/1.1 200 OK"));
    });
}
