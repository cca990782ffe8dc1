//! In steady state our own code allocates nothing: not for a read, not for a write, not for a wake-up or a timer.
//!
//! Each program runs twice, with few operations and with many; what the second allocates more is what the operations
//! cost. The cryptography allocates one vector for each record that it seals (`PrefixedPayload` in rustls' source), and
//! where the records are rustls', that allocates one more for each that it opens (`received_plaintext`); those are
//! counted apart, and are all there may be.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

use std::future::poll_fn;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::task::Poll;
use std::time::Duration;

use allocation_counter::measure;
use lem_rs::transport::{InputBuffer, Outbox, Source, StreamOptions, Transport};
use lem_rs::{Error, Plain, ReadMode, Stream, spawn, timeout, yield_now};
use lem_ssl_rs::{Context, Identity, Roots};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::records::{RECORDS, Records};
use lem_ssl_tests::watched_machine;

const FEW: u64 = 500;
const MANY: u64 = 3_500;
const MORE: u64 = MANY - FEW;

/// The kernel decides how much is under way at once, so a buffer may grow once more in the longer run.
const GROWTH: u64 = 40;

/// What others allocate for one record on its way, sealed at one end and opened at the other.
fn per_record(records: Records) -> u64 {
    match records {
        Records::Ours => 1,
        Records::Rustls => 2,
    }
}

#[test]
fn pingpong_on_a_plain_stream_allocates_nothing() {
    assert_none(more(|count| plain(move |near, far| pingpong(near, far, count))));
}

#[test]
fn bulk_on_a_plain_stream_allocates_nothing() {
    assert_none(more(|count| plain(move |near, far| bulk(near, far, count, 64 * 1024))));
}

#[test]
fn lines_on_a_plain_stream_allocate_nothing() {
    assert_none(more(|count| plain(move |near, far| lines(near, far, count))));
}

#[test]
fn lines_one_by_one_on_a_plain_stream_allocate_nothing() {
    assert_none(more(|count| plain(move |near, far| line_by_line(near, far, count))));
}

#[test]
fn pingpong_on_a_polled_stream_allocates_nothing() {
    assert_none(more(|count| plain(move |near, far| polled_pingpong(near, far, count))));
}

#[test]
fn timers_allocate_nothing() {
    let timers = |count| {
        watched_machine().run(async move {
            for _ in 0..count {
                let in_time = timeout(Duration::from_secs(60), yield_now()).await;
                in_time.unwrap();
            }
        })
    };
    assert_none(more(|count| timers(count).unwrap()));
}

#[test]
fn pingpong_on_an_encrypted_stream_allocates_a_vector_for_each_record_that_is_sealed() {
    for records in RECORDS {
        let allocations = more(|count| encrypted(records, move |near, far| pingpong(near, far, count)));
        assert_only_others(records, 2 * MORE, allocations);
    }
}

#[test]
fn small_writes_on_an_encrypted_stream_allocate_a_vector_for_each_record_that_is_sealed() {
    for records in RECORDS {
        let allocations = more(|count| encrypted(records, move |near, far| bulk(near, far, count, 1024)));
        assert_only_others(records, MORE, allocations);
    }
}

#[test]
fn large_writes_on_an_encrypted_stream_allocate_a_vector_for_each_record_that_is_sealed() {
    for records in RECORDS {
        let allocations = more(|count| encrypted(records, move |near, far| bulk(near, far, count, 256 * 1024)));
        assert_only_others(records, 16 * MORE, allocations);
    }
}

#[track_caller]
#[test]
fn a_polled_stream_that_waits_keeps_no_memory_of_what_it_has_received() {
    const RECEIVED: usize = 100_000;
    let idle = |streams: usize| {
        let run = async move {
            let mut idle = Vec::with_capacity(streams);
            let mut buffer = vec![0; RECEIVED];
            for _ in 0..streams {
                let (near, far) = stream_pair();
                far.write(&vec![7; RECEIVED]).await.unwrap();
                let mut near = near.into_polled();
                let mut received = 0;
                while received < RECEIVED {
                    received += poll_fn(|cx| near.poll_read(cx, &mut buffer)).await.unwrap();
                }
                assert!(poll_fn(|cx| Poll::Ready(near.poll_read(cx, &mut buffer))).await.is_pending());
                idle.push((near, far));
            }
        };
        measure(|| watched_machine().run(run).unwrap()).bytes_max
    };
    idle(1);
    let each = (idle(110) - idle(10)) / 100;
    assert!(each < 8_000, "{each} bytes for each");
}

/// What a peer has not read stays the same, and much passes through it.
#[test]
fn a_polled_stream_whose_buffer_never_becomes_empty_keeps_nothing_of_what_was_sent() {
    const AHEAD: usize = 62 * 1024;
    let run = async {
        let (near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let near = Stream::adopt(near).unwrap();
        near.socket_options().unwrap().set_send_buffer_size(8 * 1024).unwrap();
        let mut near = near.into_polled();
        let mut data = vec![7; AHEAD];
        let (mut missing, mut passed) = (AHEAD, 0);
        while passed < 16 * 1024 * 1024 {
            if missing > 0 {
                missing -= poll_fn(|cx| near.poll_write(cx, &data[..missing])).await.unwrap();
            }
            yield_now().await;
            while let Ok(count) = (&far).read(&mut data) {
                missing += count;
                passed += count;
            }
        }
    };
    let most = measure(|| watched_machine().run(run).unwrap()).bytes_max;
    assert!(most < 1024 * 1024, "{most} bytes");
}

#[test]
fn an_outbox_that_never_becomes_empty_keeps_nothing_of_what_was_sent() {
    const WAITING: usize = 1024 * 1024;
    let run = async {
        let (near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let source = Source::adopt(near).unwrap();
        let mut outbox = Outbox::default();
        let mut data = vec![7; WAITING];
        let mut passed = 0;
        while passed < 32 * 1024 * 1024 {
            outbox.push(&data[outbox.len()..]);
            outbox.flush(&source).unwrap();
            while let Ok(count) = (&far).read(&mut data) {
                passed += count;
            }
            yield_now().await;
        }
    };
    let most = measure(|| watched_machine().run(run).unwrap()).bytes_max;
    assert!(most < 8 * 1024 * 1024, "{most} bytes");
}

fn assert_none(allocations: u64) {
    assert!(allocations <= GROWTH, "{allocations} allocations in {MORE} operations");
}

#[track_caller]
fn assert_only_others(records: Records, count: u64, allocations: u64) {
    let others = count * per_record(records);
    // Fewer would mean that the counting is wrong, or that rustls has become better and this text is old.
    assert!(
        allocations.abs_diff(others) <= GROWTH,
        "{records:?}: {allocations} allocations, of which others account for {others}, in {MORE} operations"
    );
}

/// What many operations allocate more than few.
fn more(run: impl Fn(u64)) -> u64 {
    // The first run of all fills what is kept for the process.
    run(1);
    let few = measure(|| run(FEW)).count_total;
    let many = measure(|| run(MANY)).count_total;
    many.saturating_sub(few)
}

async fn pingpong<T: Transport>(near: Stream<T>, far: Stream<T>, count: u64) {
    let echo = spawn(async move {
        let mut message = Vec::new();
        while far.read_into(64, &mut message).await.is_ok() {
            far.write(&message).await.unwrap();
        }
    });
    let mut message = vec![7; 64];
    for _ in 0..count {
        near.write(&message).await.unwrap();
        near.read_into(ReadMode::Exact(64), &mut message).await.unwrap();
    }
    near.close().unwrap();
    echo.await.unwrap();
}

/// Each line is the only one that has come.
async fn line_by_line<T: Transport>(near: Stream<T>, far: Stream<T>, count: u64) {
    let echo = spawn(async move {
        let mut line = Vec::new();
        while far.read_into(ReadMode::Line, &mut line).await.is_ok() {
            far.write(&line).await.unwrap();
        }
    });
    let mut line = b"a line\n".to_vec();
    for _ in 0..count {
        near.write(&line).await.unwrap();
        near.read_into(ReadMode::Line, &mut line).await.unwrap();
    }
    near.close().unwrap();
    echo.await.unwrap();
}

async fn polled_pingpong<T: Transport>(near: Stream<T>, far: Stream<T>, count: u64) {
    let echo = spawn(async move {
        let mut message = Vec::new();
        while far.read_into(64, &mut message).await.is_ok() {
            far.write(&message).await.unwrap();
        }
    });
    let mut near = near.into_polled();
    let mut message = [7; 64];
    for _ in 0..count {
        assert_eq!(poll_fn(|cx| near.poll_write(cx, &message)).await.unwrap(), 64);
        poll_fn(|cx| near.poll_flush(cx)).await.unwrap();
        let mut received = 0;
        while received < 64 {
            received += poll_fn(|cx| near.poll_read(cx, &mut message[received..])).await.unwrap();
        }
    }
    drop(near);
    echo.await.unwrap();
}

async fn bulk<T: Transport>(near: Stream<T>, far: Stream<T>, count: u64, size: usize) {
    let writer = spawn(async move {
        let data = vec![7; size];
        for _ in 0..count {
            near.write(&data).await.unwrap();
        }
        near.shutdown().await.unwrap();
    });
    // Large enough for whatever the arena brings, as the vector of a loop soon is.
    let mut part = Vec::with_capacity(512 * 1024);
    let mut received = 0;
    loop {
        match far.read_into(ReadMode::Available, &mut part).await {
            Ok(count) => received += count,
            Err(error) => break assert!(matches!(error, Error::Closed), "{error}"),
        }
    }
    assert_eq!(received as u64, count * size as u64);
    far.close().unwrap();
    writer.await.unwrap();
}

async fn lines<T: Transport>(near: Stream<T>, far: Stream<T>, count: u64) {
    let writer = spawn(async move {
        // Whole lines: half a line that has to wait gets memory of its own size, so that a peer cannot hold more.
        let text = "a line\nanother line\n".repeat(20);
        for _ in 0..count {
            near.write(&text).await.unwrap();
        }
        near.shutdown().await.unwrap();
    });
    let mut lines = far.lines();
    let mut seen = 0;
    while let Ok(Some(line)) = lines.next().await {
        assert!(line.ends_with(b"line\n"));
        seen += 1;
    }
    assert_eq!(seen, count * 40);
    drop(lines);
    far.close().unwrap();
    writer.await.unwrap();
}

fn plain<F: Future<Output = ()>>(program: impl FnOnce(Stream<Plain>, Stream<Plain>) -> F) {
    watched_machine()
        .run(async move {
            let (near, far) = stream_pair();
            program(near, far).await;
        })
        .unwrap();
}

/// On a machine.
fn stream_pair() -> (Stream<Plain>, Stream<Plain>) {
    let (one, other) = UnixStream::pair().unwrap();
    let stream = |socket: UnixStream| {
        let transport = Plain::new(Source::adopt(socket).unwrap());
        Stream::new(transport, InputBuffer::default(), StreamOptions::default())
    };
    (stream(one), stream(other))
}

fn encrypted<F: Future<Output = ()>>(
    records: Records,
    program: impl FnOnce(lem_ssl_rs::Stream, lem_ssl_rs::Stream) -> F,
) {
    thread_local! {
        static CONTEXTS: [(Context, Context); 2] = RECORDS.map(|records| {
            let authority = Authority::new("Test Root");
            let issued = authority.issue(Leaf::server(&["localhost"]));
            let roots = Roots::Pem(authority.certificate_pem().into());
            let identity = Identity::from_pem(issued.chain_pem, issued.key_pem).unwrap();
            let client = records.on(Context::builder()).roots(roots).build().unwrap();
            (client, records.on(Context::builder()).identity(identity).build().unwrap())
        });
    }
    let (client, server) = CONTEXTS.with(|contexts| contexts[usize::from(records == Records::Rustls)].clone());
    watched_machine()
        .run(async move {
            let server = server.listen("127.0.0.1:0").await.unwrap();
            let address = server.local_addr().clone();
            let near = spawn(async move { client.connect_as(address, "localhost").await.unwrap() });
            let far = server.accept().await.unwrap();
            program(near.await.unwrap(), far).await;
        })
        .unwrap();
}
