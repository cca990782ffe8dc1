//! What a socket is ready for, where the kernel's answers are not what they are on most days: reads that end early although
//! more has arrived, sockets that were somebody else's, listeners without room.

use std::io::{self, ErrorKind, Write};
use std::net::TcpListener as StdListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener as StdUnixListener, UnixStream};
use std::time::{Duration, Instant};

use lem_rs::transport::{InputBuffer, Source, StreamOptions, connect_source};
use lem_rs::{
    Address, Deadline, Error, ListenOptions, Listener, Phase, Plain, ReadMode, Stream, TcpStream, sleep, spawn, timeout,
};
use lem_ssl_tests::scratch::Scratch;
use socket2::{Domain, MsgHdr, SockRef, Socket, Type};

use crate::support::run;

/// More than anything here takes, and less than the tests' own patience.
const SOON: Duration = Duration::from_secs(10);

fn over(source: Source) -> Stream<Plain> {
    Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default())
}

/// Lets everything that was sent arrive, and the machine hear of it in one event.
async fn all_has_arrived() {
    sleep(Duration::from_millis(30)).await;
}

async fn line(stream: &Stream<Plain>) -> Vec<u8> {
    timeout(SOON, stream.read(ReadMode::Line)).await.expect("all has arrived, so nothing is to be waited for").unwrap()
}

/// Two lines with an urgent byte between them. Urgent data is not in the stream (RFC 6093): two lines are to be read.
fn send_lines_and_an_urgent_byte(mut peer: &std::net::TcpStream) {
    peer.write_all(b"first\n").unwrap();
    assert_eq!(SockRef::from(peer).send_out_of_band(b"!").unwrap(), 1);
    peer.write_all(b"second\n").unwrap();
}

#[test]
fn an_urgent_byte_in_between_stalls_no_read_of_a_stream_that_connected() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap().to_string().as_str()).await.unwrap();
        let (peer, _) = listener.accept().unwrap();
        for _ in 0..3 {
            send_lines_and_an_urgent_byte(&peer);
            all_has_arrived().await;
            assert_eq!(line(&stream).await, b"first\n");
            assert_eq!(line(&stream).await, b"second\n");
            // Nothing is left, and what comes later is noticed.
            assert!(timeout(Duration::from_millis(5), stream.read(ReadMode::Available)).await.is_err());
        }
        stream.abort();
    });
}

#[test]
fn an_urgent_byte_in_between_stalls_no_read_of_a_stream_that_was_accepted() {
    run(async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let peer = std::net::TcpStream::connect(listener.local_ip().unwrap()).unwrap();
        let stream = listener.accept().await.unwrap();
        send_lines_and_an_urgent_byte(&peer);
        all_has_arrived().await;
        assert_eq!(line(&stream).await, b"first\n");
        assert_eq!(line(&stream).await, b"second\n");
        stream.abort();
    });
}

#[test]
fn an_urgent_byte_before_the_end_hides_neither_the_rest_nor_the_end() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap().to_string().as_str()).await.unwrap();
        let (peer, _) = listener.accept().unwrap();
        send_lines_and_an_urgent_byte(&peer);
        drop(peer);
        all_has_arrived().await;
        let all = timeout(SOON, stream.read(ReadMode::All)).await.unwrap().unwrap();
        assert_eq!(all, b"first\nsecond\n");
        stream.abort();
    });
}

#[test]
fn an_urgent_byte_at_the_very_end_of_what_has_arrived_costs_nothing() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap().to_string().as_str()).await.unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"first\n").unwrap();
        SockRef::from(&peer).send_out_of_band(b"!").unwrap();
        all_has_arrived().await;
        assert_eq!(line(&stream).await, b"first\n");
        let reading = spawn(async move {
            let second = stream.read(ReadMode::Line).await;
            stream.abort();
            second
        });
        all_has_arrived().await;
        peer.write_all(b"second\n").unwrap();
        assert_eq!(timeout(SOON, reading).await.unwrap().unwrap().unwrap(), b"second\n");
    });
}

/// Sends `data` with a descriptor beside it (`SCM_RIGHTS`); the kernel glues nothing to what came with one.
fn send_with_a_descriptor(peer: &UnixStream, data: &[u8]) {
    const SOL_SOCKET: i32 = 1;
    const SCM_RIGHTS: i32 = 1;
    // A cmsghdr (cmsg(3)): its length, level and type, then the descriptor; rounded up to the size of a word.
    let length = size_of::<usize>() + 3 * size_of::<i32>();
    let mut control = length.to_ne_bytes().to_vec();
    for field in [SOL_SOCKET, SCM_RIGHTS, peer.as_raw_fd()] {
        control.extend(field.to_ne_bytes());
    }
    control.resize(length.next_multiple_of(size_of::<usize>()), 0);
    let buffers = [io::IoSlice::new(data)];
    let sent = SockRef::from(peer).sendmsg(&MsgHdr::new().with_buffers(&buffers).with_control(&control), 0).unwrap();
    assert_eq!(sent, data.len());
}

async fn reads_what_came_with_descriptors(stream: Stream<Plain>, peer: UnixStream) {
    for number in 0..4 {
        send_with_a_descriptor(&peer, format!("line {number}\n").as_bytes());
    }
    all_has_arrived().await;
    for number in 0..4 {
        assert_eq!(line(&stream).await, format!("line {number}\n").as_bytes());
    }
    stream.abort();
}

#[test]
fn descriptors_that_a_peer_sends_along_stall_no_read_of_an_adopted_socket() {
    run(async {
        let (ours, peer) = UnixStream::pair().unwrap();
        reads_what_came_with_descriptors(over(Source::adopt(ours).unwrap()), peer).await;
    });
}

#[test]
fn descriptors_that_a_peer_sends_along_stall_no_read_of_a_socket_that_was_accepted() {
    run(async {
        let scratch = Scratch::new("readiness");
        let path = scratch.path().join("socket");
        let listener = Listener::bind(format!("unix:{}", path.display()).as_str()).await.unwrap();
        let peer = UnixStream::connect(&path).unwrap();
        reads_what_came_with_descriptors(listener.accept().await.unwrap(), peer).await;
    });
}

/// The message of the error, and whether it is about what the caller gave.
#[track_caller]
fn refused<T>(result: Result<T, Error>) -> String {
    let error = result.err().expect("it is no socket to be used so");
    let Error::Io { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

#[test]
fn a_socket_of_messages_is_not_taken_for_a_stream() {
    run(async {
        let (datagrams, _peer) = UnixDatagram::pair().unwrap();
        let text = refused(Source::adopt(UnixStream::from(OwnedFd::from(datagrams))));
        assert_eq!(text, "cannot take over the socket: it is no byte stream (SOCK_STREAM) but SOCK_DGRAM");
        let (packets, _peer) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        let text = refused(Source::adopt(UnixStream::from(OwnedFd::from(packets))));
        assert!(text.contains("SOCK_SEQPACKET"), "{text}");
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(refused(Source::adopt(std::net::TcpStream::from(OwnedFd::from(udp)))).contains("SOCK_DGRAM"));
        let packets = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        assert!(refused(Listener::adopt(StdUnixListener::from(OwnedFd::from(packets)))).contains("SOCK_SEQPACKET"));
        // No socket at all: the operating system says so.
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(matches!(Source::adopt(UnixStream::from(OwnedFd::from(file))), Err(Error::Io { .. })));
    });
}

#[test]
fn a_listener_is_no_stream_and_a_stream_no_listener() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let text = refused(Source::adopt(std::net::TcpStream::from(OwnedFd::from(listener))));
        assert_eq!(text, "cannot take over the socket: it listens for connections and is none itself");
        let (stream, _peer) = UnixStream::pair().unwrap();
        let text = refused(Listener::adopt(StdUnixListener::from(OwnedFd::from(stream))));
        assert_eq!(text, "cannot take over the listening socket: it does not listen");
    });
}

#[test]
fn an_adopted_socket_that_blocks_and_lingers_holds_nobody_up() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        SockRef::from(&socket).set_linger(Some(Duration::from_secs(30))).unwrap();
        let stream = over(Source::adopt(socket).unwrap());
        // It does not block.
        assert!(timeout(Duration::from_millis(5), stream.read(1)).await.is_err());
        // More is under way than the peer will ever take: closing it at once does not wait for that.
        let much = vec![0; 64 * 1024 * 1024];
        assert!(timeout(Duration::from_millis(50), stream.write(&much)).await.is_err());
        let begun = Instant::now();
        stream.abort();
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop(peer);
    });
}

#[test]
fn a_reset_that_a_former_owner_asked_for_is_still_sent() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        over(Source::adopt(socket).unwrap()).abort();
        let error = io::Read::read(&mut peer, &mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_socket_that_somebody_has_a_duplicate_of_can_be_adopted_again_and_again() {
    run(async {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        for round in 0..3_u8 {
            // The lowest free number is taken, so that it is the same one each time.
            let duplicate = ours.try_clone().unwrap();
            let stream = over(Source::adopt(duplicate).unwrap());
            peer.write_all(&[round]).unwrap();
            assert_eq!(stream.read(1).await.unwrap(), [round]);
            // Not `abort`, and no `close` either: those would end the duplicate's connection, too.
            drop(stream.into_parts().unwrap());
        }
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..3 {
            let adopted = Listener::adopt(listener.try_clone().unwrap()).unwrap();
            let _client = std::net::TcpStream::connect(adopted.local_ip().unwrap()).unwrap();
            adopted.accept().await.unwrap().abort();
        }
    });
}

/// A listener with as many connections in its queue as it has room for.
pub(crate) async fn full_listener(scratch: &Scratch) -> (Listener, Address, Vec<UnixStream>) {
    let path = scratch.path().join("socket");
    let address = Address::Unix(path.clone());
    let options = ListenOptions::default().backlog(1);
    let listener = Listener::bind_with(format!("unix:{}", path.display()).as_str(), options).await.unwrap();
    let mut filling = Vec::new();
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        match socket.connect(&socket2::SockAddr::unix(&path).unwrap()) {
            Ok(()) => filling.push(UnixStream::from(OwnedFd::from(socket))),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                return (listener, address, filling);
            }
        }
        assert!(filling.len() < 5_000, "the queue has no end");
    }
}

#[test]
fn a_unix_listener_without_room_is_tried_again_until_there_is_some() {
    run(async {
        let scratch = Scratch::new("readiness");
        let (listener, address, filling) = full_listener(&scratch).await;
        let connecting = spawn(async move { connect_source(&address, &Deadline::after(SOON)).await });
        sleep(Duration::from_millis(20)).await;
        assert!(!connecting.is_finished(), "it waits");
        for _ in 0..=filling.len() {
            listener.accept().await.unwrap().abort();
        }
        drop(over(connecting.await.unwrap().unwrap()));
    });
}

#[test]
fn a_unix_listener_that_never_has_room_ends_at_the_deadline_with_the_phase() {
    run(async {
        let scratch = Scratch::new("readiness");
        let (_listener, address, _filling) = full_listener(&scratch).await;
        let error = connect_source(&address, &Deadline::after(Duration::from_millis(30))).await.unwrap_err();
        assert_eq!(error.timed_out(), Some(Phase::Connect));
    });
}

#[test]
fn a_unix_listener_that_goes_away_while_its_queue_is_full_refuses() {
    run(async {
        let scratch = Scratch::new("readiness");
        let (listener, address, _filling) = full_listener(&scratch).await;
        let connecting = spawn(async move { connect_source(&address, &Deadline::after(SOON)).await });
        sleep(Duration::from_millis(5)).await;
        listener.close().unwrap();
        let error = connecting.await.unwrap().unwrap_err();
        assert!(error.to_string().ends_with("connection refused"), "{error}");
        // And one that is gone refuses at once, within a deadline that leaves no time to try again.
        let path = scratch.path().join("socket");
        let deadline = Deadline::after(Duration::from_millis(1));
        let error = connect_source(&Address::Unix(path), &deadline).await.unwrap_err();
        assert!(error.to_string().ends_with("connection refused"), "{error}");
    });
}

/// What the peer has said before it reset the connection.
const LAST_WORD: &[u8] = b"why it ends";

/// Says it and resets, so that the next write of `source` fails, without a turn of the loop in between.
fn say_and_reset(mut peer: std::net::TcpStream, source: &Source) {
    peer.write_all(LAST_WORD).unwrap();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let started = Instant::now();
    while source.try_write(b"unheard").is_ok() {
        assert!(started.elapsed() < SOON, "a reset fails writes");
    }
}

fn last_word(source: &Source) {
    let mut word = [0; 64];
    assert_eq!(source.try_read(&mut word).map(|count| &word[..count]).unwrap(), LAST_WORD);
}

#[test]
fn behind_a_failed_write_what_the_peer_said_first_can_be_read_at_once() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Ip(listener.local_addr().unwrap());
        let source = connect_source(&address, &Deadline::after(SOON)).await.unwrap();
        say_and_reset(listener.accept().unwrap().0, &source);
        last_word(&source);
    });
}

#[test]
fn behind_a_failed_write_what_the_peer_said_after_a_short_read_can_be_read_at_once() {
    run(async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Ip(listener.local_addr().unwrap());
        let source = connect_source(&address, &Deadline::after(SOON)).await.unwrap();
        let mut peer = listener.accept().unwrap().0;
        peer.write_all(b"first").unwrap();
        all_has_arrived().await;
        assert_eq!(source.try_read(&mut [0; 64]).unwrap(), 5);
        say_and_reset(peer, &source);
        last_word(&source);
    });
}
