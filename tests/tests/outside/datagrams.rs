//! UDP.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Error, JoinSet, Machine, UdpOptions, UdpSocket, sleep, spawn, timeout};

use crate::support::run;

#[test]
fn a_datagram_arrives_whole_and_with_its_sender() {
    run(async {
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("localhost:0").await?);
        let other_at = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), other.local_addr()?.port());
        for size in [0, 1, 1400, 20_000] {
            let sent = vec![7; size];
            assert_eq!(one.send_to(&sent, other_at).await?, size);
            let mut buffer = vec![0; 65_536];
            let (count, from) = other.recv_from(&mut buffer).await?;
            assert_eq!((&buffer[..count], from), (&sent[..], one.local_addr()?));
        }
        Ok(())
    });
}

#[test]
fn what_the_buffer_has_no_room_for_is_lost_and_the_next_datagram_is_whole() {
    run(async {
        let (one, other) = pair().await?;
        one.send(b"abcdef").await?;
        one.send(b"xyz").await?;
        let mut small = [0; 3];
        assert_eq!(other.recv(&mut small).await?, 3);
        assert_eq!(&small, b"abc");
        assert_eq!(other.peek_from(&mut small).await?.0, 3);
        assert_eq!(other.recv(&mut small).await?, 3);
        assert_eq!(&small, b"xyz");
        Ok(())
    });
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    run(async {
        let (one, other) = pair().await?;
        let stranger = UdpSocket::bind("127.0.0.1:0").await?;
        stranger.send_to(b"stranger", other.local_addr()?).await?;
        one.send(b"peer").await?;
        let mut buffer = [0; 64];
        assert_eq!(other.recv_from(&mut buffer).await?, (4, one.local_addr()?));
        assert_eq!(other.peer_addr()?, one.local_addr()?);
        assert!(stranger.peer_addr().is_err());
        Ok(())
    });
}

#[test]
fn what_strangers_sent_before_a_socket_was_connected_is_not_received_and_what_the_peer_sent_is() {
    run(async {
        let (one, other) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        let stranger = UdpSocket::bind("127.0.0.1:0").await?;
        let at = other.local_addr()?;
        let mut buffer = [0; 64];
        for _ in 0..3 {
            stranger.send_to(b"stranger", at).await?;
        }
        one.send_to(b"early", at).await?;
        stranger.send_to(b"stranger", at).await?;
        // All of it is there.
        assert_eq!(other.peek_from(&mut buffer).await?, (8, stranger.local_addr()?));
        other.connect(one.local_addr()?).await?;
        assert_eq!(other.peek_from(&mut buffer).await?, (5, one.local_addr()?));
        assert_eq!(other.recv(&mut buffer).await?, 5);
        assert!(timeout(Duration::from_millis(20), other.recv(&mut buffer)).await.is_err());
        one.send_to(b"late", at).await?;
        assert_eq!(other.recv(&mut buffer).await?, 4);
        // The peer of before is a stranger to the next one.
        one.send_to(b"too late", at).await?;
        other.connect(stranger.local_addr()?).await?;
        stranger.send_to(b"no stranger", at).await?;
        assert_eq!(other.recv(&mut buffer).await?, 11);
        Ok(())
    });
}

#[test]
fn many_tasks_may_wait_and_each_datagram_goes_to_one_of_them_in_order() {
    run(async {
        let (one, other) = pair().await?;
        let (other, order) = (Rc::new(other), Rc::new(RefCell::new(Vec::new())));
        let tasks = JoinSet::new();
        for number in 0..5 {
            let (other, order) = (other.clone(), order.clone());
            tasks.spawn(async move {
                let mut buffer = [0; 16];
                let count = other.recv(&mut buffer).await?;
                order.borrow_mut().push((number, buffer[..count].to_vec()));
                Ok::<(), Error>(())
            });
        }
        sleep(Duration::from_millis(5)).await;
        for number in 0..5_u8 {
            one.send(&[number]).await?;
            // Each alone: so the order is that of the tasks.
            while order.borrow().len() <= usize::from(number) {
                sleep(Duration::from_millis(1)).await;
            }
        }
        while let Some(result) = tasks.join_next().await {
            result??;
        }
        let received = order.borrow().clone();
        assert_eq!(received, (0..5).map(|number| (number, vec![number as u8])).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_receive_that_is_dropped_takes_no_datagram_and_no_wake_up_along() {
    run(async {
        let (one, other) = pair().await?;
        let other = Rc::new(other);
        let receiver = other.clone();
        let first = spawn(async move { receiver.recv(&mut [0; 16]).await });
        let receiver = other.clone();
        let second = spawn(async move { receiver.recv(&mut [0; 16]).await });
        sleep(Duration::from_millis(5)).await;
        one.send(b"only").await?;
        first.cancel();
        assert_eq!(second.await??, 4);
        let mut buffer = [0; 16];
        {
            let waiting = timeout(Duration::from_millis(5), other.recv(&mut buffer)).await;
            assert!(waiting.is_err());
        }
        one.send(b"later").await?;
        assert_eq!(other.recv(&mut buffer).await?, 5);
        Ok(())
    });
}

#[test]
fn a_refused_datagram_is_an_error_and_the_socket_goes_on() {
    run(async {
        let (one, other) = pair().await?;
        let at = other.local_addr()?;
        drop(other);
        one.send(b"nobody is there").await?;
        let mut buffer = [0; 16];
        let refused = one.recv(&mut buffer).await.unwrap_err();
        assert!(refused.to_string().starts_with("cannot receive a datagram: "), "{refused}");
        let again = UdpSocket::bind(at).await?;
        again.connect(one.local_addr()?).await?;
        again.send(b"back").await?;
        assert_eq!(one.recv(&mut buffer).await?, 4);
        Ok(())
    });
}

#[test]
fn many_tasks_send_at_once_and_nothing_is_busy() {
    run(async {
        let (one, other) = pair().await?;
        let one = Rc::new(one);
        let tasks = JoinSet::new();
        for number in 0..20_u8 {
            let one = one.clone();
            tasks.spawn(async move { one.send(&[number]).await });
        }
        let mut heard = Vec::new();
        let mut buffer = [0; 4];
        while heard.len() < 20 {
            other.recv(&mut buffer).await?;
            heard.push(buffer[0]);
        }
        assert_eq!(heard, (0..20).collect::<Vec<_>>());
        while let Some(sent) = tasks.join_next().await {
            assert_eq!(sent??, 1);
        }
        Ok(())
    });
}

#[test]
fn members_of_a_group_hear_it_until_they_leave() {
    run(async {
        let group = Ipv4Addr::new(239, 7, 7, 7);
        let shared = UdpOptions::default().reuse_address(true);
        let one = UdpSocket::bind_with("0.0.0.0:0", shared).await?;
        let port = one.local_addr()?.port();
        one.join_multicast_v4(group, Ipv4Addr::LOCALHOST)?;
        let sender = UdpSocket::bind("127.0.0.1:0").await?;
        let options = sender.socket_options();
        options.set_multicast_loop(true)?;
        options.set_multicast_ttl(1)?;
        sender.send_to(b"to all", SocketAddr::new(group.into(), port)).await?;
        let mut buffer = [0; 16];
        assert_eq!(timeout(Duration::from_secs(10), one.recv(&mut buffer)).await.unwrap()?, 6);
        assert!(one.join_multicast(IpAddr::V4(Ipv4Addr::LOCALHOST)).is_err(), "it is no group");
        Ok(())
    });
}

#[test]
fn an_adopted_socket_works_and_a_stream_in_its_place_is_refused() {
    run(async {
        let std = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::adopt(std)?;
        let sender = UdpSocket::bind("127.0.0.1:0").await?;
        sender.send_to(b"x", socket.local_addr()?).await?;
        assert_eq!(socket.recv(&mut [0; 4]).await?, 1);
        #[cfg(unix)]
        {
            let stream = std::os::unix::net::UnixStream::pair().unwrap().0;
            let disguised = std::net::UdpSocket::from(std::os::fd::OwnedFd::from(stream));
            let error = UdpSocket::adopt(disguised).unwrap_err().to_string();
            assert!(error.contains("it is no datagram socket"), "{error}");
        }
        Ok(())
    });
}

#[test]
fn a_flood_of_datagrams_leaves_other_tasks_their_turns() {
    run(async {
        let (one, other) = pair().await?;
        let flood = spawn(async move { while one.send(&[0; 1000]).await.is_ok() {} }).cancel_on_drop();
        let drain = spawn(async move { while other.recv(&mut [0; 2000]).await.is_ok() {} }).cancel_on_drop();
        for _ in 0..20 {
            sleep(Duration::from_millis(1)).await;
        }
        drop((flood, drain));
        Ok(())
    });
}

#[test]
fn what_cannot_be_used_is_said() {
    run(async {
        let message = |result: Result<UdpSocket, Error>| result.unwrap_err().to_string();
        assert!(message(UdpSocket::bind("unix:/tmp/x").await).contains("it is not one of IP"));
        let taken = UdpSocket::bind("127.0.0.1:0").await?;
        let at = taken.local_addr()?;
        assert!(message(UdpSocket::bind(at).await).starts_with(&format!("cannot open a UDP socket at {at}: ")));
        let too_large = taken.send_to(&vec![0; 70_000], at).await.unwrap_err();
        assert!(too_large.to_string().starts_with("cannot send a datagram to "), "{too_large}");
        assert!(taken.send(b"to nobody").await.is_err());
        Ok(())
    });
    assert!(matches!(UdpSocket::adopt(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()), Err(Error::Misuse(_))));
}

#[test]
fn a_socket_that_outlives_its_machine_is_closed() {
    let machine = Machine::new().unwrap();
    let socket = machine.run(async { UdpSocket::bind("127.0.0.1:0").await }).unwrap().unwrap();
    drop(machine);
    let other = Machine::new().unwrap();
    let outcome = other.run(async { socket.recv(&mut [0; 4]).await }).unwrap();
    assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
}

#[test]
fn a_socket_that_nobody_waits_for_does_not_hide_that_the_machine_has_stalled() {
    let machine = Machine::new().unwrap();
    let stalled = machine.run(async {
        let (one, other) = pair().await.unwrap();
        let mut buffer = [0; 4];
        {
            let mut receiving = pin!(other.recv(&mut buffer));
            assert!(timeout(Duration::from_millis(2), receiving.as_mut()).await.is_err());
            one.send(b"now").await.unwrap();
            assert_eq!(receiving.await.unwrap(), 3);
            assert!(timeout(Duration::from_millis(2), other.recv(&mut [0; 4])).await.is_err());
        }
        std::future::pending::<()>().await;
    });
    assert!(matches!(stalled, Err(Error::Stalled { tasks: 1, .. })), "{stalled:?}");
}

#[test]
fn a_socket_of_both_families_answers_over_each() {
    run(async {
        let both = UdpSocket::bind("[::]:0").await?;
        let port = both.local_addr()?.port();
        let mut buffer = [0; 16];
        for client in ["127.0.0.1:0", "[::1]:0"] {
            let client = UdpSocket::bind(client).await?;
            let ip = client.local_addr()?.ip();
            client.connect(SocketAddr::new(ip, port)).await?;
            client.send(b"over").await?;
            let (count, from) = both.recv_from(&mut buffer).await?;
            assert_eq!((count, from.ip().to_canonical()), (4, ip));
            // As it was told, and as people write it.
            both.send_to(b"back", from).await?;
            both.send_to(b"back", client.local_addr()?).await?;
            assert_eq!((client.recv(&mut buffer).await?, client.recv(&mut buffer).await?), (4, 4));
        }
        Ok(())
    });
}

async fn pair() -> Result<(UdpSocket, UdpSocket), Error> {
    let (one, other) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    one.connect(other.local_addr()?).await?;
    other.connect(one.local_addr()?).await?;
    Ok((one, other))
}
