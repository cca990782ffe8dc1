//! `:443`: every interface, for listening; for connecting, an error that says so.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lem_rs::sim::Sim;
use lem_rs::transport::connect_source;
use lem_rs::{Address, Deadline, Error, Listener, TcpStream, ToAddress, UdpSocket};
use socket2::{Domain, Socket, Type};

use crate::support::run;

fn port_of(listener: &Listener) -> u16 {
    listener.local_ip().unwrap().port()
}

/// Whether this machine has IPv6 at all.
fn has_ipv6() -> bool {
    std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn a_port_alone_is_every_interface() {
    let any = |port| Ok(Address::Any { port });
    assert_eq!(":443".to_address(), any(443));
    assert_eq!(":https".to_address(), any(443));
    assert_eq!(":0".to_address(), any(0));
    assert_eq!(":443".to_encrypted_address(), any(443));
    for text in [":443", ":0"] {
        assert_eq!(text.to_address().unwrap().to_string(), text);
    }
    assert_eq!(":443".to_address().unwrap().port(), Some(443));
    assert_eq!(":443".to_address().unwrap().host(), None);
}

#[test]
fn what_only_looks_like_a_port_is_refused_with_a_word() {
    for (text, problem) in [
        (":99999", "the port 99999 is not between 1 and 65535"),
        (":", "the port after the colon is missing"),
        (":-1", "the service \"-1\" is not known: write its port number"),
        ("::", "an IPv6 address is written in brackets: [::]:443"),
        (":443:443", "an IPv6 address is written in brackets: [2001:db8::1]:443"),
        ("https://:443", "the host is empty"),
        ("", "it is empty"),
    ] {
        assert_eq!(text.to_address().unwrap_err().problem(), problem, "{text}");
    }
    assert_eq!((":80", 443).to_address().unwrap_err().problem(), "the host is empty");
}

#[test]
fn listening_there_is_for_both_families() {
    run(async {
        let listener = Listener::bind(":0").await.unwrap();
        let port = port_of(&listener);
        assert_ne!(port, 0);
        let mut hosts = vec![("127.0.0.1", true)];
        hosts.push(("::1", has_ipv6()));
        for (host, possible) in hosts {
            if possible {
                let client = TcpStream::connect((host, port)).await.unwrap();
                client.write("x").await.unwrap();
                let theirs = listener.accept().await.unwrap();
                assert_eq!(theirs.read(1).await.unwrap(), b"x", "{host}");
                assert_eq!(theirs.local_addr().unwrap().ip().unwrap().port(), port);
            }
        }
    });
}

#[test]
fn a_port_that_is_taken_is_not_taken_by_half() {
    run(async {
        if !has_ipv6() {
            return;
        }
        // Somebody listens over IPv6 alone: IPv4 is free, and would be half a service.
        let other = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        other.set_only_v6(true).unwrap();
        other.bind(&std::net::SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
        other.listen(1).unwrap();
        let port = other.local_addr().unwrap().as_socket().unwrap().port();
        let error = Listener::bind(format!(":{port}")).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot listen on :{port}: address ")), "{error}");
        let free = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
        assert!(free.is_ok(), "nothing is left behind");
    });
}

#[test]
fn connecting_there_says_what_to_write() {
    run(async {
        let deadline = Deadline::after(Duration::from_secs(60));
        let address = ":443".to_address().unwrap();
        let udp = UdpSocket::bind(":0").await.unwrap();
        for error in [
            TcpStream::connect(":443").await.unwrap_err(),
            connect_source(&address, &deadline).await.unwrap_err(),
            udp.connect(":443").await.unwrap_err(),
            udp.send_to(b"x", ":443").await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Address(_)));
            let said = "invalid address \":443\": without a host it is only for listening: write localhost:443";
            assert_eq!(error.to_string(), said);
        }
        let error = TcpStream::connect(":0").await.unwrap_err().to_string();
        assert_eq!(error, "invalid address \":0\": without a host it is only for listening");
    });
}

#[test]
fn datagrams_come_there_over_both_families() {
    run(async {
        let socket = UdpSocket::bind(":0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut hosts = vec!["127.0.0.1"];
        hosts.extend(has_ipv6().then_some("::1"));
        for host in hosts {
            let client = UdpSocket::bind((host, 0)).await.unwrap();
            client.send_to(host.as_bytes(), (host, port)).await.unwrap();
            let mut buffer = [0; 16];
            let (count, _) = socket.recv_from(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], host.as_bytes());
        }
    });
}

#[test]
fn it_is_the_same_in_a_simulated_world() {
    let sim = Sim::builder(1).host("server.test", ["10.0.0.1", "fd00::1"]).build();
    sim.run(async {
        let listener = Listener::bind(":7").await.unwrap();
        for address in ["10.0.0.1:7", "[fd00::1]:7", "server.test:7"] {
            let client = TcpStream::connect(address).await.unwrap();
            let theirs = listener.accept().await.unwrap();
            client.shutdown().await.ok();
            drop(theirs);
        }
        assert!(matches!(TcpStream::connect(":7").await, Err(Error::Address(_))));
    })
    .unwrap();
}
