//! What a back end is told about the client.

use lem_ssl_rs::{Context, ReadMode};

use crate::support::{BackEnd, Tunnel, World, client_as, run};

/// What a header of the PROXY protocol says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    source: Vec<u8>,
    values: Vec<(u8, Vec<u8>)>,
    rest: Vec<u8>,
}

/// Reads one, for IPv4.
fn read(bytes: &[u8]) -> Told {
    let (head, rest) = bytes.split_at(16);
    assert_eq!(head[..12], *b"\r\n\r\n\0\r\nQUIT\n");
    assert_eq!(head[12..14], [0x21, 0x11], "version 2, PROXY, TCP over IPv4");
    let (body, rest) = rest.split_at(usize::from(u16::from_be_bytes([head[14], head[15]])));
    let (addresses, values) = body.split_at(12);
    Told { source: [&addresses[..4], &addresses[8..10]].concat(), values: values_of(values), rest: rest.to_vec() }
}

fn values_of(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut values = Vec::new();
    while let [kind, high, low, rest @ ..] = bytes {
        let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        values.push((*kind, value.to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    values
}

#[test]
fn the_client_is_told_by_its_address_its_name_and_its_session() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments =
            ["--tls-in", "--proxy-protocol", "--alpn", "x", "--tls", "1.3", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let context = Context::builder().roots(world.roots()).alpn(["x"]).build().unwrap();
        let client = context.connect(tunnel.by_name()).await.unwrap();
        let from = client.local_addr().unwrap().ip().unwrap();
        client.write("content").await.unwrap();
        client.close_write().unwrap();
        let told = read(&back_end.accept_plain().await.read(ReadMode::All).await.unwrap());
        assert_eq!(told.source, [&[127, 0, 0, 1][..], &from.port().to_be_bytes()].concat());
        assert_eq!(told.rest, b"content");
        assert_eq!(told.values[0], (0x01, b"x".to_vec()));
        assert_eq!(told.values[1], (0x02, b"localhost".to_vec()));
        let (kind, session) = &told.values[2];
        assert_eq!(*kind, 0x20);
        // TLS, no certificate, so nothing that was verified.
        assert_eq!(session[..5], [0x01, 0, 0, 0, 1]);
        let session = values_of(&session[5..]);
        assert_eq!(session[0], (0x21, b"TLSv1.3".to_vec()));
        assert_eq!(session[1].0, 0x23);
        assert!(session[1].1.starts_with(b"TLS_"), "{session:?}");
    });
}

#[test]
fn a_back_end_with_tls_is_told_before_the_handshake() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let tunnel = Tunnel::start(&["--tls-out", "--proxy-protocol", "--out-ca", &world.ca, "--connect", &address]);
        let client = tunnel.plain().await;
        let from = client.local_addr().unwrap().ip().unwrap();
        let server = back_end.accept_plain().await;
        let told = read(&server.read(16 + 12).await.unwrap());
        assert_eq!(told.source[4..], from.port().to_be_bytes());
        assert!(told.values.is_empty() && told.rest.is_empty());
        // A record of the handshake.
        assert_eq!(server.read(1).await.unwrap(), [22]);
    });
}

#[test]
fn a_back_end_is_told_whose_certificate_the_client_has_shown() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let address = back_end.address();
        let arguments = ["--tls-in", "--proxy-protocol", "--client-ca", &world.ca, "--connect", &address];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let (alice, _) = client_as(&world, &["alice.example", "spiffe://td.example/alice"]);
        // In full, and by a session that is resumed, in which no certificate is shown again.
        for (bits, resumed) in [(0x07, false), (0x05, true)] {
            let client = alice.connect(tunnel.by_name()).await.unwrap();
            client.write("content").await.unwrap();
            client.close_write().unwrap();
            let server = back_end.accept_plain().await;
            let told = read(&server.read(ReadMode::All).await.unwrap());
            server.shutdown().await.unwrap();
            assert!(matches!(client.read(1).await, Err(lem_ssl_rs::Error::Closed)));
            assert_eq!(client.info().unwrap().resumed, resumed);
            let (_, session) = told.values.iter().find(|(kind, _)| *kind == 0x20).unwrap();
            assert_eq!(session[..5], [bits, 0, 0, 0, 0]);
            assert!(values_of(&session[5..]).contains(&(0x22, b"alice.example".to_vec())));
            let ours: Vec<_> = told.values.iter().filter(|(kind, _)| *kind >= 0xe0).collect();
            let subject = (0xe0, b"CN=alice.example".to_vec());
            let names = [(0xe1, b"alice.example".to_vec()), (0xe1, b"spiffe://td.example/alice".to_vec())];
            assert_eq!(ours, [&subject, &names[0], &names[1]]);
        }
    });
}
