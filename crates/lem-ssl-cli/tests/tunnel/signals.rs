//! Signals that mean nothing to a server, and those that do.

use std::process::Command;
use std::time::{Duration, Instant};

use lem_ssl_rs::spawn;

use crate::support::{BackEnd, Server, Tunnel, echo, run, talk};

#[test]
fn a_signal_without_a_meaning_ends_no_tunnel() {
    run(async {
        let back_end = BackEnd::plain().await;
        let tunnel = Tunnel::start(&["--plain", "--connect", &back_end.address()]);
        let client = tunnel.plain().await;
        let server = back_end.accept_plain().await;
        for name in ["USR1", "USR2", "PIPE", "WINCH"] {
            tunnel.signal(name);
        }
        tunnel.says("SIGUSR1 means nothing here").await;
        tunnel.says("SIGUSR2 means nothing here").await;
        // Those who are here are carried on, and those who come are let in.
        let echoing = spawn(echo(server));
        talk(client, b"still").await;
        echoing.await.unwrap();
        let client = tunnel.plain().await;
        let echoing = spawn(echo(back_end.accept_plain().await));
        talk(client, b"another").await;
        echoing.await.unwrap();
        tunnel.signal("TERM");
        tunnel.finish().expect(0);
    });
}

#[test]
fn a_signal_without_a_meaning_ends_no_server() {
    let server = Server::start(&["--self-signed", "localhost", "--echo"]);
    server.signal("USR1");
    server.signal("USR2");
    server.running.wait_for("SIGUSR1 means nothing here; SIGHUP reads the files again, SIGTERM ends");
    server.running.wait_for("SIGUSR2 means nothing here");
    server.signal("TERM");
    server.running.finish().expect(0);
}

/// A terminal and a supervisor may both send theirs, and timeout(1) sends its own twice.
#[test]
fn a_signal_that_comes_twice_at_once_asks_a_tunnel_to_finish_and_not_to_end_on_the_spot() {
    run(async {
        let back_end = BackEnd::plain().await;
        for pair in [["TERM", "TERM"], ["INT", "INT"], ["INT", "TERM"]] {
            while !finishes_behind(&back_end, pair).await {}
        }
    });
}

/// Whether the two signals went out soon enough after each other; then the tunnel has let its client finish.
async fn finishes_behind(back_end: &BackEnd, pair: [&str; 2]) -> bool {
    let mut tunnel = Tunnel::start(&["--plain", "--drain", "1000", "--connect", &back_end.address()]);
    let client = tunnel.plain().await;
    let server = back_end.accept_plain().await;
    let id = tunnel.running.id();
    let [first, second] = pair;
    let begun = Instant::now();
    // The tunnel has received the first one when the second one comes.
    let pause = "sleep 0.02";
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{first} {id}; {pause}; kill -{second} {id}")).status();
    assert!(sent.unwrap().success());
    if begun.elapsed() > Duration::from_millis(80) {
        return false;
    }
    tunnel.says("1 connection may finish").await;
    let echoing = spawn(echo(server));
    client.write("still here").await.unwrap();
    assert_eq!(client.read(10).await.unwrap(), b"still here");
    // Later it is another request.
    tunnel.running.insist(second);
    tunnel.finish().expect(if second == "INT" { 130 } else { 143 });
    drop(client);
    let _ = echoing.await;
    true
}
