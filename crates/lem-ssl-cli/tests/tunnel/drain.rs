//! The end of the tunnel.

use lem_ssl_rs::{Cut, Error, TcpStream};

use crate::support::{BackEnd, Tunnel, World, run};

#[test]
fn who_is_under_way_may_finish_and_nobody_else_comes_in() {
    let world = World::new();
    let tunnel = run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--drain", "60", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        tunnel.signal("TERM");
        tunnel.says("no more clients are accepted; 1 connection may finish").await;
        assert!(TcpStream::connect(tunnel.address.as_str()).await.is_err());
        client.write("the rest").await.unwrap();
        assert_eq!(server.read(8).await.unwrap(), b"the rest");
        drop(server);
        client.shutdown().await.unwrap();
        tunnel
    });
    let ended = tunnel.finish().expect(0);
    assert!(ended.stderr.ends_with("all connections have finished\n"), "{}", ended.stderr);
}

#[test]
fn who_does_not_finish_in_time_is_cut() {
    let world = World::new();
    let tunnel = run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--drain", "0.1", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let client = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        tunnel.signal("INT");
        assert!(matches!(client.read(1).await, Err(Error::Truncated(_))));
        assert!(matches!(server.read(1).await, Err(Error::Truncated(Cut::Reset))));
        tunnel
    });
    let ended = tunnel.finish().expect(0);
    assert!(ended.stderr.contains("cut, the time to finish is over"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("cut 1 connection\n"), "{}", ended.stderr);
}
