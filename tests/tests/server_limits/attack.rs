//! An attack of every kind at once. A well-behaved client is answered meanwhile, and nothing is left of it afterwards.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{JoinHandle, ReadMode, ServerOptions, Stream, TcpStream, sleep, spawn, yield_now};

use crate::support::{Server, Service, Status, check, is_attacker, run_with_descriptors, serve_if_asked_to};

/// Connections that are opened and dropped. Lower these three for a small machine; they are what is promised.
const BURST: usize = 2_000;
/// Connections that send a byte in a second.
const DRIBBLERS: usize = 500;
/// Clients that ask for much and read nothing.
const SLOW_READERS: usize = 200;
/// Of each kind of garbage.
const GARBAGE: usize = 50;

/// Enough for all of these at once, on either side.
const DESCRIPTORS: u32 = 8_192;

/// After so many attacks it must hold no more than after the one before.
const MAX_WAVES: usize = 5;

/// How often the well-behaved client must be answered in each part of the attack.
const ANSWERS: u32 = 5;

/// Asks again and again, on a new connection each time, and counts the answers.
fn behave_well(server: &Server, answered: &Rc<Cell<u32>>) -> JoinHandle<()> {
    let (clients, address, answered) = (server.clients(), server.addresses()[1], answered.clone());
    spawn(async move {
        loop {
            let client = clients.connect_as(address, "localhost").await.unwrap();
            is_echoed(&client).await;
            client.shutdown().await.unwrap();
            answered.set(answered.get() + 1);
        }
    })
}

async fn is_echoed(client: &Stream) {
    client.write("a normal request\n").await.unwrap();
    assert_eq!(client.read(ReadMode::Line).await.unwrap(), b"a normal request\n");
}

/// Until the well-behaved client has had its answers.
async fn goes_on(answered: &Cell<u32>, behaving: &JoinHandle<()>) {
    let enough = answered.get() + ANSWERS;
    while answered.get() < enough {
        assert!(!behaving.is_finished(), "the well-behaved client failed");
        sleep(Duration::from_millis(1)).await;
    }
}

/// A connection that sends a byte in a second, until the server has enough of it.
fn dribble(address: SocketAddr) -> JoinHandle<()> {
    spawn(async move {
        let Ok(stream) = TcpStream::connect(address).await else { return };
        let mut hello = vec![22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
        hello.resize(300, 0);
        for byte in hello {
            if stream.write(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    })
}

/// Garbage of every kind, as long as somebody takes it.
async fn throw_garbage(address: SocketAddr) {
    let noise: Vec<u8> = (0..5_000_u32).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 24) as u8 | 0x80).collect();
    let kinds: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x80, 0x2e, 1, 0, 2, 0, 0, 0, 0],
        &noise,
        &[22, 3, 1, 0xff, 0xff, 0, 0],
        &[23, 3, 3, 0, 2, 0, 0],
        b"",
    ];
    for _ in 0..GARBAGE {
        for bytes in kinds {
            if let Ok(stream) = TcpStream::connect(address).await {
                // The server may be quicker to close than we are to write.
                let _ = stream.write(bytes).await;
            }
        }
    }
}

/// Opens all of them, then drops all of them.
async fn burst(address: SocketAddr) {
    let mut open = Vec::new();
    for _ in 0..BURST {
        open.extend(TcpStream::connect(address).await);
    }
    assert_eq!(open.len(), BURST);
    for stream in open {
        stream.abort();
    }
}

/// Until the server is through with all that came, and holds one stream.
async fn settles(open: &Stream) -> Status {
    loop {
        let status = Status::ask(open).await;
        let over = status.of("refused") + status.of("finished") + status.of("failed");
        if status.of("accepted") == over && status.of("open") == 1 {
            return status;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn an_attack_of_every_kind_leaves_nothing_behind() {
    const NAME: &str = "attack::an_attack_of_every_kind_leaves_nothing_behind";
    // All of it comes from one address, and all of it shall be carried: the limits are not what helps here.
    let options = ServerOptions::default().handshakes(4_096).handshakes_per_peer(4_096);
    if serve_if_asked_to(Service { options, ..Service::default() }) {
        return;
    }
    if !is_attacker() {
        return run_with_descriptors(NAME, DESCRIPTORS);
    }
    let server = Server::start(NAME, DESCRIPTORS);
    check(async {
        let open = server.connect().await;
        let (resident, descriptors) = (server.resident(), server.descriptors());
        // The first wave gives the allocator and the machine's tables their size, and the allocator keeps what is free
        // between pieces that are in use; which pieces those are is chance. What is kept for each connection comes again
        // with each wave: two KiB for each of these would be an eighth even in the last one.
        let mut held = vec![wave(&server, &open, descriptors).await];
        loop {
            let (before, after) = (held[held.len() - 1], wave(&server, &open, descriptors).await);
            held.push(after);
            if after <= before * 11 / 10 {
                break;
            }
            assert!(held.len() < MAX_WAVES, "it grows with each wave: {resident} KiB before, then {held:?}");
        }
        println!("resident memory: {resident} KiB before, after each wave {held:?}");
        let status = settles(&open).await;
        let waves = held.len() as u64;
        assert!(status.of("timed_out") >= waves * DRIBBLERS as u64);
        assert!(status.of("not_tls") + status.of("protocol") >= waves * 4 * GARBAGE as u64);
        assert_eq!((status.of("pauses"), status.of("refused")), (0, 0));
    });
    server.stop();
}

/// The whole attack; what the server holds in memory when it is over, in KiB.
async fn wave(server: &Server, open: &Stream, descriptors: usize) -> u64 {
    let [address, _] = server.addresses();
    let answered = Rc::new(Cell::new(0));
    let behaving = behave_well(server, &answered);
    goes_on(&answered, &behaving).await;
    let mut slow = Vec::new();
    for _ in 0..SLOW_READERS {
        let client = server.clients().connect_as(address, "localhost").await.unwrap();
        client.write("flood\n").await.unwrap();
        slow.push(client);
    }
    goes_on(&answered, &behaving).await;
    let dribblers: Vec<_> = (0..DRIBBLERS).map(|_| dribble(address)).collect();
    goes_on(&answered, &behaving).await;
    throw_garbage(address).await;
    goes_on(&answered, &behaving).await;
    burst(address).await;
    goes_on(&answered, &behaving).await;
    is_echoed(open).await;
    // The server ends these, at their deadline.
    for dribbler in dribblers {
        dribbler.await.unwrap();
    }
    goes_on(&answered, &behaving).await;
    slow.iter().for_each(Stream::abort);
    drop(slow);
    behaving.cancel();

    settles(open).await;
    is_echoed(&server.connect().await).await;
    settles(open).await;
    while server.descriptors() > descriptors {
        yield_now().await;
    }
    server.resident()
}

#[test]
fn with_the_default_limits_one_address_cannot_take_all_places() {
    const NAME: &str = "attack::with_the_default_limits_one_address_cannot_take_all_places";
    if serve_if_asked_to(Service::default()) {
        return;
    }
    if !is_attacker() {
        return run_with_descriptors(NAME, DESCRIPTORS);
    }
    let server = Server::start(NAME, DESCRIPTORS);
    check(async {
        let open = server.connect().await;
        let [address, _] = server.addresses();
        let answered = Rc::new(Cell::new(0));
        let behaving = behave_well(&server, &answered);
        goes_on(&answered, &behaving).await;
        // Far more than there are places, all from one address; the well-behaved client has another one.
        let dribblers: Vec<_> = (0..DRIBBLERS).map(|_| dribble(address)).collect();
        while Status::ask(&open).await.of("refused") < (DRIBBLERS / 3) as u64 {}
        goes_on(&answered, &behaving).await;
        burst(address).await;
        goes_on(&answered, &behaving).await;
        for dribbler in dribblers {
            dribbler.cancel();
        }
        behaving.cancel();
        let status = settles(&open).await;
        assert!(status.of("refused") >= (DRIBBLERS + BURST - 2 * 256) as u64 / 2, "{}", status.of("refused"));
        is_echoed(&server.connect().await).await;
    });
    server.stop();
}
