//! The counters, as a scraper sees them.

use std::collections::HashMap;

use lem_ssl_rs::{ReadMode, TcpStream, spawn};

use crate::support::{BackEnd, Tunnel, World, echo, run, talk};

async fn ask(address: &str, request: &str) -> String {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.write(request).await.unwrap();
    String::from_utf8(stream.read(ReadMode::All).await.unwrap()).unwrap()
}

/// What the tunnel counts now.
pub(crate) async fn scrape(tunnel: &Tunnel) -> HashMap<String, f64> {
    let metrics = tunnel.metrics.as_deref().unwrap();
    samples(&ask(metrics, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await)
}

/// Reads the exposition format: every sample has a help text and a type before it, a name of ours, and a number.
fn samples(answer: &str) -> HashMap<String, f64> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    let (mut samples, mut helped, mut typed) = (HashMap::new(), String::new(), String::new());
    for line in body.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, text] => {
                assert!(!text.is_empty());
                helped = name.to_owned();
            }
            ["#", "TYPE", name, kind] => {
                assert!(matches!(kind, "counter" | "gauge"), "{line}");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                typed = name.to_owned();
            }
            _ => {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let family = name.split('{').next().unwrap();
                assert!(family.starts_with("lem_ssl_tunnel_") && family == helped && family == typed, "{line}");
                let before = samples.insert(name.to_owned(), value.parse().unwrap());
                assert_eq!(before, None, "{line}");
            }
        }
    }
    samples
}

#[test]
fn the_counters_tell_what_was_carried_and_what_failed() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--metrics", "127.0.0.1:0", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let metrics = tunnel.metrics.as_deref().unwrap();
        let client = spawn(talk(tunnel.tls(&world).await, &[b'x'; 1000]));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
        let garbage = TcpStream::connect(tunnel.address.as_str()).await.unwrap();
        garbage.write("GET / HTTP/1.0\r\n\r\n").await.unwrap();
        tunnel.says("does not speak TLS").await;
        tunnel.says("finished; 1000 bytes up").await;
        let open = tunnel.tls(&world).await;
        let _server = back_end.accept_plain().await;
        let samples = samples(&ask(metrics, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await);
        for (name, value) in [
            ("connections_accepted_total", 2.0),
            ("connections_open", 1.0),
            ("connections_ended_total{outcome=\"finished\"}", 1.0),
            ("connections_ended_total{outcome=\"client_cut\"}", 0.0),
            ("bytes_total{direction=\"up\"}", 1000.0),
            ("bytes_total{direction=\"down\"}", 1000.0),
            ("tcp_accepted_total", 3.0),
            ("handshakes_finished_total{resumed=\"no\"}", 2.0),
            ("handshakes_failed_total{reason=\"not_tls\"}", 1.0),
        ] {
            assert_eq!(samples.get(&format!("lem_ssl_tunnel_{name}")), Some(&value), "{name}");
        }
        assert!(samples["lem_ssl_tunnel_loop_lag_seconds"] > 0.0);
        drop(open);
    });
}

#[test]
fn who_asks_for_something_else_or_nonsense_is_told_so() {
    run(async {
        let tunnel = Tunnel::start(&["--plain", "--connect", "localhost:1", "--metrics", "127.0.0.1:0"]);
        let metrics = tunnel.metrics.as_deref().unwrap();
        for (request, status) in [
            ("GET /secret HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("DELETE /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            ("nonsense\r\n\r\n", "400 Bad Request"),
            (&format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(9000)), "400 Bad Request"),
        ] {
            let answer = ask(metrics, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        }
        let head = ask(metrics, "HEAD /metrics HTTP/1.1\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{head}");
    });
}
