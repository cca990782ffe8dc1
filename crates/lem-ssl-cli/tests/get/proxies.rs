//! `--proxy`: by way of a proxy, which sees TLS and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::{Reply, Site, World, lem_ssl};

/// A proxy for one client; its head when it is asked.
struct Proxy {
    port: u16,
    thread: JoinHandle<String>,
}

impl Proxy {
    /// One that gives this answer, and carries bytes if that is a 200.
    fn new(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(client.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
            }
            client.write_all(answer.as_bytes()).unwrap();
            if !answer.starts_with("HTTP/1.1 200") {
                return head;
            }
            let server = head.split(' ').nth(1).unwrap();
            let mut server = TcpStream::connect(server).unwrap();
            let (mut back, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let returning = thread::spawn(move || {
                let _ = std::io::copy(&mut back, &mut to_client);
                let _ = to_client.shutdown(std::net::Shutdown::Write);
            });
            let _ = std::io::copy(&mut reader, &mut server);
            let _ = server.shutdown(std::net::Shutdown::Write);
            returning.join().unwrap();
            head
        });
        Self { port, thread }
    }

    fn head(self) -> String {
        self.thread.join().unwrap()
    }
}

const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\n";

#[test]
fn a_download_comes_by_way_of_a_proxy() {
    let world = World::new();
    let site = Site::new(&world, [Reply::ok(b"content")]);
    let (url, proxy) = (site.url("/file"), Proxy::new(CONNECTED));
    let by = format!("http://me:open%20sesame@127.0.0.1:{}", proxy.port);
    let ended = lem_ssl(["get", &url, "-o", "-", "--ca", &world.ca, "--proxy", &by], b"").expect(0);
    assert_eq!(ended.stdout, b"content");
    let (head, server) = (proxy.head(), url.trim_start_matches("https://").trim_end_matches("/file"));
    assert!(head.starts_with(&format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n")), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic bWU6b3BlbiBzZXNhbWU=\r\n"), "{head}");
    // Nothing of that is for the server.
    assert!(!site.requests()[0].contains("Proxy"));
}

fn by_environment(world: &World, url: &str, variables: &[(&str, &str)], further: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lem-ssl"));
    for name in ["https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.args(["get", url, "-o", "-", "--ca", &world.ca]).args(further).output().unwrap()
}

#[test]
fn the_environment_names_a_proxy_and_who_needs_none() {
    let world = World::new();
    let site = Site::new(&world, vec![Reply::ok(b"content"); 3]);
    let (url, proxy) = (site.url("/file"), Proxy::new(CONNECTED));
    let by = format!("127.0.0.1:{}", proxy.port);
    let ended = by_environment(&world, &url, &[("HTTPS_PROXY", &by)], &[]);
    assert!(ended.status.success(), "{ended:?}");
    assert!(proxy.head().starts_with("CONNECT localhost:"));
    let nowhere = ("HTTPS_PROXY", "http://127.0.0.1:1");
    for (variables, further) in
        [(&[nowhere, ("NO_PROXY", "x.example,localhost")][..], &[][..]), (&[nowhere], &["--proxy", "none"])]
    {
        let ended = by_environment(&world, &url, variables, further);
        assert!(ended.status.success(), "{ended:?}");
    }
    let ended = by_environment(&world, &url, &[("HTTPS_PROXY", "socks5://a:secret@b:1")], &[]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("HTTPS_PROXY in the environment") && !said.contains("secret"), "{said}");
}

#[test]
fn one_timeout_is_for_the_proxy_and_the_handshake_together() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let by = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let proxy = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        thread::sleep(Duration::from_secs(2));
        client.write_all(CONNECTED.as_bytes()).unwrap();
        // Nobody answers behind it.
        let _ = std::io::copy(&mut client, &mut std::io::sink());
    });
    let began = Instant::now();
    let arguments = ["get", "https://server.example/x", "-o", "-", "--ca", &world.ca, "--proxy", &by, "--timeout", "3"];
    let said = lem_ssl(arguments, b"").expect(5).stderr;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}: {said}");
    assert!(said.contains(&format!("through the proxy {by}")) && said.contains("(--timeout)"), "{said}");
    proxy.join().unwrap();
}

#[test]
fn a_proxy_that_fails_is_named_and_its_password_is_not() {
    let world = World::new();
    let get = |by: &str| {
        let arguments =
            ["get", "https://server.example/x", "-o", "-", "--ca", &world.ca, "--proxy", by, "--timeout", "5"];
        lem_ssl(arguments, b"").expect(4).stderr
    };
    for (answer, says) in [
        (
            "HTTP/1.1 407 Who are you\r\n\r\n",
            "it refuses server.example:443: 407 Who are you: give --proxy http://USER:PASSWORD@",
        ),
        ("HTTP/1.1 403 \u{1b}[31mNo\r\n\r\n", "its answer is no HTTP/1.1"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "it refuses server.example:443: 502 Bad Gateway"),
        ("SSH-2.0-OpenSSH\r\n", "its answer is no HTTP/1.1"),
        ("", "it ended the connection without an answer"),
    ] {
        let proxy = Proxy::new(answer);
        let said = get(&format!("http://me:secret@127.0.0.1:{}", proxy.port));
        assert!(said.contains(&format!("the proxy 127.0.0.1:{}: {says}", proxy.port)), "{said}");
        assert!(!said.contains("secret"), "{said}");
        proxy.head();
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = get(&free.to_string());
    assert!(said.contains(&format!("the proxy {free}: ")) && said.contains("refused"), "{said}");
}

#[test]
fn a_proxy_that_says_more_than_it_should_or_nothing_is_left() {
    let world = World::new();
    let arguments = |port: u16| {
        let by = format!("127.0.0.1:{port}");
        ["get", "https://server.example/x", "-o", "-", "--timeout", "0.3", "--ca", &world.ca, "--proxy", &by]
            .map(str::to_owned)
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let playing = thread::spawn(move || {
        for answer in ["HTTP/1.1 200 OK\r\n\r\n\u{16}\u{3}\u{3}", "HTTP/1.1 200 OK\r\nX: ", ""] {
            let (mut client, _) = listener.accept().unwrap();
            let filler = if answer.ends_with(": ") { "y".repeat(20_000) } else { String::new() };
            // The head is read first: what was not read would reset the connection.
            let mut head = [0; 1000];
            let _ = client.read(&mut head).unwrap();
            let _ = client.write_all(format!("{answer}{filler}").as_bytes());
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    let said = lem_ssl(arguments(port), b"").expect(4).stderr;
    assert!(said.contains("something of its own where TLS has to begin"), "{said}");
    let said = lem_ssl(arguments(port), b"").expect(4).stderr;
    assert!(said.contains("the head of its answer is too long"), "{said}");
    let said = lem_ssl(arguments(port), b"").expect(4).stderr;
    assert!(said.contains(&format!("the proxy 127.0.0.1:{port}")) && said.contains("timed out"), "{said}");
    playing.join().unwrap();
}
