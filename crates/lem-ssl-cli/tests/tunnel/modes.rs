//! From what to what, and with whom.

use lem_ssl_rs::{Context, Identity, spawn};

use crate::support::{BackEnd, Tunnel, World, client_files, echo, lem_ssl, pattern, run, talk};

#[test]
fn plain_text_goes_to_tls() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        let tunnel = Tunnel::start(&["--tls-out", "--out-ca", &world.ca, "--connect", &back_end.address()]);
        let client = talk(tunnel.plain().await, &pattern(300_000, 1));
        let client = spawn(client);
        echo(back_end.accept_tls().await).await;
        client.await.unwrap();
        tunnel.says("finished; 300000 bytes up, 300000 bytes down").await;
    });
}

#[test]
fn tls_goes_to_plain_text() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let tunnel = Tunnel::start(&[&["--tls-in", "--connect", &back_end.address()], &files.arguments()[..]].concat());
        let client = spawn(talk(tunnel.tls(&world).await, &pattern(300_000, 2)));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
    });
}

#[test]
fn tls_goes_to_another_tls_with_protocols_of_its_own() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls_with(&world.good(), |builder| builder.alpn(["inner"])).await;
        let files = world.good();
        let address = back_end.address();
        let arguments = ["--tls-in", "--tls-out", "--out-ca", &world.ca, "--out-alpn", "inner", "--alpn", "outer"];
        let tunnel = Tunnel::start(&[&arguments[..], &["--connect", &address], &files.arguments()].concat());
        let context = Context::builder().roots(world.roots()).alpn(["outer"]).build().unwrap();
        let client = context.connect(tunnel.by_name()).await.unwrap();
        assert_eq!(client.info().unwrap().alpn.as_deref(), Some(&b"outer"[..]));
        let client = spawn(talk(client, &pattern(300_000, 3)));
        let server = back_end.accept_tls().await;
        assert_eq!(server.info().unwrap().alpn.as_deref(), Some(&b"inner"[..]));
        echo(server).await;
        client.await.unwrap();
    });
}

#[test]
fn plain_text_goes_to_plain_text_only_if_that_is_said() {
    run(async {
        let back_end = BackEnd::plain().await;
        let address = back_end.address();
        let refused = lem_ssl(["tunnel", "--listen", "127.0.0.1:0", "--connect", &address], b"").expect(2);
        assert!(refused.stderr.contains("--plain for plain text on both sides"), "{}", refused.stderr);
        let tunnel = Tunnel::start(&["--plain", "--connect", &address]);
        let client = spawn(talk(tunnel.plain().await, b"hello"));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
    });
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_wanted() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let (files, theirs) = (world.good(), client_files(&world));
        let arguments = ["--tls-in", "--client-ca", &world.ca, "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let nobody = tunnel.tls(&world).await;
        let refused = nobody.read(1).await.unwrap_err();
        assert!(refused.to_string().contains("certificate required"), "{refused}");
        tunnel.says("the peer presented no certificate").await;
        let identity = Identity::from_pem_files(&theirs.chain, &theirs.key).unwrap();
        let context = Context::builder().roots(world.roots()).identity(identity).build().unwrap();
        let client = spawn(talk(context.connect(tunnel.by_name()).await.unwrap(), b"hello"));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
    });
}

#[test]
fn a_back_end_that_wants_a_certificate_gets_ours() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls_with(&world.good(), |builder| builder.client_roots(world.roots())).await;
        let ours = client_files(&world);
        let address = back_end.address();
        let arguments = ["--tls-out", "--out-ca", &world.ca, "--out-cert", &ours.chain, "--out-key", &ours.key];
        let tunnel = Tunnel::start(&[&arguments[..], &["--connect", &address]].concat());
        let client = spawn(talk(tunnel.plain().await, b"hello"));
        let server = back_end.accept_tls().await;
        assert_eq!(server.info().unwrap().peer_certificates.len(), 1);
        echo(server).await;
        client.await.unwrap();
    });
}

#[test]
fn arguments_that_do_not_belong_together_are_told_apart() {
    for (arguments, word) in [
        (&["--plain", "--connect", "localhost"][..], "has no port"),
        (&["--plain", "--connect", "localhost:1", "--self-signed", "a"], "no --tls-in"),
        (&["--plain", "--connect", "localhost:1", "--out-ca", "x"], "no --tls-out"),
        (&["--tls-in", "--connect", "localhost:1"], "--cert FILE --key FILE"),
        (&["--tls-in", "--self-signed", "a", "--route", "a=b:1", "--route", "A=c:1"], "two routes for a"),
        (&["--tls-in", "--self-signed", "a", "--route", "a"], "NAME=ADDRESS"),
        (&["--plain", "--tls-in", "--connect", "localhost:1"], "cannot be used with"),
        (&["--tls-out", "--connect", "unix:/run/x"], "--out-server-name"),
        (&["--tls-in", "--self-signed", "a"], "--connect"),
    ] {
        let refused = lem_ssl([&["tunnel", "--listen", "127.0.0.1:0"], arguments].concat(), b"").expect(2);
        assert!(refused.stderr.contains(word) && refused.stderr.lines().count() == 1, "{}", refused.stderr);
    }
}
