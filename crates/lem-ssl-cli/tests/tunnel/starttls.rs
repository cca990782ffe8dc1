//! Protocols that begin in plain text, on either side.

use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{Context, Error, ReadMode, TcpStream, spawn};

use crate::support::{BackEnd, Tunnel, World, client, lem_ssl, run};

/// What a client says and hears before TLS, in turns, and what a back end greets with.
struct Opening {
    protocol: &'static str,
    greeting: &'static [u8],
    /// What it hears, once it has connected, and what it says to that.
    turns: &'static [(&'static [u8], &'static [u8])],
    go_ahead: &'static [u8],
}

const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x05\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

const OPENINGS: &[Opening] = &[
    Opening {
        protocol: "smtp",
        greeting: b"220-mail\r\n220 ready\r\n",
        turns: &[(b"220 ", b"EHLO me\r\n"), (b"250-localhost\r\n250 STARTTLS", b"STARTTLS\r\n")],
        go_ahead: b"220 2.0.0 go ahead\r\n",
    },
    Opening {
        protocol: "imap",
        greeting: b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
        turns: &[(b"* OK [CAPABILITY IMAP4rev1 STARTTLS", b"a1 STARTTLS\r\n")],
        go_ahead: b"a1 OK begin\r\n",
    },
    Opening {
        protocol: "pop3",
        greeting: b"+OK <1@mail>\r\n",
        turns: &[(b"+OK", b"STLS\r\n")],
        go_ahead: b"+OK begin\r\n",
    },
    Opening {
        protocol: "ldap",
        greeting: b"",
        turns: &[(b"", START_TLS)],
        go_ahead: &[0x30, 12, 2, 1, 5, 0x78, 7, 10, 1, 0, 4, 0, 4, 0],
    },
    Opening { protocol: "postgres", greeting: b"", turns: &[(b"", GSS_REQUEST), (b"N", SSL_REQUEST)], go_ahead: b"S" },
    Opening {
        protocol: "xmpp",
        greeting: b"",
        turns: &[
            (b"", b"<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' version='1.0'>"),
            (b"<?xml", b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ],
        go_ahead: b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    },
];

impl Opening {
    /// Everything but the last words, which are given back.
    async fn speak(&self, tunnel: &Tunnel) -> (TcpStream, &'static [u8]) {
        let plain = tunnel.plain().await;
        for (at, (heard, said)) in self.turns.iter().enumerate() {
            if !heard.is_empty() {
                let answer = plain.read(ReadMode::Available).await.unwrap();
                assert!(answer.starts_with(heard), "{}: {:?}", self.protocol, String::from_utf8_lossy(&answer));
            }
            if at + 1 == self.turns.len() {
                return (plain, said);
            }
            plain.write(said).await.unwrap();
        }
        unreachable!("there are turns");
    }

    /// The last words, to which there is a go-ahead.
    async fn ask(&self, plain: &TcpStream, last: &[u8]) {
        plain.write(last).await.unwrap();
        assert_eq!(plain.read(self.go_ahead.len()).await.unwrap(), self.go_ahead, "{}", self.protocol);
    }

    /// A question of the client's, and the back end's answer.
    async fn talk<C: Transport>(&self, client: &Stream<C>, server: &TcpStream) {
        client.write("question").await.unwrap();
        assert_eq!(server.read(8).await.unwrap(), b"question", "{}", self.protocol);
        server.write("answer").await.unwrap();
        assert_eq!(client.read(6).await.unwrap(), b"answer", "{}", self.protocol);
    }

    /// A back end in plain text, and a tunnel to it from clients that speak this protocol.
    async fn start(&self, world: &World) -> (BackEnd, Tunnel) {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let arguments = ["--tls-in", "--starttls-in", self.protocol, "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        (back_end, tunnel)
    }
}

#[test]
fn a_client_that_declares_without_end_is_refused() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let address = back_end.address();
        let arguments = ["--tls-in", "--starttls-in", "xmpp", "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        for said in [b"<?xml?>".repeat(9000), b"<?xml?> ".repeat(2)] {
            let client = tunnel.plain().await;
            // It may have been refused before all of it was sent.
            let _ = client.write(&said).await;
            client.read(1).await.unwrap_err();
            tunnel.says("the client does not go over to TLS (XMPP): it says \"<?xml?>\"").await;
        }
    });
}

#[test]
fn a_client_that_asks_gets_tls_and_is_not_greeted_twice() {
    let world = World::new();
    run(async {
        for opening in OPENINGS {
            let (back_end, tunnel) = opening.start(&world).await;
            let (plain, last) = opening.speak(&tunnel).await;
            opening.ask(&plain, last).await;
            let client = client(&world).upgrade(plain, "localhost").await.unwrap();
            let server = back_end.accept_plain().await;
            server.write(opening.greeting).await.unwrap();
            opening.talk(&client, &server).await;
        }
    });
}

#[test]
fn what_was_slipped_in_before_the_handshake_is_refused_and_reaches_no_back_end() {
    let world = World::new();
    run(async {
        for opening in OPENINGS {
            let (_back_end, tunnel) = opening.start(&world).await;
            let (plain, last) = opening.speak(&tunnel).await;
            // In one piece with the request for TLS: a server that keeps it would take it for encrypted.
            plain.write(&[last, b"DELETE everything\r\n"].concat()).await.unwrap();
            let heard = plain.read(ReadMode::All).await.unwrap_or_default();
            assert!(!heard.ends_with(opening.go_ahead), "{}: no go-ahead", opening.protocol);
            tunnel.says("somebody may have slipped them in").await;
        }
    });
}

#[test]
fn what_comes_in_plain_text_after_the_go_ahead_is_no_handshake() {
    let world = World::new();
    run(async {
        for opening in OPENINGS {
            let (_back_end, tunnel) = opening.start(&world).await;
            let (plain, last) = opening.speak(&tunnel).await;
            opening.ask(&plain, last).await;
            plain.write("DELETE everything\r\n").await.unwrap();
            tunnel.says("does not speak TLS").await;
        }
    });
}

#[test]
fn a_client_that_goes_on_in_plain_text_is_told_so_in_words_of_its_protocol() {
    let world = World::new();
    run(async {
        for (opening, said, told) in [
            (
                &OPENINGS[0],
                &b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n"[..],
                &b"530 5.7.0 STARTTLS comes first\r\n221 2.0.0 bye\r\n"[..],
            ),
            (&OPENINGS[4], b"\0\0\0\x10\0\x03\0\0user\0me\0", b"Mconnections without TLS are refused here\0\0"),
        ] {
            let (_back_end, tunnel) = opening.start(&world).await;
            let plain = tunnel.plain().await;
            plain.write(said).await.unwrap();
            let heard = plain.read(ReadMode::All).await.unwrap();
            assert!(heard.ends_with(told), "{:?}", String::from_utf8_lossy(&heard));
            tunnel.says("the client does not go over to TLS").await;
        }
    });
}

#[test]
fn a_client_that_says_nothing_has_its_time_and_no_more() {
    let world = World::new();
    run(async {
        let (back_end, files) = (BackEnd::plain().await, world.good());
        let limits = ["--handshake-timeout", "0.2", "--connect", &back_end.address()];
        let arguments = [&["--tls-in", "--starttls-in", "postgres"][..], &limits, &files.arguments()].concat();
        let tunnel = Tunnel::start(&arguments);
        let plain = tunnel.plain().await;
        assert!(plain.read(1).await.is_err());
        tunnel.says("timed out").await;
    });
}

#[test]
fn a_client_of_postgres_may_begin_with_tls_at_once() {
    let world = World::new();
    run(async {
        let (back_end, tunnel) = OPENINGS[4].start(&world).await;
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        client.write("startup").await.unwrap();
        assert_eq!(server.read(7).await.unwrap(), b"startup");
    });
}

#[test]
fn a_back_end_is_asked_for_tls_and_a_client_in_plain_text_is_greeted() {
    let world = World::new();
    run(async {
        for opening in OPENINGS {
            // Our own tunnel is the server there: both sides have to agree.
            let (back_end, inner) = opening.start(&world).await;
            let address = inner.by_name();
            let arguments = ["--tls-out", "--starttls-out", opening.protocol, "--out-ca", &world.ca];
            let outer = Tunnel::start(&[&arguments[..], &["--connect", &address]].concat());
            let client = outer.plain().await;
            let server = back_end.accept_plain().await;
            server.write(opening.greeting).await.unwrap();
            if !opening.greeting.is_empty() {
                let greeting = client.read(ReadMode::Line).await.unwrap();
                assert_eq!(greeting[..3], opening.greeting[..3], "{}", opening.protocol);
            }
            opening.talk(&client, &server).await;
        }
    });
}

#[test]
fn starttls_on_both_sides_is_passed_through() {
    let world = World::new();
    run(async {
        for opening in OPENINGS {
            let (back_end, inner) = opening.start(&world).await;
            let (files, address) = (world.good(), inner.by_name());
            let both = ["--tls-in", "--starttls-in", opening.protocol, "--tls-out", "--starttls-out", opening.protocol];
            let arguments = ["--out-ca", &world.ca, "--connect", &address];
            let outer = Tunnel::start(&[&both[..], &arguments, &files.arguments()].concat());
            let (plain, last) = opening.speak(&outer).await;
            opening.ask(&plain, last).await;
            let client = client(&world).upgrade(plain, "localhost").await.unwrap();
            let server = back_end.accept_plain().await;
            server.write(opening.greeting).await.unwrap();
            opening.talk(&client, &server).await;
        }
    });
}

#[test]
fn a_back_end_that_does_not_go_over_gets_nothing_of_the_client() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let arguments = ["--tls-out", "--starttls-out", "postgres", "--out-ca", &world.ca, "--connect", &address];
        let tunnel = Tunnel::start(&arguments);
        let client = tunnel.plain().await;
        client.write("a secret").await.unwrap();
        let server = back_end.accept_plain().await;
        assert_eq!(server.read(8).await.unwrap(), SSL_REQUEST);
        server.write("N").await.unwrap();
        assert!(matches!(client.read(1).await, Err(Error::Truncated(_))));
        assert!(matches!(server.read(1).await, Err(Error::Closed | Error::Truncated(_))));
        tunnel.says("the server does not go over to TLS (PostgreSQL): it says that it has no TLS").await;
    });
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let start = |arguments: &[&str]| {
        let common = ["tunnel", "--listen", "127.0.0.1:0", "--connect", "localhost:1"];
        lem_ssl([&common[..], arguments].concat(), b"").expect(2).stderr
    };
    let inward = ["--tls-in", "--self-signed", "localhost", "--starttls-in"];
    assert!(start(&[&inward[..], &["ftp"]].concat()).contains("connections of its own for data"));
    assert!(start(&[&inward[..], &["mysql"]].concat()).contains("numbers its packets"));
    assert!(start(&["--tls-out", "--starttls-out", "mysql"]).contains("numbers its packets"));
    assert!(start(&["--plain", "--starttls-in", "smtp"]).contains("--tls-in"));
    assert!(start(&["--plain", "--starttls-out", "smtp"]).contains("--tls-out"));
    assert!(start(&["--plain", "--route", "a.example=localhost:1"]).contains("--tls-in"));
    let both = ["--tls-out", "--starttls-out", "smtp"];
    assert!(start(&[&inward[..], &["imap"], &both].concat()).contains("different protocols"));
}

/// The other kind of client keeps its context alive.
#[test]
fn many_clients_go_over_at_once() {
    let world = World::new();
    run(async {
        let (back_end, tunnel) = OPENINGS[4].start(&world).await;
        spawn(async move {
            loop {
                spawn(crate::support::echo(back_end.accept_plain().await)).detach();
            }
        })
        .detach();
        let context: Context = client(&world);
        let callers: Vec<_> = (0..50)
            .map(|_| {
                let (context, address) = (context.clone(), tunnel.address.clone());
                spawn(async move {
                    let plain = TcpStream::connect(address.as_str()).await.unwrap();
                    plain.write(SSL_REQUEST).await.unwrap();
                    assert_eq!(plain.read(1).await.unwrap(), b"S");
                    let client = context.upgrade(plain, "localhost").await.unwrap();
                    crate::support::talk(client, b"hello").await;
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
    });
}
