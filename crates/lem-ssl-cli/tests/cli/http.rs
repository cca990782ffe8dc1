//! `lem-ssl serve --http`: what browsers and their enemies send.

use lem_ssl_rs::Error;

use crate::support::{Client, Server, World, lem_ssl};

fn server(world: &World, further: &[&str]) -> Server {
    Server::start(&[&["--http"][..], &world.good().arguments(), further].concat())
}

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn the_page_describes_the_session() {
    let world = World::new();
    let server = server(&world, &[]);
    let answer = Client::get(&world, &server.address, "/any/path?and=query", "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let page = answer.text();
    assert!(page.contains("TLS 1.3") && page.contains("you ask for:        localhost"), "{page}");
    assert!(page.contains("GET /any/path?and=query HTTP/1.1"), "{page}");
}

#[test]
fn a_thousand_requests_go_over_one_connection() {
    let world = World::new();
    let server = server(&world, &["--quiet"]);
    let ports = Client::with(&world, &server.address, async |client| {
        let mut ports = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            client.send(GET).await;
            let answer = client.answer(false).await.unwrap();
            assert_eq!((answer.status, answer.header("connection")), (200, None));
            let page = answer.text();
            ports.insert(page.lines().find(|line| line.starts_with("you are:")).unwrap().to_owned());
        }
        ports
    });
    assert_eq!(ports.len(), 1, "{ports:?}");
}

#[test]
fn requests_in_one_piece_are_answered_in_order_and_in_pieces_too() {
    let world = World::new();
    let server = server(&world, &[]);
    Client::with(&world, &server.address, async |client| {
        let all: String = (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: localhost\r\n\r\n")).collect();
        client.send(&all).await;
        for n in 0..50 {
            let page = client.answer(false).await.unwrap().text();
            assert!(page.contains(&format!("GET /{n} HTTP/1.1")), "{n}: {page}");
        }
        for byte in GET.bytes() {
            client.send([byte]).await;
        }
        assert_eq!(client.answer(false).await.unwrap().status, 200);
    });
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let world = World::new();
    let server = server(&world, &[]);
    Client::with(&world, &server.address, async |client| {
        client.send(format!("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n{GET}")).await;
        let head = client.answer(true).await.unwrap();
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 0);
        // The next answer begins right behind it.
        assert_eq!(client.answer(false).await.unwrap().status, 200);
    });
}

#[test]
fn the_connection_ends_when_the_client_says_so_or_cannot_go_on() {
    let world = World::new();
    let server = server(&world, &[]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        Client::with(&world, &server.address, async |client| {
            // What stands behind must not be taken for another request.
            client.send(format!("{request}{GET}")).await;
            let answer = client.answer(false).await.unwrap();
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{request:?}");
            assert!(matches!(client.end().await, Error::Closed), "{request:?}");
        });
    }
}

#[test]
fn other_methods_are_405_with_what_is_allowed_and_the_connection_goes_on() {
    let world = World::new();
    let server = server(&world, &[]);
    Client::with(&world, &server.address, async |client| {
        for method in ["DELETE", "OPTIONS", "TRACE", "WHATEVER"] {
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let answer = client.answer(false).await.unwrap();
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        }
    });
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let world = World::new();
    let server = server(&world, &[]);
    let long = "x".repeat(20_000);
    let many: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
    ] {
        assert_eq!(Client::ask(&world, &server.address, &request).status, status);
    }
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let world = World::new();
    let server = server(&world, &["--idle-timeout", "0.2"]);
    Client::with(&world, &server.address, async |client| {
        assert!(matches!(client.end().await, Error::Closed));
    });
    Client::with(&world, &server.address, async |client| {
        client.send(GET).await;
        assert_eq!(client.answer(false).await.unwrap().status, 200);
        assert!(matches!(client.end().await, Error::Closed));
    });
}

#[test]
fn a_client_that_never_finishes_its_request_is_told_so() {
    let world = World::new();
    let server = server(&world, &["--head-timeout", "0.2"]);
    Client::with(&world, &server.address, async |client| {
        client.send("GET / HTTP/1.1\r\nHost: ").await;
        assert_eq!(client.answer(false).await.unwrap().status, 408);
        assert!(matches!(client.end().await, Error::Closed));
    });
}

#[test]
fn what_a_client_sends_steers_no_terminal_of_ours() {
    let world = World::new();
    let server = server(&world, &[]);
    let answer = Client::get(&world, &server.address, "/%1b[31m\u{9b}x", "");
    assert_eq!(answer.status, 200);
    assert!(!answer.text().chars().any(|letter| letter.is_control() && letter != '\n'), "{:?}", answer.text());
    server.running.wait_for("200");
    let log = server.running.stderr();
    assert!(log.contains("\"GET /%1b[31m"), "{log}");
    assert!(!log.chars().any(|letter| letter.is_control() && letter != '\n'), "{log:?}");
}

#[test]
fn our_own_command_is_a_client_like_any_other() {
    let world = World::new();
    let server = server(&world, &[]);
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let finished = lem_ssl(["connect", &server.by_name(), "--ca", &world.ca, "--quiet"], request).expect(0);
    assert!(finished.text().starts_with("HTTP/1.1 200 OK\r\n"), "{}", finished.text());
}
