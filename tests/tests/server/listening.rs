//! Where a server listens.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use lem_ssl_rs::{Endpoint, Error, ListenOptions, Listener, ReadMode, Server, ServerOptions, Stream, spawn};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{check, client_context, echo, is_answered, is_echoed, says, server_context, until};

async fn connect_to(address: impl lem_ssl_rs::ToAddress) -> Result<Stream, Error> {
    client_context().connect_as(address, "localhost").await
}

fn answer_all(server: Server) -> Rc<Server> {
    let server = Rc::new(server);
    let accepting = server.clone();
    spawn(async move { accepting.autospawn(echo).await }).detach();
    server
}

#[test]
fn port_zero_becomes_a_free_port_that_local_addr_tells() {
    check(async {
        let one = answer_all(server_context().listen("127.0.0.1:0").await.unwrap());
        let other = answer_all(server_context().listen("127.0.0.1:0").await.unwrap());
        let ports = [&one, &other].map(|server| server.local_addr().ip().unwrap().port());
        assert!(ports[0] != 0 && ports[1] != 0 && ports[0] != ports[1], "{ports:?}");
        is_answered(&one).await;
        is_answered(&other).await;
    });
}

#[test]
fn the_ipv6_wildcard_means_both_families() {
    check(async {
        let server = answer_all(server_context().listen("[::]:0").await.unwrap());
        let port = server.local_addr().ip().unwrap().port();
        for address in [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))] {
            is_echoed(&connect_to(address).await.unwrap(), "hello\n").await;
        }
    });
}

#[test]
fn a_name_is_resolved_and_listened_at() {
    check(async {
        let server = answer_all(server_context().listen("localhost:0").await.unwrap());
        assert!(server.local_addr().ip().unwrap().ip().is_loopback());
        is_answered(&server).await;
    });
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    check(async {
        let server = server_context().listen("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().to_string();
        says(server_context().listen(server.local_addr()).await, &["listen", &address, "in use"]);
        server.close().unwrap();
        // A server that was restarted gets its port back.
        answer_all(server_context().listen(address.as_str()).await.unwrap());
    });
}

#[test]
fn a_port_with_connections_of_the_server_before_can_be_listened_at_again() {
    check(async {
        let first = server_context().listen("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().clone();
        let client = connect_to(&address).await.unwrap();
        let accepted = first.accept().await.unwrap();
        first.close().unwrap();
        let second = answer_all(server_context().listen(&address).await.unwrap());
        is_answered(&second).await;
        // The connection of the first one is none the worse.
        accepted.write("still here\n").await.unwrap();
        assert_eq!(client.read(ReadMode::Line).await.unwrap(), b"still here\n");
    });
}

#[test]
fn two_listeners_share_a_port_only_if_both_want_to() {
    check(async {
        let shared = ServerOptions::default().listen(ListenOptions::default().reuse_port(true));
        let one = server_context().listen_with("127.0.0.1:0", shared).await.unwrap();
        let address = one.local_addr().clone();
        says(server_context().listen(&address).await, &["in use"]);
        let other = server_context().listen_with(&address, shared).await.unwrap();
        let accepted = |server: &Server| server.counters().handshakes_finished;
        let (one, other) = (answer_all(one), answer_all(other));
        let mut clients = Vec::new();
        // The kernel chooses by the client's port: among so many, each of the two has some (1 in 2^199 otherwise).
        for _ in 0..200 {
            let client = connect_to(&address).await.unwrap();
            is_echoed(&client, "x\n").await;
            clients.push(client);
            if accepted(&one) > 0 && accepted(&other) > 0 {
                break;
            }
        }
        assert!(accepted(&one) > 0 && accepted(&other) > 0);
        assert_eq!(accepted(&one) + accepted(&other), clients.len() as u64);
    });
}

#[test]
fn connections_wait_in_the_backlog_while_handshakes_are_at_their_cap() {
    check(async {
        const CLIENTS: u64 = 8;
        let options = ServerOptions::default().handshakes(1).listen(ListenOptions::default().backlog(64));
        let server = Rc::new(server_context().listen_with("127.0.0.1:0", options).await.unwrap());
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let server = server.clone();
                spawn(async move { is_answered(&server).await })
            })
            .collect();
        // Nobody takes the first one, so the others stay where they are.
        until(|| server.counters().handshakes_finished == 1).await;
        assert_eq!(server.counters().accepted, 1);
        let accepting = server.clone();
        spawn(async move { accepting.autospawn(echo).await }).detach();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(server.counters().handshakes_finished, CLIENTS);
    });
}

#[test]
fn an_inherited_listener_serves_with_what_was_already_waiting() {
    check(async {
        let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = inherited.local_addr().unwrap();
        let early = spawn(async move { connect_to(address).await.unwrap() });
        let server = Server::over(server_context(), Listener::adopt(inherited).unwrap(), ServerOptions::default());
        let server = answer_all(server.unwrap());
        assert_eq!(server.local_addr(), &Endpoint::Ip(address));
        is_echoed(&early.await.unwrap(), "hello\n").await;
        is_answered(&server).await;
    });
}

#[test]
fn an_inherited_unix_listener_serves() {
    check(async {
        let scratch = Scratch::new("server");
        let path = scratch.path().join("socket");
        let inherited = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = Server::over(server_context(), Listener::adopt(inherited).unwrap(), ServerOptions::default());
        is_answered(&answer_all(server.unwrap())).await;
    });
}

#[test]
fn a_unix_socket_is_served_like_any_other_address() {
    check(async {
        let scratch = Scratch::new("server");
        let path = scratch.path().join("socket");
        let server = answer_all(server_context().listen(format!("unix:{}", path.display())).await.unwrap());
        assert_eq!(server.local_addr(), &Endpoint::Unix(Some(path)));
        is_answered(&server).await;
        assert_eq!(server.counters().handshakes_finished, 1);
        says(server_context().listen(server.local_addr()).await, &["listen on unix:", "in use"]);
    });
}

#[test]
fn the_options_of_one_address_cap_do_not_concern_unix_sockets() {
    check(async {
        let scratch = Scratch::new("server");
        let address = format!("unix:{}", scratch.path().join("socket").display());
        let options = ServerOptions::default().handshakes_per_peer(1);
        let server = answer_all(server_context().listen_with(address, options).await.unwrap());
        // Clients of a Unix-domain socket have no address to be counted by.
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let server = server.clone();
                spawn(async move { is_answered(&server).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(server.counters().refused, 0);
    });
}

#[test]
fn what_cannot_be_listened_at_is_an_error_that_says_so() {
    check(async {
        for address in ["127.0.0.1", "127.0.0.1:70000", "", "unix:", "203.0.113.7:0"] {
            let error = server_context().listen(address).await.unwrap_err().to_string();
            assert!(!error.is_empty() && error.contains(address), "{address:?}: {error}");
        }
    });
}
