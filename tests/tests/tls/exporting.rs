//! Keying material and channel bindings: the same as what rustls and the other end have, and bound to the connection.

use std::sync::Arc;

use lem_ssl_rs::{
    ChannelBinding, Context, Error, ExportKeyingMaterial, Identity, Roots, Stream, Tickets, Version, spawn,
};
use lem_ssl_tests::pki::draft::{DNS_NAME, Draft, DraftKey};
use lem_ssl_tests::pki::{KeyKind, Leaf};

use crate::support::{Peer, Role, client, identity, pki, run, says, server, upgrade, wire};

const BOTH: [Version; 2] = [Version::Tls12, Version::Tls13];
const LABEL: &[u8] = b"EXPERIMENTAL-test";

/// A label, a context and a length.
type Case = (&'static [u8], Option<&'static [u8]>, usize);

const CASES: &[Case] = &[
    (LABEL, None, 32),
    (LABEL, Some(b""), 32),
    (LABEL, Some(b"context"), 32),
    (b"EXPORTER-Channel-Binding", Some(b""), 32),
    (LABEL, None, 1),
    (LABEL, Some(&[7; 3000]), 700),
    (&[b'x'; 249], None, 48),
];

fn ours(role: Role, version: Version) -> Context {
    pki().context(role).versions([version]).export_keying_material(true).build().unwrap()
}

/// A stream, and rustls' own connection at the other end.
async fn against_rustls(role: Role, version: Version, fragment: Option<usize>) -> (Stream, Peer) {
    let context = ours(role, version);
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, role, near).await });
    let connection = match role {
        Role::Client => {
            let mut config = pki().server_config(&pki().server, &[version]);
            config.max_fragment_size = fragment;
            server(&Arc::new(config))
        }
        Role::Server => {
            let mut config = pki().client_config(&[version]);
            config.max_fragment_size = fragment;
            client(&Arc::new(config))
        }
    };
    let mut peer = Peer::new(connection, far).await;
    assert!(peer.shake_hands().await, "{:?}", peer.failure);
    (us.await.unwrap().unwrap(), peer)
}

#[test]
fn keying_material_is_what_rustls_exports_at_the_other_end() {
    run(async {
        for role in [Role::Client, Role::Server] {
            for version in BOTH {
                // Hellos in one piece, and in pieces smaller than what is looked for in them.
                for fragment in [None, Some(32)] {
                    let (stream, peer) = against_rustls(role, version, fragment).await;
                    for (label, context, length) in CASES {
                        let ours = stream.export_keying_material(vec![0; *length], label, *context).unwrap();
                        let theirs = peer.tls.export_keying_material(vec![0; *length], label, *context).unwrap();
                        assert_eq!(ours, theirs, "{role:?} {version:?} {fragment:?} {label:?} {context:?} {length}");
                    }
                    drop(stream);
                }
            }
        }
    });
}

/// Both ends of a connection.
async fn both_ends(client: &Context, server: &Context) -> (Stream, Stream) {
    let (near, far) = wire();
    let server = server.clone();
    let served = spawn(async move {
        let stream = server.upgrade_server(far).await.unwrap();
        stream.write("go on").await.unwrap();
        stream
    });
    let stream = client.upgrade(near, "localhost").await.unwrap();
    // Tickets come before it.
    stream.read(5).await.unwrap();
    (stream, served.await.unwrap())
}

#[test]
fn both_ends_of_every_connection_have_the_same_and_no_two_connections_do() {
    run(async {
        for version in BOTH {
            for tickets in [Tickets::PerProcess, Tickets::Off] {
                let client = ours(Role::Client, version);
                let server = pki().server_context().versions([version]).tickets(tickets).export_keying_material(true);
                let server = server.build().unwrap();
                let mut seen = Vec::new();
                for _ in 0..3 {
                    let (one, other) = both_ends(&client, &server).await;
                    for kind in [ChannelBinding::TlsExporter, ChannelBinding::TlsServerEndPoint] {
                        let binding = one.channel_binding(kind).unwrap();
                        assert_eq!(binding, other.channel_binding(kind).unwrap(), "{version:?} {}", kind.name());
                        assert_eq!(binding.len(), 32);
                    }
                    let binding = one.channel_binding(ChannelBinding::TlsExporter).unwrap();
                    let exported = one.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
                    assert_eq!(binding, exported);
                    assert!(!seen.contains(&binding));
                    seen.push(binding);
                }
            }
        }
    });
}

#[test]
fn resumed_connections_export_their_own_keying_material() {
    run(async {
        for version in BOTH {
            let (client, server) = (ours(Role::Client, version), ours(Role::Server, version));
            both_ends(&client, &server).await;
            let (one, other) = both_ends(&client, &server).await;
            assert!(one.info().unwrap().resumed, "{version:?}");
            let ours = one.export_keying_material([0; 32], LABEL, None).unwrap();
            assert_eq!(ours, other.export_keying_material([0; 32], LABEL, None).unwrap());
            let binding = one.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap();
            assert_eq!(binding, other.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap());
        }
    });
}

#[test]
fn halves_and_polled_streams_export_too() {
    run(async {
        let (client, server) = (ours(Role::Client, Version::Tls13), ours(Role::Server, Version::Tls13));
        let (one, other) = both_ends(&client, &server).await;
        let expected = one.export_keying_material([0; 16], LABEL, None).unwrap();
        let (reader, writer) = one.split();
        assert_eq!(reader.export_keying_material([0; 16], LABEL, None).unwrap(), expected);
        assert_eq!(writer.export_keying_material([0; 16], LABEL, None).unwrap(), expected);
        let polled = other.into_polled();
        assert_eq!(polled.export_keying_material([0; 16], LABEL, None).unwrap(), expected);
        assert!(polled.channel_binding(ChannelBinding::TlsServerEndPoint).is_ok());
    });
}

#[test]
fn what_cannot_be_exported_is_refused_with_a_reason() {
    run(async {
        let (client, server) = (ours(Role::Client, Version::Tls13), pki().server_context().build().unwrap());
        let (stream, plain) = both_ends(&client, &server).await;
        let refused = |stream: &Stream, length: usize, label: &[u8], words: &str| {
            let error = stream.export_keying_material(vec![0; length], label, None).unwrap_err();
            assert!(matches!(error, Error::Misuse(_)));
            says(&error, &[words]);
        };
        refused(&plain, 32, LABEL, "call export_keying_material on its builder");
        says(&plain.channel_binding(ChannelBinding::TlsExporter).unwrap_err(), &["call export_keying_material"]);
        refused(&stream, 0, LABEL, "no bytes");
        refused(&stream, 32, b"", "from 1 to 249 bytes");
        refused(&stream, 32, &[b'x'; 250], "from 1 to 249 bytes");
        refused(&stream, 32, b"master secret", "TLS' own");
        refused(&stream, 70_000, LABEL, "more keying material");
        stream.close().unwrap();
        assert!(matches!(stream.export_keying_material([0; 32], LABEL, None), Err(Error::Closed)));
        assert!(matches!(stream.channel_binding(ChannelBinding::TlsServerEndPoint), Err(Error::Closed)));
    });
}

#[test]
fn the_key_log_does_not_lose_what_is_exported_and_adopted_configurations_export_too() {
    run(async {
        for version in BOTH {
            let mut theirs = pki().client_config(&[version]);
            theirs.enable_early_data = true;
            let client = lem_ssl_rs::danger::client_config(Context::builder(), Arc::new(theirs));
            let mut config = pki().server_config(&pki().server, &[version]);
            config.max_early_data_size = 1000;
            let server = lem_ssl_rs::danger::server_config(Context::builder(), Arc::new(config));
            let client = client.export_keying_material(true).build().unwrap();
            let server = server.export_keying_material(true).build().unwrap();
            for round in 0..2 {
                let (one, other) = both_ends(&client, &server).await;
                assert_eq!(one.info().unwrap().resumed, round == 1, "{version:?}");
                assert_eq!(other.info().unwrap().requested_name.as_deref(), Some("localhost"));
                let ours = one.export_keying_material([0; 32], LABEL, None).unwrap();
                assert_eq!(ours, other.export_keying_material([0; 32], LABEL, None).unwrap());
                let binding = other.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap();
                assert_eq!(one.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap(), binding);
            }
        }
    });
}

#[test]
fn a_certificate_without_a_hash_of_its_own_binds_nothing() {
    run(async {
        let root = lem_ssl_tests::pki::Authority::with_key("Edwards", KeyKind::Ed25519);
        let issued = root.issue(Leaf::server(&["localhost"]));
        let server = pki_server(identity(&issued));
        let client = Context::builder().roots(Roots::Pem(root.certificate_pem().into_bytes())).build().unwrap();
        let (one, other) = both_ends(&client, &server).await;
        for stream in [one, other] {
            says(&stream.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap_err(), &["has no hash to bind to"]);
        }
    });
}

fn pki_server(identity: Identity) -> Context {
    Context::builder().roots(Roots::None).identity(identity).build().unwrap()
}

#[test]
fn the_binding_to_a_certificate_has_the_hash_of_its_signature() {
    // Algorithm identifiers (RFC 8017 appendix A.2.4, RFC 5758 section 3.2), and the bytes of the hash that they lead to. The
    // signatures are no good: the client looks at the pinned key alone.
    let ecdsa = |last: u8| vec![0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last];
    let rsa = |last: u8| vec![0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last, 5, 0];
    let cases =
        [(ecdsa(2), 32), (ecdsa(3), 48), (ecdsa(4), 64), (rsa(4), 32), (rsa(5), 32), (rsa(12), 48), (rsa(13), 64)];
    run(async {
        for (algorithm, length) in cases {
            let key = DraftKey::new();
            let draft = Draft::new("bound", "bound", &key).with_names(&[(DNS_NAME, b"localhost")]);
            let certificate = draft.with_algorithm(&algorithm).sign(&key);
            let pin = lem_ssl_rs::SpkiHash::of(&certificate).unwrap();
            let client = Context::builder().trust(lem_ssl_rs::Trust::Pins(vec![pin])).build().unwrap();
            let server = pki_server(Identity::from_der(vec![certificate], key.private()));
            let (one, other) = both_ends(&client, &server).await;
            let binding = one.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap();
            assert_eq!(binding, other.channel_binding(ChannelBinding::TlsServerEndPoint).unwrap());
            assert_eq!(binding.len(), length, "{algorithm:?}");
        }
    });
}
