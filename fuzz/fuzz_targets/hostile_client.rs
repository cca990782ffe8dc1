//! A server survives whatever a client sends, in whatever pieces.

#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Machine, Plain, Stream, yield_now};
use lem_ssl_fuzz::Bytes;
use lem_ssl_rs::{Context, Identity, ReadMode, Roots};
use libfuzzer_sys::fuzz_target;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    let identity = Identity::self_signed(["localhost"]).expect("there are random numbers");
    Context::builder().roots(Roots::None).identity(identity).build().expect("the context is good")
});

fuzz_target!(|bytes: &[u8]| {
    let machine = Machine::new().expect("there are descriptors");
    machine
        .run(async {
            let (ours, mut theirs) = UnixStream::pair().expect("there are descriptors");
            let source = Source::adopt(ours).expect("the socket is good");
            let stream = Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
            let server = lem_rs::spawn(async move {
                if let Ok(stream) = CONTEXT.upgrade_server(stream).await {
                    let _ = stream.read(ReadMode::All).await;
                    let _ = stream.shutdown().await;
                }
            });
            for piece in Bytes::new(bytes).pieces() {
                // A socket that is full or closed takes no more; that is the end of this client.
                theirs.set_nonblocking(true).expect("the socket is good");
                if theirs.write_all(piece).is_err() {
                    break;
                }
                yield_now().await;
                yield_now().await;
            }
            drop(theirs);
            server.await.expect("the server does not panic");
        })
        .expect("the machine is not stalled");
    assert_eq!(machine.counts(), (0, 0, 0), "something is left");
});
