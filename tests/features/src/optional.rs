//! What the optional features bring.

#[cfg(any(feature = "futures-io", feature = "tokio-io", feature = "hyper"))]
mod traits {
    use std::future::poll_fn;
    use std::pin::Pin;

    use crate::support::{client, connected, run, server};

    /// A stream that sends a line to another one's [`lem_ssl_rs::Polled`], and says what was read there.
    macro_rules! assert_reads {
        ($reader:expr, $read:expr) => {
            run(async {
                let (near, far) = connected(&client().build().unwrap(), &server().build().unwrap()).await;
                far.write("hello").await.unwrap();
                let mut reader = $reader(near);
                let mut memory = [0; 16];
                let count = poll_fn(|cx| $read(Pin::new(&mut reader), cx, &mut memory)).await;
                assert_eq!(&memory[..count], b"hello");
            })
        };
    }

    #[cfg(feature = "futures-io")]
    #[test]
    fn a_polled_stream_has_the_traits_of_futures_io() {
        assert_reads!(lem_ssl_rs::Stream::into_polled, |reader: Pin<&mut _>, cx: &mut _, memory: &mut [u8]| {
            futures_io::AsyncRead::poll_read(reader, cx, memory).map(Result::unwrap)
        });
    }

    #[cfg(feature = "tokio-io")]
    #[test]
    fn a_polled_stream_has_the_traits_of_tokio() {
        assert_reads!(lem_ssl_rs::Stream::into_polled, |reader: Pin<&mut _>, cx: &mut _, memory: &mut [u8]| {
            let mut buffer = tokio::io::ReadBuf::new(memory);
            let read = tokio::io::AsyncRead::poll_read(reader, cx, &mut buffer);
            read.map(|result| result.map(|()| buffer.filled().len()).unwrap())
        });
    }

    #[cfg(feature = "hyper")]
    #[test]
    fn a_stream_has_the_traits_of_hyper() {
        assert_reads!(lem_ssl_rs::hyper::Io::new, |reader: Pin<&mut _>, cx: &mut _, memory: &mut [u8]| {
            let mut buffer = hyper::rt::ReadBuf::new(memory);
            let read = hyper::rt::Read::poll_read(reader, cx, buffer.unfilled());
            read.map(|result| result.map(|()| buffer.filled().len()).unwrap())
        });
    }
}

/// hyper flushes behind each piece: when a flush of its sends, and when it waits.
#[cfg(feature = "hyper")]
mod flushes_of_hyper {
    use std::future::poll_fn;
    use std::io::{self, Read};
    use std::net;
    use std::pin::Pin;
    use std::task::Poll;

    use hyper::rt::Write;
    use lem_ssl_rs::hyper::Io;
    use lem_ssl_rs::{Plain, TcpStream, yield_now};

    use crate::support::run;

    /// A stream of hyper's, and the other end, which reads without waiting what the kernel was given.
    async fn pair() -> (Io<Plain>, net::TcpStream) {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_nonblocking(true).unwrap();
        (Io::new(near), far)
    }

    /// Writes and flushes, in one poll: whether the flush is ready.
    async fn write_and_flush(io: &mut Io<Plain>, data: &[u8]) -> bool {
        poll_fn(|cx| {
            let written = Pin::new(&mut *io).poll_write(cx, data);
            assert!(matches!(written, Poll::Ready(Ok(count)) if count == data.len()), "{written:?}");
            Poll::Ready(match Pin::new(&mut *io).poll_flush(cx) {
                Poll::Ready(result) => {
                    result.unwrap();
                    true
                }
                Poll::Pending => false,
            })
        })
        .await
    }

    fn arrived(far: &mut net::TcpStream) -> usize {
        let mut memory = vec![0; 256 * 1024];
        match far.read(&mut memory) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn less_than_32_kib_leaves_when_the_task_gives_way() {
        run(async {
            let (mut io, mut far) = pair().await;
            assert!(write_and_flush(&mut io, &[1; 16 * 1024]).await);
            assert!(write_and_flush(&mut io, &[2; 16 * 1024 - 1]).await);
            assert_eq!(arrived(&mut far), 0, "more may be written before");
            yield_now().await;
            assert_eq!(arrived(&mut far), 32 * 1024 - 1);
        });
    }

    #[test]
    fn from_32_kib_on_it_leaves_at_once() {
        run(async {
            let (mut io, mut far) = pair().await;
            assert!(write_and_flush(&mut io, &[1; 16 * 1024]).await);
            assert!(write_and_flush(&mut io, &[2; 16 * 1024]).await);
            assert_eq!(arrived(&mut far), 32 * 1024);
        });
    }

    #[test]
    fn a_flush_waits_when_the_kernel_takes_no_more() {
        run(async {
            let (mut io, _far) = pair().await;
            let mut written = 0;
            while write_and_flush(&mut io, &[1; 1000]).await {
                written += 1000;
                assert!(written < 256 * 1024 * 1024, "nobody reads, and each flush was ready");
                yield_now().await;
            }
        });
    }
}

#[cfg(feature = "hyper")]
#[test]
fn a_timer_of_hyper_fires_at_its_time_and_leaves_nothing_when_it_is_dropped() {
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::{Duration, Instant};

    use hyper::rt::Timer as _;
    use lem_ssl_rs::Machine;
    use lem_ssl_rs::hyper::Timer;

    let machine = Machine::new().unwrap();
    let over = machine.run(async {
        const A_MOMENT: Duration = Duration::from_millis(20);
        let begun = Instant::now();
        Timer.sleep(A_MOMENT).await;
        assert!(begun.elapsed() >= A_MOMENT);
        let mut late = Timer.sleep(Duration::from_secs(3600));
        for _ in 0..2 {
            assert!(poll_fn(|cx| Poll::Ready(late.as_mut().poll(cx))).await.is_pending());
            assert_eq!(machine.counts().1, 1, "one timer, however often it is polled");
        }
        drop(late);
        assert_eq!(machine.counts().1, 0);
    });
    over.unwrap();
}

#[cfg(feature = "self-signed")]
#[test]
fn an_identity_can_be_made_on_the_spot() {
    use lem_ssl_rs::{Context, Identity, ReadMode, Roots};

    use crate::support::{connected, run};

    run(async {
        let identity = Identity::self_signed(["localhost"]).unwrap();
        let client = Context::builder().roots(Roots::Pem(identity.chain_pem().into_bytes())).build().unwrap();
        let server = Context::builder().identity(identity).build().unwrap();
        let (near, far) = connected(&client, &server).await;
        far.write("hello\n").await.unwrap();
        assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"hello\n");
    });
}

#[cfg(feature = "system-roots")]
#[test]
fn the_systems_roots_are_there_or_mozillas() {
    use lem_ssl_rs::Roots;

    crate::support::builder().roots(Roots::System).build().unwrap();
}

#[cfg(feature = "sim")]
#[test]
fn a_world_can_be_simulated() {
    use lem_ssl_rs::sim::Sim;
    use lem_ssl_rs::{ReadMode, Stream};

    use crate::support::{client, server};

    let sim = Sim::builder(7).host("localhost", ["10.0.0.1"]).build();
    let read: Result<Vec<u8>, lem_ssl_rs::Error> = sim
        .run(async {
            let server = server().build()?.listen("localhost:443").await?;
            let serving = lem_ssl_rs::spawn(async move { server.accept().await?.write("hello\n").await });
            let stream: Stream = client().build()?.connect("localhost:443").await?;
            let read = stream.read(ReadMode::Line).await;
            serving.await??;
            read
        })
        .unwrap();
    assert_eq!(read.unwrap(), b"hello\n");
}

#[test]
#[cfg(feature = "signal")]
fn signals_are_received_on_the_machine() {
    use lem_ssl_rs::Machine;
    use lem_ssl_rs::signal::{Signal, Signals};

    let received = Machine::new().unwrap().run(async { Signals::new([Signal::Interrupt]).map(drop) });
    assert!(matches!(received, Ok(Ok(()))));
}

#[test]
#[cfg(all(feature = "activation", target_os = "linux"))]
fn no_socket_was_passed_without_a_service_manager() {
    assert!(lem_ssl_rs::activation::listeners().unwrap().is_empty());
}
