//! Many at once.

use lem_ssl_rs::spawn;

use crate::support::{BackEnd, Tunnel, World, client, echo, pattern, run};

#[test]
fn a_hundred_connections_at_once_each_get_their_own_back() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::tls(&world.good()).await;
        let files = world.good();
        let address = back_end.address();
        let arguments = ["--tls-in", "--tls-out", "--out-ca", &world.ca, "--connect", &address, "--quiet"];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        spawn(async move {
            loop {
                spawn(echo(back_end.accept_tls().await)).detach();
            }
        })
        .detach();
        let context = client(&world);
        let clients: Vec<_> = (0..100)
            .map(|number| {
                let (context, address) = (context.clone(), tunnel.by_name());
                spawn(async move {
                    let said = pattern(200_000, number);
                    let stream = context.connect(address).await.unwrap();
                    let (reader, writer) = stream.split();
                    // Both directions at once: what comes back is more than what lies on the way.
                    let expected = said.clone();
                    let hearing = spawn(async move { reader.read(expected.len()).await.unwrap() == expected });
                    writer.write(&said).await.unwrap();
                    assert!(hearing.await.unwrap(), "{number}");
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

#[test]
fn who_comes_when_all_places_are_taken_waits_for_one() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let files = world.good();
        let arguments = ["--tls-in", "--max-connections", "1", "--connect", &back_end.address()];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let first = tunnel.tls(&world).await;
        let server = back_end.accept_plain().await;
        let second = tunnel.tls(&world).await;
        second.write("second").await.unwrap();
        // The first is still served.
        first.write("first").await.unwrap();
        assert_eq!(server.read(5).await.unwrap(), b"first");
        first.close().unwrap();
        drop(server);
        let server = back_end.accept_plain().await;
        assert_eq!(server.read(6).await.unwrap(), b"second");
    });
}
