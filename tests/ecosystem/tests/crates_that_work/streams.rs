//! Streams of values, and what goes over streams of bytes.

use async_compression::futures::bufread::GzipDecoder;
use async_compression::futures::write::GzipEncoder;
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use futures_util::{StreamExt, pin_mut};
use lem_ssl_ecosystem::{Ends, pattern, run};
use lem_ssl_rs::{ReadMode, spawn};

#[test]
fn async_stream_makes_a_stream_of_lines() {
    run(async {
        let (near, far) = Ends::pair().await;
        near.write("one\ntwo\n").await.unwrap();
        near.close().unwrap();
        let lines = async_stream::stream! {
            while let Ok(line) = far.read(ReadMode::Line).await {
                yield String::from_utf8(line).unwrap();
            }
        };
        pin_mut!(lines);
        assert_eq!(lines.collect::<Vec<_>>().await, ["one\n", "two\n"]);
    });
}

#[test]
fn tokio_stream_wraps_receivers() {
    use tokio_stream::wrappers::{BroadcastStream, ReceiverStream};
    run(async {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let sending = spawn(async move {
            for number in 0..10 {
                sender.send(number).await.unwrap();
            }
        });
        assert_eq!(ReceiverStream::new(receiver).collect::<Vec<_>>().await, Vec::from_iter(0..10));
        sending.await.unwrap();
        let (sender, receiver) = tokio::sync::broadcast::channel(4);
        sender.send(1).unwrap();
        drop(sender);
        assert_eq!(BroadcastStream::new(receiver).collect::<Vec<_>>().await, [Ok(1)]);
    });
}

#[test]
fn async_compression_packs_and_unpacks_what_goes_over_a_stream() {
    run(async {
        let (near, far) = Ends::pair().await;
        let data = pattern(1 << 20);
        let sent = data.clone();
        let sending = spawn(async move {
            let mut encoder = GzipEncoder::new(near.into_polled());
            encoder.write_all(&sent).await.unwrap();
            encoder.close().await.unwrap();
        });
        let mut received = Vec::new();
        GzipDecoder::new(far.into_polled()).read_to_end(&mut received).await.unwrap();
        assert!(received == data);
        sending.await.unwrap();
    });
}
