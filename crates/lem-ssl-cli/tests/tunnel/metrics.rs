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
    let mut is_histogram = false;
    for line in body.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, text] => {
                assert!(!text.is_empty());
                helped = name.to_owned();
            }
            ["#", "TYPE", name, kind] => {
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                assert_eq!(
                    name.ends_with("_seconds"),
                    kind == "histogram" || kind == "gauge" && name.contains("seconds")
                );
                typed = name.to_owned();
                is_histogram = kind == "histogram";
            }
            _ => {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let mut family = name.split('{').next().unwrap();
                if is_histogram {
                    let suffixes = ["_bucket", "_sum", "_count"];
                    family = suffixes.iter().find_map(|suffix| family.strip_suffix(suffix)).unwrap();
                }
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
fn bytes_count_while_their_connection_is_open() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let (files, address) = (world.good(), back_end.address());
        let (routed, other) = (format!("localhost={address}"), ["--connect", "localhost:1"]);
        let arguments = ["--tls-in", "--metrics", "127.0.0.1:0", "--route", &routed];
        let tunnel = Tunnel::start(&[&arguments[..], &other, &files.arguments()].concat());
        let metrics = tunnel.metrics.as_deref().unwrap();
        let (client, server) = (tunnel.tls(&world).await, back_end.accept_plain().await);
        let (mut up, mut down) = (0_u32, 0_u32);
        for round in 1..=3 {
            client.write("a question").await.unwrap();
            server.read(10).await.unwrap();
            server.write("an answer that is longer").await.unwrap();
            client.read(24).await.unwrap();
            (up, down) = (up + 10, down + 24);
            let samples = scrape(&tunnel).await;
            assert_eq!(samples["lem_ssl_tunnel_connections_open"], 1.0);
            for (direction, expected) in [("up", up), ("down", down)] {
                let of = |family: &str, route: &str| {
                    samples[&format!("lem_ssl_tunnel_{family}{{{route}direction=\"{direction}\"}}")]
                };
                assert_eq!(
                    of("route_bytes_total", "route=\"localhost\","),
                    f64::from(expected),
                    "{round}, {direction}"
                );
                assert_eq!(of("route_bytes_total", "route=\"default\","), 0.0);
                assert_eq!(of("bytes_total", ""), f64::from(expected), "{round}, {direction}");
            }
            let status = ask(metrics, "GET /status.json HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let status: serde_json::Value = serde_json::from_str(status.split_once("\r\n\r\n").unwrap().1).unwrap();
            let route = status["routes"].as_array().unwrap().iter().find(|one| one["name"] == "localhost").unwrap();
            for shown in [&status, route] {
                assert_eq!((&shown["bytes_up"], &shown["bytes_down"]), (&up.into(), &down.into()), "{status}");
            }
        }
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

#[test]
fn durations_are_histograms_for_each_route_whose_buckets_add_up() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--metrics", "127.0.0.1:0", "--connect", &back_end.address()];
        let route = format!("localhost={}", back_end.address());
        let tunnel = Tunnel::start(&[&arguments[..], &["--route", &route], &files.arguments()].concat());
        for _ in 0..3 {
            let client = spawn(talk(tunnel.tls(&world).await, b"hello"));
            echo(back_end.accept_plain().await).await;
            client.await.unwrap();
        }
        while tunnel.running.stderr().matches("finished").count() < 3 {
            lem_ssl_rs::sleep(std::time::Duration::from_millis(5)).await;
        }
        let samples = scrape(&tunnel).await;
        for family in ["handshake_seconds", "backend_connect_seconds", "connection_seconds"] {
            let sample = |suffix: &str, route: &str, further: &str| {
                samples[&format!("lem_ssl_tunnel_{family}{suffix}{{route=\"{route}\"{further}}}")]
            };
            assert_eq!(sample("_count", "localhost", ""), 3.0, "{family}");
            assert_eq!(sample("_bucket", "localhost", ",le=\"+Inf\""), 3.0, "{family}");
            assert!(sample("_sum", "localhost", "") > 0.0, "{family}");
            assert_eq!(sample("_count", "default", ""), 0.0, "{family}");
            let prefix = format!("lem_ssl_tunnel_{family}_bucket{{route=\"localhost\",le=\"");
            let bound = |name: &String| name.strip_prefix(&prefix)?.strip_suffix("\"}")?.parse::<f64>().ok();
            let mut buckets: Vec<_> = samples.iter().filter_map(|(name, count)| Some((bound(name)?, *count))).collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.len() > 5 && buckets.is_sorted_by(|one, other| one.1 <= other.1), "{buckets:?}");
        }
        assert_eq!(samples["lem_ssl_tunnel_route_bytes_total{route=\"localhost\",direction=\"up\"}"], 15.0);
        assert_eq!(samples["lem_ssl_tunnel_route_connections_total{route=\"localhost\"}"], 3.0);
        assert_eq!(samples["lem_ssl_tunnel_route_connections_open{route=\"localhost\"}"], 0.0);
    });
}

#[test]
fn the_ends_of_certificates_and_reloads_are_counted() {
    let world = World::new();
    run(async {
        let files = world.good();
        let arguments = ["--tls-in", "--metrics", "127.0.0.1:0", "--connect", "localhost:1"];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let end = async || {
            let samples = scrape(&tunnel).await;
            let mut ends = samples.iter().filter(|(name, _)| name.starts_with("lem_ssl_tunnel_certificate_not_after"));
            let (name, end) = ends.next().unwrap();
            assert!(name.contains("subject=\"CN=localhost\",serial=\""), "{name}");
            *end
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((end().await - now - 30.0 * 86_400.0).abs() < 3600.0);
        let mut leaf = lem_ssl_tests::pki::Leaf::server(&["localhost"]);
        leaf.not_after += std::time::Duration::from_secs(86_400);
        world.issue("good", leaf);
        tunnel.signal("HUP");
        tunnel.says("reloaded; new connections").await;
        assert!((end().await - now - 31.0 * 86_400.0).abs() < 3600.0);
        std::fs::write(&files.key, "nonsense").unwrap();
        tunnel.signal("HUP");
        tunnel.says("not reloaded").await;
        let samples = scrape(&tunnel).await;
        for result in ["ok", "failed"] {
            assert_eq!(samples[&format!("lem_ssl_tunnel_reloads_total{{result=\"{result}\"}}")], 1.0);
        }
    });
}

#[test]
fn who_watches_it_is_told_whether_it_runs_and_whether_it_is_ready() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let (files, address) = (world.good(), back_end.address());
        let arguments = ["--tls-in", "--metrics", "127.0.0.1:0", "--fail-time", "60", "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let metrics = tunnel.metrics.clone().unwrap();
        let get = async |path: &str| ask(&metrics, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(get("/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(get("/readyz").await.starts_with("HTTP/1.1 200 OK\r\n"));
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        let status = get("/status.json").await;
        let (_, body) = status.split_once("\r\n\r\n").unwrap();
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((status["ready"].as_bool(), status["open"].as_u64()), (Some(true), Some(1)), "{status}");
        let back_ends = status["routes"][0]["back_ends"].as_array().unwrap();
        assert_eq!(back_ends.iter().filter(|one| one["up"] == true && one["open"] == 1).count(), 1, "{status}");
        assert_eq!(status["certificates"][0]["names"][0], "localhost");
        let page = get("/").await;
        assert!(page.contains("Content-Type: text/html") && page.contains("<!doctype html>"), "{page}");
        assert!(page.contains("Content-Security-Policy: default-src 'none'"));
        // A back end that does not answer any more.
        drop((client, server));
        let BackEnd::Plain(listener) = back_end else { unreachable!() };
        listener.close().unwrap();
        drop(listener);
        // A program that another test is just starting has the listening socket, too, until it has begun.
        let mut answer = String::new();
        for _ in 0..50 {
            let _ = tunnel.tls(&world).await.read(1).await;
            answer = get("/readyz").await;
            if answer.starts_with("HTTP/1.1 503 ") {
                break;
            }
        }
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.contains("no back end of route default is up"),
            "{answer}"
        );
        assert!(get("/healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    });
}
