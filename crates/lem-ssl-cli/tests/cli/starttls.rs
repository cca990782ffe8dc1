//! `--starttls`: eight protocols that begin in plain text, and what a hostile server does with that.

use std::time::{Duration, Instant};

use lem_ssl_rs::{Context, ReadMode, sleep};

use crate::support::{Peer, Plain, World, lem_ssl};

/// One turn of a server's: it waits for this at the end of what it was sent, and says that.
type Turn = (&'static [u8], &'static [u8]);

const SMTP: &[Turn] = &[
    (b"", b"220-mail.example\r\n220 hello\r\n"),
    (b"EHLO [127.0.0.1]\r\n", b"250-mail.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
    (b"STARTTLS\r\n", b"220 go ahead\r\n"),
];
const IMAP: &[Turn] = &[(b"", b"* OK ready\r\n"), (b"a1 STARTTLS\r\n", b"a1 OK begin\r\n")];
const POP3: &[Turn] = &[(b"", b"+OK ready\r\n"), (b"STLS\r\n", b"+OK begin\r\n")];
const FTP: &[Turn] = &[(b"", b"220 ready\r\n"), (b"AUTH TLS\r\n", b"234 begin\r\n")];
const LDAP: &[Turn] = &[(b"1.3.6.1.4.1.1466.20037", &[0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0])];
const POSTGRES: &[Turn] = &[(&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f], b"S")];
const XMPP: &[Turn] = &[
    (
        b"http://etherx.jabber.org/streams'>",
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client'><stream:features>\
          <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>\n",
    ),
    (b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b"\n<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
];

const ALL: [(&str, &[Turn]); 7] = [
    ("smtp", SMTP),
    ("imap", IMAP),
    ("pop3", POP3),
    ("ftp", FTP),
    ("ldap", LDAP),
    ("postgres", POSTGRES),
    ("xmpp", XMPP),
];

/// Plays the turns; with the last one it says `early`, too.
async fn play(plain: &Plain, turns: &[Turn], early: &[u8]) {
    let mut heard = Vec::new();
    for (index, (wanted, said)) in turns.iter().enumerate() {
        while !heard.ends_with(wanted) {
            heard.extend(plain.read(ReadMode::Available).await.unwrap());
        }
        let last = index + 1 == turns.len();
        plain.write(&[*said, if last { early } else { b"" }].concat()).await.unwrap();
    }
}

/// Goes over to TLS, and sends back what it hears.
async fn echo(plain: Plain, context: Context) {
    let stream = context.upgrade_server(plain).await.unwrap();
    let heard = stream.read(ReadMode::All).await.unwrap();
    stream.write(&heard).await.unwrap();
    stream.shutdown().await.unwrap();
}

fn arguments<'a>(world: &'a World, address: &'a str, protocol: &'a str) -> [&'a str; 7] {
    ["connect", address, "--ca", &world.ca, "--quiet", "--starttls", protocol]
}

#[test]
fn every_protocol_goes_over_to_tls() {
    let world = World::new();
    for (protocol, turns) in ALL {
        let peer = Peer::new(&world, async move |plain, context| {
            play(&plain, turns, b"").await;
            echo(plain, context).await;
        });
        let address = format!("127.0.0.1:{}", peer.port);
        let finished = lem_ssl(arguments(&world, &address, protocol), b"hello").expect(0);
        assert_eq!(finished.text(), "hello", "{protocol}");
        peer.join();
    }
}

#[test]
fn a_mysql_server_is_left_for_tls_without_waiting() {
    let world = World::new();
    let peer = Peer::new(&world, async move |plain, context| {
        let greeting = b"\x22\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\x2d\x02\0\xff\xff\x15\0\0\0\0\0";
        plain.write(greeting).await.unwrap();
        // The hello comes in one piece with it.
        let request = plain.read(36).await.unwrap();
        assert_eq!(request[..5], [32, 0, 0, 1, 0]);
        echo(plain, context).await;
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let finished = lem_ssl(arguments(&world, &address, "mysql"), b"hello").expect(0);
    assert_eq!(finished.text(), "hello");
    peer.join();
}

#[test]
fn what_comes_between_the_go_ahead_and_tls_is_an_error_and_never_an_answer() {
    let world = World::new();
    for (protocol, turns) in ALL {
        let peer = Peer::new(&world, async move |plain, _| {
            play(&plain, turns, b"250 you are root now\r\n").await;
            // The client goes away without having begun a handshake.
            assert!(plain.read(ReadMode::Available).await.is_err());
        });
        let address = format!("127.0.0.1:{}", peer.port);
        let finished = lem_ssl(arguments(&world, &address, protocol), b"secret").expect(11);
        assert_eq!(finished.text(), "", "{protocol}");
        assert!(finished.stderr.contains("slipped"), "{protocol}: {}", finished.stderr);
        peer.join();
    }
}

#[test]
fn what_comes_after_the_hello_and_is_no_tls_is_an_error_too() {
    let world = World::new();
    let peer = Peer::new(&world, async move |plain, _| {
        play(&plain, SMTP, b"").await;
        // The hello is there: the client has looked for early bytes, and found none.
        plain.read(5).await.unwrap();
        plain.write("250 you are root now\r\n").await.unwrap();
        while plain.read(ReadMode::Available).await.is_ok() {}
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let finished = lem_ssl(arguments(&world, &address, "smtp"), b"secret").expect(5);
    assert_eq!(finished.text(), "");
    assert!(finished.stderr.contains("does not speak TLS"), "{}", finished.stderr);
    peer.join();
}

/// What a server says that does not go over to TLS, and what the command says of that.
#[track_caller]
fn refused(world: &World, protocol: &str, turns: &'static [Turn], says: &str) {
    let peer = Peer::new(world, async move |plain, _| {
        play(&plain, turns, b"").await;
        // Nothing that stands on standard input is ever sent in plain text.
        while let Ok(heard) = plain.read(ReadMode::Available).await {
            assert!(!heard.windows(6).any(|window| window == b"secret"));
        }
    });
    let address = format!("127.0.0.1:{}", peer.port);
    let finished = lem_ssl(arguments(world, &address, protocol), b"secret").expect(11);
    assert_eq!(finished.text(), "", "{protocol}");
    assert!(finished.stderr.contains(says), "{protocol}: {}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1, "{protocol}: {}", finished.stderr);
    peer.join();
}

#[test]
fn a_refusal_is_11_and_quoted() {
    const NOTICE: &[u8] = &[0x30, 14, 2, 1, 0, 0x78, 9, 10, 1, 52, 4, 0, 4, 2, b'n', b'o'];
    let world = World::new();
    refused(&world, "smtp", &[(b"", b"554 go\x1b[31m away\r\n")], "554 go\\u{1b}[31m away");
    refused(&world, "smtp", &[(b"", b"220 a\r\n"), (b"EHLO [127.0.0.1]\r\n", b"250 mail\r\n")], "not offer STARTTLS");
    refused(&world, "imap", &[(b"", b"* PREAUTH welcome\r\n")], "logged in already");
    refused(&world, "pop3", &[(b"", b"+OK\r\n"), (b"STLS\r\n", b"-ERR no\r\n")], "-ERR no");
    refused(&world, "postgres", &[(&[0x16, 0x2f], b"N")], "no TLS");
    refused(&world, "ldap", &[(b"20037", &[0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 52, 4, 0, 4, 0])], "code 52");
    refused(&world, "ldap", &[(b"20037", NOTICE)], "it ends the connection: code 52; it says \"no\"");
    refused(&world, "xmpp", &[(b"streams'>", b"<stream:stream><stream:features/>")], "not offer STARTTLS");
}

#[test]
fn a_server_that_answers_before_it_is_asked_is_refused() {
    let world = World::new();
    const EARLY: &[Turn] = &[(b"", b"220 a\r\n250 STARTTLS\r\n220 go\r\n")];
    refused(&world, "smtp", EARLY, "before it was asked");
}

#[test]
fn a_server_that_never_stops_talking_is_refused() {
    let world = World::new();
    const LONG: &[u8] = &[b'2'; 20_000];
    const STARS: &[u8] = &{
        let mut stars = [b'*'; 100_000];
        let mut at = 0;
        while at + 8 <= stars.len() {
            stars[at + 1] = b' ';
            stars[at + 7] = b'\n';
            at += 8;
        }
        stars
    };
    const CASES: [(&str, &[Turn]); 4] = [
        ("smtp", &[(b"", LONG)]),
        ("pop3", &[(b"", LONG)]),
        ("imap", &[(b"", b"* OK\r\n"), (b"a1 STARTTLS\r\n", STARS)]),
        ("xmpp", &[(b"streams'>", STARS)]),
    ];
    for (protocol, turns) in CASES {
        let peer = Peer::new(&world, async move |plain, _| {
            play(&plain, turns, b"").await;
            while plain.read(ReadMode::Available).await.is_ok() {}
        });
        let address = format!("127.0.0.1:{}", peer.port);
        let finished = lem_ssl(arguments(&world, &address, protocol), b"").expect(11);
        assert!(finished.stderr.contains("more than"), "{protocol}: {}", finished.stderr);
        drop(peer);
    }
}

#[test]
fn a_server_that_goes_away_or_says_nothing_is_11_too() {
    let world = World::new();
    let peer = Peer::new(&world, async move |plain, _| drop(plain));
    let address = format!("127.0.0.1:{}", peer.port);
    let finished = lem_ssl(arguments(&world, &address, "imap"), b"").expect(11);
    assert!(finished.stderr.contains("ended the connection"), "{}", finished.stderr);
    peer.join();
    let peer = Peer::new(&world, async move |plain, _| while plain.read(ReadMode::Available).await.is_ok() {});
    let address = format!("127.0.0.1:{}", peer.port);
    let arguments = [&arguments(&world, &address, "imap")[..], &["--timeout", "0.3"]].concat();
    let finished = lem_ssl(arguments, b"").expect(11);
    assert!(finished.stderr.contains("timed out"), "{}", finished.stderr);
    peer.join();
}

#[test]
fn one_timeout_is_for_the_plain_text_and_the_handshake_together() {
    let world = World::new();
    for subcommand in ["connect", "check"] {
        let peer = Peer::new(&world, async move |plain, _| {
            sleep(Duration::from_secs(2)).await;
            play(&plain, POSTGRES, b"").await;
            // It is silent in the handshake.
            while plain.read(ReadMode::Available).await.is_ok() {}
        });
        let address = format!("localhost:{}", peer.port);
        let began = Instant::now();
        let arguments = [subcommand, &address, "--ca", &world.ca, "--starttls", "postgres", "--timeout", "3"];
        let finished = lem_ssl(arguments, b"").expect(5);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{subcommand}: {took:?}: {finished:?}");
        peer.join();
    }
}

#[test]
fn check_goes_over_to_tls_as_well() {
    let world = World::new();
    let peer = Peer::new(&world, async move |plain, context| {
        play(&plain, POSTGRES, b"").await;
        let stream = context.upgrade_server(plain).await.unwrap();
        let _ = stream.read(ReadMode::All).await;
    });
    let address = format!("localhost:{}", peer.port);
    let arguments = ["check", "--json", "--ca", &world.ca, "--starttls", "postgres", &address];
    // There is nobody for the second connection, so that nothing is known about resumption.
    let report = lem_ssl([&arguments[..], &["--timeout", "5"]].concat(), b"").expect(0).text();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report["timings_ms"]["starttls"].is_f64(), "{report}");
    peer.join();
}
