//! `stream.boxed()`: the same stream without the type of its transport, and back.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use lem_rs::transport::{StreamOptions, Transport};
use lem_rs::{BoxedStream, BoxedTransport, Error, Plain, ReadMode, Stream, copy, spawn, yield_now};
use lem_ssl_rs::{Info, Tls};

use crate::support::{
    Bare, Carrier, Encrypted, at_once, both, check, client_context, on_every_stream, patient_builder, pattern, says,
    server_context, until,
};

on_every_stream! {
    what_was_received_and_counted_goes_along,
    what_is_on_its_way_out_goes_on,
    a_half_close_goes_along,
    the_peers_end_goes_along,
    a_closed_stream_can_be_boxed_and_its_close_awaited,
    handles_go_along,
    halves_and_poll_functions_work,
    a_box_in_a_box_is_one_box,
    dropped_at_every_await_it_loses_nothing,
}

async fn what_was_received_and_counted_goes_along(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("one\ntwo\nthree").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"one\n");
    near.peek(9).await.unwrap();
    near.write("back").await.unwrap();
    let (read, written, peer) = (near.bytes_read(), near.bytes_written(), near.peer_addr().unwrap());
    let near = near.boxed();
    assert_eq!((near.bytes_read(), near.bytes_written(), near.buffered()), (read, written, 9));
    assert_eq!(near.peer_addr().unwrap(), peer);
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"two\n");
    far.write("\n").await.unwrap();
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"three\n");
    assert_eq!(far.read(4).await.unwrap(), b"back");
    far.close().unwrap();
    says(near.read(1).await, "closed");
}

async fn what_is_on_its_way_out_goes_on(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let data = pattern(8 * 1024 * 1024);
    // As much as the kernel takes, and what the stream has accepted beyond that.
    {
        let mut write = pin!(near.write(&data));
        let mut last = u64::MAX;
        while last != near.bytes_written() {
            last = near.bytes_written();
            for _ in 0..20 {
                assert!(at_once(write.as_mut()).await.is_none());
                yield_now().await;
            }
        }
    }
    let near = near.boxed();
    let sent = near.bytes_written() as usize;
    assert!(sent < data.len());
    // Nobody writes any more: it is sent in the background, before the end.
    near.close_write().unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), data[..sent]);
    far.write("heard").await.unwrap();
    assert_eq!(near.read(5).await.unwrap(), b"heard");
}

async fn a_half_close_goes_along(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("all").await.unwrap();
    near.close_write().unwrap();
    let near = near.boxed();
    says(near.close_write(), "already closed");
    says(near.write("more").await, "closed");
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"all");
    far.write("answer").await.unwrap();
    assert_eq!(near.read(6).await.unwrap(), b"answer");
}

async fn the_peers_end_goes_along(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("rest").await.unwrap();
    far.close_write().unwrap();
    assert_eq!(near.read(1).await.unwrap(), b"r");
    until(|| near.close_cause().is_some() || at_end(&near)).await;
    let near = near.boxed();
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"est");
    says(near.read(1).await, "closed");
    near.write("still open").await.unwrap();
    assert_eq!(far.read(10).await.unwrap(), b"still open");
}

/// Receives what is there.
fn at_end<T: Transport>(stream: &Stream<T>) -> bool {
    let mut peek = pin!(stream.peek(100));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    peek.as_mut().poll(&mut cx).is_ready()
}

async fn a_closed_stream_can_be_boxed_and_its_close_awaited(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    near.write("all").await.unwrap();
    near.close().unwrap();
    let near = near.boxed();
    assert!(near.is_closed() && near.info().is_none());
    says(near.close(), "already closed");
    says(near.read(1).await, "closed");
    let heard = async {
        let heard = far.read(ReadMode::All).await.unwrap();
        drop(far);
        heard
    };
    let (shut, heard) = both(near.shutdown(), heard).await;
    shut.unwrap();
    assert_eq!(heard, b"all");
    let near = near.downcast::<Plain>().expect_err("a closed stream has no transport").boxed();
    assert!(near.is_closed());
}

async fn handles_go_along(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let before = near.handle();
    let near = near.boxed();
    let after = near.handle();
    assert!(!before.is_closed() && !after.is_closed());
    before.close().unwrap();
    assert!(near.is_closed() && before.is_closed() && after.is_closed());
    says(after.close(), "already closed");
    // A proper end, and no cut.
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"");

    let (near, far) = carrier.pair().await;
    let handle = near.handle();
    let task = spawn(async move { near.boxed().read(1).await });
    until(|| !handle.is_closed()).await;
    for _ in 0..20 {
        yield_now().await;
    }
    handle.abort();
    says(task.await.unwrap(), "interrupted");
    assert!(handle.is_closed());
    says(handle.close(), "already closed");
    drop(far);
}

async fn halves_and_poll_functions_work(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let (reader, writer) = near.boxed().split();
    let echo = async {
        let copied = copy(&reader, &writer).await.unwrap();
        writer.shutdown().await.unwrap();
        copied
    };
    let client = async {
        far.write(&pattern(100_000)).await.unwrap();
        far.close_write().unwrap();
        far.read(ReadMode::All).await.unwrap()
    };
    let (copied, heard) = both(echo, client).await;
    assert_eq!((copied, heard.len()), (100_000, 100_000));

    let (near, far) = carrier.pair().await;
    let mut polled = near.boxed().into_polled();
    // What is gathered and not sent yet goes along, into the stream and into another box.
    poll_fn(|cx| polled.poll_write(cx, b"gathered")).await.unwrap();
    let near = polled.into_stream().boxed();
    assert_eq!(far.read(8).await.unwrap(), b"gathered");
    near.shutdown_both(far).await;
}

/// Both ends are closed properly.
trait ShutDown {
    async fn shutdown_both<T: Transport>(self, other: Stream<T>);
}

impl ShutDown for BoxedStream {
    async fn shutdown_both<T: Transport>(self, other: Stream<T>) {
        let (one, other) = both(self.shutdown(), other.shutdown()).await;
        one.unwrap();
        other.unwrap();
    }
}

async fn a_box_in_a_box_is_one_box(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    let name = format!("{:?}", near.handle());
    let once = near.boxed();
    let shown = once.with_transport(|transport| format!("{transport:?}")).unwrap();
    let twice = once.boxed().boxed();
    assert_eq!(twice.with_transport(|transport| format!("{transport:?}")).unwrap(), shown);
    assert!(!twice.with_transport(BoxedTransport::is::<BoxedTransport>).unwrap());
    assert!(name.contains("StreamHandle"));
    far.write("x").await.unwrap();
    assert_eq!(twice.read(1).await.unwrap(), b"x");
}

/// A conversation, dropped after each number of polls: what the other end has heard is a beginning of what was said.
async fn dropped_at_every_await_it_loses_nothing(carrier: impl Carrier) {
    let data = pattern(300_000);
    for polls in 0..40 {
        let options = StreamOptions::default().close_deadline(Duration::from_secs(60));
        let (near, far) = carrier.pair_with(options).await;
        let mut talk = Some(Box::pin(async {
            let near = near.boxed();
            near.write(&data[..100_000]).await?;
            let near = near.boxed();
            near.write(&data[100_000..]).await?;
            near.read(ReadMode::Line).await?;
            near.shutdown().await
        }));
        let mut left = polls;
        let hearing = spawn(async move { (far.read(ReadMode::All).await, far.read(ReadMode::Available).await) });
        poll_fn(|cx| {
            let Some(talking) = &mut talk else { return Poll::Ready(()) };
            if left == 0 || talking.as_mut().poll(cx).is_ready() {
                talk = None;
                return Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let (all, rest) = hearing.await.unwrap();
        let heard = all.or(rest).unwrap_or_default();
        assert!(data.starts_with(&heard), "{polls}: {} bytes", heard.len());
        if polls > 0 {
            assert!(!heard.is_empty(), "{polls}: what was accepted is delivered");
        }
    }
}

#[test]
fn encrypted_and_plain_streams_are_kept_in_one_list_and_tell_what_they_know() {
    check(async {
        let ((plain, far), (tls, away)) = (Bare::Tcp.pair().await, Encrypted::Tls13.pair().await);
        let version = tls.info().unwrap().version;
        let list = [plain.boxed(), tls.boxed()];
        for stream in &list {
            stream.write("hello\n").await.unwrap();
        }
        assert_eq!(far.read(ReadMode::Line).await.unwrap(), b"hello\n");
        assert_eq!(away.read(ReadMode::Line).await.unwrap(), b"hello\n");
        let infos = list.each_ref().map(|stream| stream.info().unwrap());
        assert!(infos[0].downcast_ref::<()>().is_some() && infos[0].downcast_ref::<Info>().is_none());
        assert_eq!(infos[1].downcast_ref::<Info>().unwrap().version, version);
        assert!(format!("{:?}", infos[1]).contains("Info"), "{:?}", infos[1]);
        let [_, tls] = infos;
        assert_eq!(tls.downcast::<()>().unwrap_err().downcast::<Info>().unwrap().version, version);
        let resumed = list[1].with_transport(|any| any.downcast_ref::<Tls>().is_some());
        assert_eq!(resumed, Some(true));
    });
}

#[test]
fn a_boxed_stream_goes_over_to_tls_when_it_has_its_type_again() {
    check(async {
        let (near, far) = Bare::Tcp.pair().await;
        let near = near.boxed();
        far.write("ready\nslipped in").await.unwrap();
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"ready\n");
        let near = near.downcast::<Tls>().expect_err("it is plain");
        let near = near.downcast::<Plain>().unwrap();
        assert_eq!(near.read(10).await.unwrap(), b"slipped in", "what was received goes along");
        let (client, server) = (client_context(patient_builder()), server_context(patient_builder()));
        let (near, far) = both(client.upgrade(near, "localhost"), server.upgrade_server(far)).await;
        let (near, far) = (near.unwrap().boxed(), far.unwrap());
        near.write("secret").await.unwrap();
        assert_eq!(far.read(6).await.unwrap(), b"secret");
    });
}

#[test]
fn a_server_drains_streams_that_its_handlers_have_boxed() {
    check(async {
        let server = server_context(patient_builder()).listen("127.0.0.1:0").await.unwrap();
        let client = client_context(patient_builder());
        let serving = std::rc::Rc::new(server);
        let accepting = serving.clone();
        spawn(async move {
            let handler = |stream: lem_ssl_rs::Stream| async move {
                let stream: BoxedStream = stream.boxed();
                stream.write("hello\n").await?;
                stream.read(ReadMode::Line).await.map(drop)
            };
            accepting.autospawn(handler).await
        })
        .detach();
        let client = client.connect_as(serving.local_addr(), "localhost").await.unwrap();
        assert_eq!(client.read(ReadMode::Line).await.unwrap(), b"hello\n");
        let drained = serving.drain(Duration::ZERO).await;
        assert_eq!((drained.finished, drained.closed), (0, 1));
        assert!(matches!(client.read(1).await, Err(Error::Closed)), "a proper end, and no cut");
    });
}
