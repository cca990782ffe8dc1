//! Proxies in front of the tunnel, which say for whom they speak.

use std::time::{Duration, Instant};

use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{Cut, Error, ReadMode, TcpStream, sleep};

use crate::support::{BackEnd, Files, Tunnel, World, client, lem_ssl, run};

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n";

/// The same in version 2.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x04\xd2\x01\xbb";

/// Of a proxy that speaks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A client has said this to the back end, and ends.
async fn arrives(back_end: &BackEnd, content: &[u8]) {
    let server = back_end.accept_plain().await;
    assert_eq!(server.read(ReadMode::All).await.unwrap(), content);
    server.shutdown().await.unwrap();
}

/// The arguments for clients that speak TLS.
fn tls_in(files: &Files) -> Vec<&str> {
    [&["--tls-in"][..], &files.arguments()].concat()
}

#[test]
fn a_trusted_proxy_is_believed_in_both_versions_with_and_without_tls() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let common = ["--proxy-from", "127.0.0.0/8", "--proxy-protocol=v1", "--connect", &address];
        for (header, told) in [(LINE, LINE), (HEADER, LINE)] {
            let tunnel = Tunnel::start(&[&["--tls-in"][..], &common, &files.arguments()].concat());
            let plain = tunnel.plain().await;
            plain.write(header).await.unwrap();
            let client = client(&world).upgrade(plain, "localhost").await.unwrap();
            client.write("content").await.unwrap();
            client.close_write().unwrap();
            arrives(&back_end, &[told, b"content"].concat()).await;
            tunnel.says("#1 192.0.2.7:1234 to ").await;

            let tunnel = Tunnel::start(&[&["--plain"][..], &common].concat());
            let plain = tunnel.plain().await;
            // In one piece with the content.
            plain.write(&[header, b"content"].concat()).await.unwrap();
            plain.close_write().unwrap();
            arrives(&back_end, &[told, b"content"].concat()).await;
            tunnel.says("#1 192.0.2.7:1234 to ").await;
        }
    });
}

#[test]
fn a_proxy_that_speaks_for_itself_is_the_client() {
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let tunnel = Tunnel::start(&["--plain", "--proxy-from", "127.0.0.1", "--connect", &address]);
        let client = tunnel.plain().await;
        client.write(&[LOCAL, b"content"].concat()).await.unwrap();
        client.close_write().unwrap();
        arrives(&back_end, b"content").await;
        tunnel.says("#1 127.0.0.1:").await;
    });
}

#[test]
fn silent_clients_of_a_proxy_lock_out_no_others() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let limits = ["--tls-in", "--proxy-from", "127.0.0.1", "--max-handshakes-per-address", "2"];
        let arguments = [&limits[..], &["--connect", &address]].concat();
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let mut silent = Vec::new();
        for said in [&b""[..], b"", b"", LINE, HEADER, LINE] {
            let plain = tunnel.plain().await;
            plain.write(said).await.unwrap();
            silent.push(plain);
        }
        tunnel.says("192.0.2.7:1234: refused").await;
        let plain = tunnel.plain().await;
        plain.write("PROXY TCP4 192.0.2.8 198.51.100.1 1234 443\r\n").await.unwrap();
        let client = client(&world).upgrade(plain, "localhost").await.unwrap();
        client.close_write().unwrap();
        back_end.accept_plain().await.shutdown().await.unwrap();
    });
}

#[test]
fn a_client_from_elsewhere_is_not_believed() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let common = ["--proxy-from", "192.0.2.0/24", "--connect", &address];
        let tunnel = Tunnel::start(&[&["--tls-in"][..], &common, &files.arguments()].concat());
        // Without a header it is a client like any other.
        let client = tunnel.tls(&world).await;
        client.write("content").await.unwrap();
        let server = back_end.accept_plain().await;
        assert_eq!(server.read(7).await.unwrap(), b"content");
        // With one it does not speak TLS.
        let liar = tunnel.plain().await;
        liar.write(HEADER).await.unwrap();
        tunnel.says("does not speak TLS").await;
        assert!(!tunnel.running.stderr().contains("192.0.2.7"));
        // In plain text the header is content.
        let tunnel = Tunnel::start(&[&["--plain"][..], &common].concat());
        let liar = tunnel.plain().await;
        liar.write(LINE).await.unwrap();
        assert_eq!(back_end.accept_plain().await.read(LINE.len()).await.unwrap(), LINE);
    });
}

/// The tunnel does not take this from a proxy.
async fn refused(tunnel: &Tunnel, said: &[u8], why: &str) {
    let proxy = TcpStream::connect(tunnel.address.as_str()).await.unwrap();
    proxy.write(said).await.unwrap();
    // An end would pass for a complete, empty answer.
    let end = proxy.read(1).await;
    assert!(matches!(end, Err(Error::Truncated(Cut::Reset))), "{end:?}, {why}");
    tunnel.says(why).await;
}

#[test]
fn a_header_that_is_wrong_too_long_or_too_late_ends_the_connection() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let limits = ["--proxy-from", "127.0.0.0/8", "--handshake-timeout", "0.3", "--metrics", "127.0.0.1:0"];
        let arguments = [&limits[..], &["--connect", &address]].concat();
        for side in [&["--plain"][..], &tls_in(&files)] {
            let tunnel = Tunnel::start(&[side, &arguments].concat());
            for (said, why) in [
                (&b"GET / HTTP/1.0\r\n\r\n"[..], "does not begin with a header of the PROXY protocol"),
                (b"PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n", "header is malformed"),
                (&[b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat(), "no end within 107 bytes"),
                (&[&HEADER[..14], &[0xff; 30_000]].concat(), "longer than 4096 bytes"),
                (&HEADER[..20], "timed out"),
                (b"", "timed out"),
            ] {
                refused(&tunnel, said, why).await;
            }
            let samples = crate::metrics::scrape(&tunnel).await;
            let counted = samples["lem_ssl_tunnel_connections_ended_total{outcome=\"no_header\"}"]
                + samples.get("lem_ssl_tunnel_handshakes_failed_total{reason=\"other\"}").unwrap_or(&0.0)
                + samples.get("lem_ssl_tunnel_handshakes_failed_total{reason=\"timed_out\"}").unwrap_or(&0.0);
            assert_eq!(counted, 6.0);
        }
    });
}

#[test]
fn proxies_that_send_no_header_are_limited_in_number_and_time() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let common = ["--proxy-from", "127.0.0.0/8", "--max-connections", "3", "--max-handshakes", "3"];
        let common = [&common[..], &["--max-proxy-headers", "2", "--connect", &address]].concat();
        for side in [&["--plain"][..], &tls_in(&files)] {
            let tunnel = Tunnel::start(&[side, &common].concat());
            let (silent, begun) = ([tunnel.plain().await, tunnel.plain().await], tunnel.plain().await);
            // A part of a header is none.
            let _ = begun.write(&HEADER[..20]).await;
            tunnel.says("too many connections of this proxy have sent no PROXY header yet").await;
            assert!(matches!(begun.read(1).await, Err(Error::Truncated(_) | Error::Closed | Error::Io { .. })));
            // One that has sent its header leaves its place.
            silent[0].write(HEADER).await.unwrap();
            if side[0] == "--plain" {
                silent[0].write("content").await.unwrap();
                assert_eq!(back_end.accept_plain().await.read(7).await.unwrap(), b"content");
            } else {
                let client = client(&world).upgrade(silent.into_iter().next().unwrap(), "localhost").await.unwrap();
                client.close_write().unwrap();
                back_end.accept_plain().await.shutdown().await.unwrap();
            }
        }
        let common = ["--proxy-from", "127.0.0.1", "--proxy-header-timeout", "0.3", "--connect", &address];
        for side in [&["--plain"][..], &tls_in(&files)] {
            let tunnel = Tunnel::start(&[side, &common].concat());
            refused(&tunnel, &HEADER[..20], "whose header has not come (--proxy-header-timeout), timed out").await;
        }
    });
}

#[test]
fn a_flood_of_connections_without_a_header_is_one_line_a_second() {
    const FLOOD: usize = 50;
    let world = World::new();
    run(async {
        let files = world.good();
        let common = ["--proxy-from", "127.0.0.0/8", "--max-proxy-headers", "1", "--connect", "localhost:1"];
        for side in [&["--plain"][..], &tls_in(&files)] {
            let tunnel = Tunnel::start(&[side, &common].concat());
            let _silent = tunnel.plain().await;
            let began = Instant::now();
            for _ in 0..FLOOD {
                assert!(tunnel.plain().await.read(1).await.is_err());
            }
            tunnel.says("too many connections of this proxy").await;
            let lines = || tunnel.running.stderr().matches("too many connections of this proxy").count() as u64;
            assert!(lines() <= began.elapsed().as_secs() + 1, "{}", tunnel.running.stderr());
            // The next line tells of those without one.
            let before = lines();
            sleep(Duration::from_millis(1100)).await;
            assert!(tunnel.plain().await.read(1).await.is_err());
            tunnel.says(" more since the last such line").await;
            assert!(lines() > before);
        }
    });
}

#[test]
fn a_header_comes_before_starttls() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let arguments = ["--tls-in", "--starttls-in", "postgres", "--proxy-from", "127.0.0.1", "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let plain = tunnel.plain().await;
        plain.write(&[HEADER, &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]].concat()).await.unwrap();
        assert_eq!(plain.read(1).await.unwrap(), b"S");
        let client = client(&world).upgrade(plain, "localhost").await.unwrap();
        client.close_write().unwrap();
        back_end.accept_plain().await.shutdown().await.unwrap();
        tunnel.says("#1 192.0.2.7:1234 to ").await;
    });
}

#[test]
fn a_network_that_is_none_is_refused_at_the_start() {
    for network in ["10.0.0.1/8", "localhost", "10.0.0.0/33"] {
        let arguments = ["tunnel", "--listen", "127.0.0.1:0", "--plain", "--connect", "localhost:1"];
        let said = lem_ssl([&arguments[..], &["--proxy-from", network]].concat(), b"").expect(2).stderr;
        assert!(said.contains(network), "{said}");
    }
}

#[test]
fn who_resets_its_connection_is_not_taken_for_a_proxy_on_this_machine() {
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let arguments = ["--plain", "--proxy-from", "unix", "--max-connections", "1", "--connect", &address];
        let tunnel = Tunnel::start(&arguments);
        // While it holds the only place, nobody else is accepted.
        let first = tunnel.plain().await;
        let server = back_end.accept_plain().await;
        let liar = tunnel.plain().await;
        let named = format!("#2 {} to ", liar.local_addr().unwrap());
        liar.write(&[LINE, b"content"].concat()).await.unwrap();
        liar.with_transport(|plain| plain.source().reset_when_closed().unwrap());
        liar.abort();
        drop((first, server));
        tunnel.says("#2 ").await;
        let said = tunnel.running.stderr();
        assert!(!said.contains("192.0.2.7") && said.contains(&named), "{said}");
    });
}
