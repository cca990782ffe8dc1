//! Connecting to a name with several addresses (RFC 8305).

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream as StdStream};
use std::time::Duration;

use lem_rs::transport::connect_source;
use lem_rs::{Address, Deadline, Endpoint, Error, Phase, TcpStream};

use crate::support::{Table, machine_with, run, run_on};

/// A listener on 127.0.0.1 at a port that nobody else on this machine uses; other addresses of the loopback network
/// refuse there, as long as it lives.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn at(address: &str, port: u16) -> Endpoint {
    Endpoint::Ip(SocketAddr::new(address.parse().unwrap(), port))
}

/// Fills the queue of a listener that nobody accepts from: the kernel then drops what asks to connect, without a word.
fn fill(listener: &TcpListener) -> Vec<StdStream> {
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    // The kernel answers by itself, so that one that gets no answer found the queue full.
    while let Ok(stream) = StdStream::connect_timeout(&address, Duration::from_millis(500)) {
        filling.push(stream);
        assert!(filling.len() < 10_000, "the queue of the listener has no end");
    }
    filling
}

#[test]
fn a_first_address_that_refuses_makes_way_for_the_second() {
    let (listener, port) = listener();
    run_on(&machine_with(Table::of(&["127.0.0.2", "127.0.0.1"])), async move {
        let stream = TcpStream::connect(("name.test", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), at("127.0.0.1", port));
        drop(listener);
        stream.abort();
    });
}

#[test]
fn many_addresses_that_refuse_do_not_cost_the_stagger_each() {
    let (listener, port) = listener();
    let mut addresses: Vec<String> = (0..200).map(|number| format!("127.0.1.{number}")).collect();
    addresses.push("127.0.0.1".into());
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    run_on(&machine_with(Table::of(&addresses)), async move {
        // With a pause of 250 ms after each, this would take 50 s, and connecting at most 30.
        let stream = TcpStream::connect(("name.test", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), at("127.0.0.1", port));
        drop(listener);
        stream.abort();
    });
}

#[test]
fn a_first_address_that_is_silent_is_overtaken_by_the_second() {
    let (listener, port) = listener();
    let silent = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let _filling = fill(&silent);
    run_on(&machine_with(Table::of(&["127.0.0.2", "127.0.0.1"])), async move {
        let stream = TcpStream::connect(("name.test", port)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), at("127.0.0.1", port));
        drop(listener);
        stream.abort();
    });
}

#[test]
fn a_silent_address_ends_at_the_deadline_with_the_phase() {
    let (listener, port) = listener();
    let _filling = fill(&listener);
    run(async {
        let address = Address::Ip(SocketAddr::from(([127, 0, 0, 1], port)));
        let deadline = Deadline::after(Duration::from_millis(30));
        let error = connect_source(&address, &deadline).await.unwrap_err();
        assert_eq!(error.timed_out(), Some(Phase::Connect));
        let expected = format!("connect to 127.0.0.1:{port} timed out after ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    });
}

#[test]
fn an_error_lists_every_attempt_in_its_order_with_the_families_in_turn() {
    let (_listener, port) = listener();
    let table = Table::of(&["127.0.0.2", "127.0.0.3", "127.0.0.4", "::1", "127.0.0.5", "127.0.0.2"]);
    run_on(&machine_with(table), async move {
        let error = TcpStream::connect(("name.test", port)).await.unwrap_err();
        let Error::Connect(connect) = &error else { panic!("{error}") };
        assert_eq!(connect.target(), format!("name.test:{port}"));
        let tried: Vec<_> = connect.attempts().iter().map(|attempt| attempt.endpoint.clone()).collect();
        let expected = ["127.0.0.2", "::1", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
        assert_eq!(tried, expected.map(|address| at(address, port)), "each once, the families in turn");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("cannot connect to name.test:{port}: 127.0.0.2:{port}: connection refused; "))
        );
        assert!(text.contains(&format!("; 127.0.0.4:{port}: connection refused; ")), "{text}");
        assert!(!text.contains("os error"), "{text}");
        assert_eq!(connect.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_resolvers_first_family_goes_first() {
    let (_listener, port) = listener();
    run_on(&machine_with(Table::of(&["::1", "127.0.0.2", "127.0.0.3"])), async move {
        let Err(Error::Connect(connect)) = TcpStream::connect(("name.test", port)).await else { panic!("connected") };
        let tried: Vec<_> = connect.attempts().iter().map(|attempt| attempt.endpoint.clone()).collect();
        assert_eq!(tried, ["::1", "127.0.0.2", "127.0.0.3"].map(|address| at(address, port)));
    });
}

#[test]
fn a_refused_connection_names_the_address_and_the_port_once() {
    let (_listener, port) = listener();
    run(async {
        let error = TcpStream::connect(("127.0.0.2", port)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to 127.0.0.2:{port}: connection refused"));
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_refused_encrypted_connection_says_the_same() {
    let (_listener, port) = listener();
    let context = lem_ssl_rs::Context::new().unwrap();
    run(async {
        let error = context.connect(("127.0.0.2", port)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to 127.0.0.2:{port}: connection refused"));
    });
}

#[test]
fn a_unix_socket_that_is_not_there_says_so() {
    run(async {
        let error = TcpStream::connect("unix:/nonexistent/socket").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect to unix:/nonexistent/socket: no such file or directory");
    });
}

#[test]
fn a_connect_that_is_dropped_ends_every_attempt() {
    let (listener, port) = listener();
    let _filling = fill(&listener);
    let machine = machine_with(Table::of(&["127.0.0.1", "::1"]));
    machine
        .run(async {
            let connecting = TcpStream::connect(("name.test", port));
            assert!(lem_rs::timeout(Duration::from_millis(5), connecting).await.is_err());
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}
