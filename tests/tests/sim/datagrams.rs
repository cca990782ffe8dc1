//! Datagrams in the simulated world.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use lem_rs::sim::{Fault, Faults, Link, Rng};
use lem_rs::{Error, UdpSocket, sleep, spawn, timeout};

use crate::support::{run, world, world_with};

/// Sends a thousand numbered datagrams, one in each millisecond, and returns those that arrive, in their order.
async fn thousand() -> Result<Vec<u16>, Error> {
    let server = UdpSocket::bind("server.test:53").await?;
    let receiving = spawn(async move {
        let (mut heard, mut buffer) = (Vec::new(), [0; 16]);
        while let Ok(count) = timeout(Duration::from_secs(10), server.recv(&mut buffer)).await {
            assert_eq!(count?, 2);
            heard.push(u16::from_be_bytes([buffer[0], buffer[1]]));
        }
        Ok::<_, Error>(heard)
    });
    let client = UdpSocket::bind("0.0.0.0:0").await?;
    client.connect("server.test:53").await?;
    for number in 0..1000_u16 {
        client.send(&number.to_be_bytes()).await?;
        sleep(Duration::from_millis(1)).await;
    }
    receiving.await?
}

#[test]
fn in_calm_weather_all_arrive_in_order() {
    let sim = world(1).build();
    assert_eq!(run(&sim, thousand()), (0..1000).collect::<Vec<_>>());
}

#[test]
fn some_are_lost() {
    let sim = world_with(Fault::DatagramLoss, 0.2);
    let heard = run(&sim, thousand());
    let lost = sim.faults().of(Fault::DatagramLoss);
    assert_eq!(heard.len() as u64 + lost, 1000);
    assert!((100..300).contains(&lost), "{lost}");
}

#[test]
fn some_arrive_twice() {
    let sim = world_with(Fault::DatagramDuplicate, 0.2);
    let heard = run(&sim, thousand());
    let doubled = sim.faults().of(Fault::DatagramDuplicate);
    assert_eq!(heard.len() as u64, 1000 + doubled);
    assert!(doubled > 100);
}

#[test]
fn some_are_overtaken_by_a_fault_or_by_jitter() {
    let sim = world_with(Fault::DatagramReorder, 0.1);
    let heard = run(&sim, thousand());
    assert!(heard.len() == 1000 && !heard.is_sorted());
    let link = Link::default().jitter(Duration::from_millis(20));
    let sim = world(3).link(link).build();
    let heard = run(&sim, thousand());
    assert!(heard.len() == 1000 && !heard.is_sorted());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let world_of = |seed| {
        let faults = Faults::hostile();
        let sim = world(seed).link(Link::any(&mut Rng::new(seed))).build();
        sim.net().set_faults(faults.with(Fault::LookupFailure, 0.0).with(Fault::NoDescriptor, 0.0));
        (run(&sim, thousand()), sim.trace())
    };
    for seed in 0..20 {
        assert!(world_of(seed) == world_of(seed), "seed {seed}");
    }
}

#[test]
fn they_take_the_links_time() {
    let sim = world(5).link(Link::default().latency(Duration::from_millis(70))).build();
    run(&sim, async {
        let (one, other) = (UdpSocket::bind("10.0.0.1:7").await?, UdpSocket::bind("10.0.0.2:7").await?);
        let begun = lem_rs::now();
        one.send_to(b"x", other.local_addr()?).await?;
        assert_eq!(other.recv_from(&mut [0; 4]).await?, (1, one.local_addr()?));
        let took = lem_rs::now() - begun;
        assert!(took >= Duration::from_millis(70) && took < Duration::from_millis(75), "{took:?}");
        Ok(())
    });
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let sim = world(6).build();
    run(&sim, async {
        for any in ["0.0.0.0:53", "[::]:53"] {
            let server = UdpSocket::bind(any).await?;
            let client = UdpSocket::bind("0.0.0.0:0").await?;
            client.connect("server.test:53").await?;
            client.send(b"question").await?;
            let mut buffer = [0; 16];
            let (_, from) = server.recv_from(&mut buffer).await?;
            server.send_to(b"answer", from).await?;
            assert_eq!(client.recv(&mut buffer).await?, 6);
        }
        Ok(())
    });
}

#[test]
fn nobody_there_is_told_to_a_sender_with_a_peer() {
    let sim = world(7).build();
    run(&sim, async {
        let client = UdpSocket::bind("0.0.0.0:0").await?;
        client.connect("server.test:9").await?;
        client.send(b"anybody?").await?;
        let error = client.recv(&mut [0; 4]).await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
        Ok(())
    });
}

#[test]
fn an_address_that_is_cut_off_hears_nothing() {
    let sim = world(8).build();
    let net = sim.net();
    run(&sim, async move {
        let server = UdpSocket::bind("10.0.0.1:7").await?;
        let client = UdpSocket::bind("10.0.0.2:7").await?;
        net.partition(Ipv4Addr::new(10, 0, 0, 1).into());
        client.send_to(b"lost", server.local_addr()?).await?;
        assert!(timeout(Duration::from_secs(60), server.recv(&mut [0; 8])).await.is_err());
        net.heal(Ipv4Addr::new(10, 0, 0, 1).into());
        client.send_to(b"heard", server.local_addr()?).await?;
        assert_eq!(server.recv(&mut [0; 8]).await?, 5);
        Ok(())
    });
}

#[test]
fn groups_and_broadcasts_reach_all_that_want_them() {
    let sim = world(9).build();
    run(&sim, async {
        let group: IpAddr = Ipv4Addr::new(239, 1, 2, 3).into();
        let members = [UdpSocket::bind("10.0.0.1:5353").await?, UdpSocket::bind("10.0.0.2:5353").await?];
        members.iter().try_for_each(|member| member.join_multicast(group))?;
        let sender = UdpSocket::bind("10.0.0.3:0").await?;
        sender.send_to(b"all", SocketAddr::new(group, 5353)).await?;
        for member in &members {
            assert_eq!(member.recv(&mut [0; 8]).await?, 3);
        }
        members[0].leave_multicast(group)?;
        assert!(members[0].leave_multicast(group).is_err());
        sender.send_to(b"some", SocketAddr::new(group, 5353)).await?;
        assert_eq!(members[1].recv(&mut [0; 8]).await?, 4);
        let everybody = SocketAddr::new(Ipv4Addr::BROADCAST.into(), 5353);
        assert!(sender.send_to(b"not allowed", everybody).await.is_err());
        sender.set_broadcast(true)?;
        sender.send_to(b"to you", everybody).await?;
        for member in &members {
            assert_eq!(member.recv(&mut [0; 8]).await?, 6);
        }
        Ok(())
    });
}

#[test]
fn sockets_count_as_descriptors_and_options_do_nothing() {
    let sim = world(10).descriptors(1).build();
    run(&sim, async {
        let one = UdpSocket::bind("10.0.0.1:7").await?;
        assert!(UdpSocket::bind("10.0.0.1:8").await.is_err(), "no descriptor is left");
        one.socket_options().set_ttl(3)?;
        assert!(one.socket_options().ttl().is_err());
        Ok(())
    });
}
