//! Options of sockets, sockets that come from elsewhere, and what halves know.

use std::time::Duration;

use lem_rs::{Error, KeepAlive, Listener, TcpStream, UdpSocket};
use socket2::SockRef;

use crate::support::{pair, run};

#[test]
fn options_are_set_by_name_and_asked_for() {
    run(async {
        let (stream, _peer) = pair().await?;
        let options = stream.socket_options()?;
        assert!(options.nodelay()? && !options.keepalive()?);
        options.set_keepalive(Some(
            KeepAlive::after(Duration::from_secs(30)).interval(Duration::from_secs(5)).retries(3),
        ))?;
        options.set_nodelay(false)?;
        assert!(options.keepalive()? && !options.nodelay()?);
        options.set_keepalive(None)?;
        assert!(!options.keepalive()?);
        options.set_send_buffer_size(50_000)?;
        options.set_recv_buffer_size(60_000)?;
        assert!(options.send_buffer_size()? >= 50_000 && options.recv_buffer_size()? >= 60_000);
        options.set_ttl(42)?;
        options.set_tos(0x28)?;
        assert_eq!((options.ttl()?, options.tos()?), (42, 0x28));
        #[cfg(target_os = "linux")]
        options.set_user_timeout(Some(Duration::from_secs(9)))?;
        let error = options.set_ttl(1000).unwrap_err().to_string();
        assert!(error.starts_with("cannot set the time to live: "), "{error}");
        stream.close()?;
        assert!(matches!(stream.socket_options(), Err(Error::Closed)));
        Ok(())
    });
}

#[test]
fn a_listener_a_datagram_socket_and_both_halves_have_options_too() {
    run(async {
        let listener = Listener::bind("[::1]:0").await?;
        let options = listener.socket_options()?;
        options.set_keepalive(Some(KeepAlive::after(Duration::from_secs(30))))?;
        options.set_ttl(77)?;
        assert_eq!(options.ttl()?, 77);
        listener.close()?;
        assert!(matches!(options.ttl(), Err(Error::Closed)), "they do not keep it open");
        assert!(listener.socket_options().is_err());
        let datagrams = UdpSocket::bind("127.0.0.1:0").await?;
        datagrams.set_broadcast(true)?;
        datagrams.socket_options().set_ttl(9)?;
        assert_eq!(datagrams.socket_options().ttl()?, 9);
        let (stream, _peer) = pair().await?;
        let (reader, writer) = stream.split();
        reader.socket_options()?.set_ttl(33)?;
        assert_eq!(writer.socket_options()?.ttl()?, 33);
        Ok(())
    });
}

#[test]
fn options_of_ip_are_those_of_the_packets_that_a_socket_of_both_families_sends() {
    run(async {
        let listener = std::net::TcpListener::bind("[::]:0").unwrap();
        let _client = std::net::TcpStream::connect(("127.0.0.1", listener.local_addr().unwrap().port())).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let twin = accepted.try_clone().unwrap();
        let packets = SockRef::from(&twin);
        let stream = TcpStream::adopt(accepted)?;
        let options = stream.socket_options()?;
        options.set_ttl(5)?;
        options.set_tos(0xb8)?;
        assert_eq!((packets.ttl_v4().unwrap(), packets.tos_v4().unwrap()), (5, 0xb8));
        // What the option says is what holds, also where another program has set it.
        packets.set_ttl_v4(6).unwrap();
        packets.set_tos_v4(0x28).unwrap();
        assert_eq!((options.ttl()?, options.tos()?), (6, 0x28));
        let socket = std::net::UdpSocket::bind("[::]:0").unwrap();
        let twin = socket.try_clone().unwrap();
        let packets = SockRef::from(&twin);
        let datagrams = UdpSocket::adopt(socket)?;
        let options = datagrams.socket_options();
        options.set_ttl(7)?;
        options.set_multicast_ttl(3)?;
        options.set_multicast_loop(false)?;
        assert_eq!((packets.ttl_v4().unwrap(), packets.unicast_hops_v6().unwrap()), (7, 7));
        assert_eq!((packets.multicast_ttl_v4().unwrap(), packets.multicast_hops_v6().unwrap()), (3, 3));
        assert!(!packets.multicast_loop_v4().unwrap() && !packets.multicast_loop_v6().unwrap());
        assert_eq!(options.ttl()?, 7);
        Ok(())
    });
}

#[test]
fn halves_know_what_the_whole_knows() {
    run(async {
        let (stream, peer) = pair().await?;
        let (local, remote) = (stream.local_addr()?, stream.peer_addr()?);
        let (reader, writer) = stream.split();
        assert_eq!((reader.local_addr()?, reader.peer_addr()?), (local.clone(), remote.clone()));
        assert_eq!((writer.local_addr()?, writer.peer_addr()?), (local, remote));
        assert_eq!((reader.info(), writer.info()), (Some(()), Some(())));
        assert!(writer.close_cause().is_none() && reader.close_cause().is_none());
        peer.write("abc").await?;
        reader.peek(3).await?;
        assert_eq!(reader.buffered(), 3);
        let handle = writer.handle();
        assert!(!handle.is_closed() && !reader.handle().is_closed());
        writer.abort();
        assert!(handle.is_closed() && reader.is_closed() && writer.close_cause().is_some());
        Ok(())
    });
}

#[test]
fn a_connected_socket_of_the_standard_library_becomes_a_stream_in_one_call() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let (ours, theirs) = (TcpStream::adopt(ours)?, TcpStream::adopt(theirs)?);
        ours.write("hello\n").await?;
        assert_eq!(theirs.read_line_trimmed().await?, "hello");
        Ok(())
    });
}
