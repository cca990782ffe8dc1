//! Descriptors that run out.

use std::process::Command;
use std::time::Duration;

use lem_ssl_rs::{TcpStream, sleep, spawn};

use crate::metrics::scrape;
use crate::support::{BackEnd, Tunnel, echo, run, talk};

/// Starts the command with these limits of open files and sockets, the soft and the hard one.
fn limited(limits: &str) -> [String; 2] {
    ["prlimit".to_owned(), format!("--nofile={limits}")]
}

fn start(limits: &str, arguments: &[&str]) -> Tunnel {
    let by = limited(limits);
    Tunnel::start_by(&by.each_ref().map(String::as_str), arguments)
}

/// Gives a running process another limit.
fn limit(tunnel: &Tunnel, limits: &str) {
    let process = format!("--pid={}", tunnel.running.id());
    let status = Command::new("prlimit").args([&process, &format!("--nofile={limits}")]).status();
    assert!(status.expect("there is prlimit").success());
}

/// How many descriptors it has open.
fn open(tunnel: &Tunnel) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", tunnel.running.id())).unwrap().count()
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    run(async {
        let back_end = BackEnd::plain().await;
        let tunnel = start("100:4000", &["--plain", "--connect", &back_end.address()]);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", tunnel.running.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(line.split_whitespace().nth(3), Some("4000"), "{line}");
        assert_eq!(tunnel.running.stderr(), "");
    });
}

#[test]
fn clients_for_whom_there_are_no_descriptors_wait_and_are_served_then() {
    run(async {
        let back_end = BackEnd::plain().await;
        let arguments = ["--plain", "--connect-timeout", "2", "--connect", &back_end.address()];
        let tunnel = start("84:84", &[&arguments[..], &["--metrics", "127.0.0.1:0"]].concat());
        tunnel.says("this process may have 84 files and sockets open").await;
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        })
        .detach();
        let mut held = Vec::new();
        for _ in 0..10 {
            let client = tunnel.plain().await;
            client.write("x").await.unwrap();
            client.read(1).await.unwrap();
            held.push(client);
        }
        let waiting: Vec<_> = (0..40).map(|_| spawn(dial(tunnel.address.clone()))).collect();
        // Longer than the time for connecting: a client that was let in would have been cut.
        sleep(Duration::from_secs(3)).await;
        let samples = scrape(&tunnel).await;
        assert_eq!(samples["lem_ssl_tunnel_connections_open"], 11.0, "one has been accepted, and waits for its place");
        held.clear();
        for client in waiting {
            client.await.unwrap();
        }
        let samples = scrape(&tunnel).await;
        for outcome in ["shortage", "backend_unreachable"] {
            assert_eq!(samples[&format!("lem_ssl_tunnel_connections_ended_total{{outcome=\"{outcome}\"}}")], 0.0);
        }
        assert!(samples.iter().all(|(name, value)| !name.contains("backend_failures_total") || *value == 0.0));
    });
}

async fn dial(address: String) {
    talk(TcpStream::connect(address.as_str()).await.unwrap(), b"hello").await;
}

#[test]
fn a_shortage_is_no_failure_of_a_back_end_and_is_waited_for() {
    run(async {
        let back_end = BackEnd::plain().await;
        let arguments = ["--plain", "--connect", &back_end.address(), "--health-interval", "0.05"];
        let tunnel = Tunnel::start(&[&arguments[..], &["--metrics", "127.0.0.1:0"]].concat());
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_plain().await)).detach();
            }
        })
        .detach();
        // It is known as good.
        dial(tunnel.address.clone()).await;
        // Idle, so that no check of the back end has a descriptor in this moment: one more than there are is the client's.
        let mut clients = Vec::new();
        while !tunnel.running.stderr().contains("connecting to back ends pauses: ") {
            limit(&tunnel, &format!("{}:20000", open(&tunnel) + 1));
            clients.push(spawn(dial(tunnel.address.clone())));
            sleep(Duration::from_millis(50)).await;
        }
        // Several checks have found no descriptor either.
        sleep(Duration::from_millis(300)).await;
        limit(&tunnel, "20000:20000");
        for client in clients {
            client.await.unwrap();
        }
        let samples = scrape(&tunnel).await;
        for (name, value) in &samples {
            if name.contains("backend_failures_total") {
                assert_eq!(*value, 0.0, "{name}");
            }
            if name.contains("backend_up") {
                assert_eq!(*value, 1.0, "{name}");
            }
        }
        assert!(!tunnel.running.stderr().contains("is down"), "{}", tunnel.running.stderr());
    });
}
