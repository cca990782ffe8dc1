//! Signals that mean nothing to a server, and those that do.

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
        let echoing = lem_ssl_rs::spawn(echo(server));
        talk(client, b"still").await;
        echoing.await.unwrap();
        let client = tunnel.plain().await;
        let echoing = lem_ssl_rs::spawn(echo(back_end.accept_plain().await));
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
