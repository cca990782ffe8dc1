//! What futures-util builds on the traits of futures-io.

use std::io::ErrorKind;

use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, copy_buf};
use futures_util::{StreamExt, TryStreamExt};
use lem_ssl_ecosystem::{Ends, pattern, run};
use lem_ssl_rs::{ReadMode, spawn};

#[test]
fn exact_reads_and_whole_writes_meet() {
    run(async {
        let (near, far) = Ends::pair().await;
        let (mut near, mut far) = (near.into_polled(), far.into_polled());
        near.write_all(b"hello").await.unwrap();
        near.flush().await.unwrap();
        let mut bytes = [0; 4];
        far.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hell");
        near.close().await.unwrap();
        let mut rest = String::new();
        far.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "o");
        assert_eq!(far.read(&mut [0; 10]).await.unwrap(), 0);
        assert_eq!(far.read_exact(&mut bytes).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn lines_are_read_with_its_buffer_and_without() {
    run(async {
        let (near, far) = Ends::pair().await;
        let writer = spawn(async move {
            let mut near = near.into_polled();
            for number in 0..2000 {
                near.write_all(format!("line {number}\n").as_bytes()).await.unwrap();
            }
            near.close().await.unwrap();
        });
        let mut far = far.into_polled();
        let first: Vec<_> = (&mut far).lines().take(1000).try_collect().await.unwrap();
        let rest: Vec<_> = BufReader::new(far).lines().try_collect().await.unwrap();
        assert!(first.into_iter().chain(rest).eq((0..2000).map(|number| format!("line {number}"))));
        writer.await.unwrap();
    });
}

#[test]
fn halves_of_its_own_read_and_write_at_once() {
    run(async {
        let (near, far) = Ends::pair().await;
        let echo = spawn(async move {
            let (receiver, mut sender) = AsyncReadExt::split(near.into_polled());
            let count = copy_buf(BufReader::new(receiver), &mut sender).await.unwrap();
            sender.close().await.unwrap();
            count
        });
        let (mut receiver, mut sender) = AsyncReadExt::split(far.into_polled());
        let data = pattern(6 << 20);
        let sending = async {
            let count = copy(&data[..], &mut sender).await.unwrap();
            sender.close().await.unwrap();
            count
        };
        let mut received = Vec::new();
        let (sent, count) = futures_util::join!(sending, receiver.read_to_end(&mut received));
        assert_eq!((sent, count.unwrap()), (data.len() as u64, data.len()));
        assert!(received == data);
        assert_eq!(echo.await.unwrap(), data.len() as u64);
    });
}

#[test]
fn a_close_is_a_half_close_behind_what_was_written() {
    run(async {
        let (near, far) = Ends::pair().await;
        let mut near = near.into_polled();
        near.write_all(b"question").await.unwrap();
        near.close().await.unwrap();
        assert_eq!(far.read(ReadMode::All).await.unwrap(), b"question");
        far.write("answer").await.unwrap();
        far.close().unwrap();
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        near.close().await.expect("a second close finds it done");
        let error = near.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    });
}

#[test]
fn a_cut_is_an_error_behind_what_came_before_it_and_no_end() {
    run(async {
        let (near, far) = Ends::pair().await;
        far.write("before").await.unwrap();
        assert_eq!(near.read(3).await.unwrap(), b"bef");
        far.abort();
        let mut near = near.into_polled();
        let mut rest = Vec::new();
        let error = near.read_to_end(&mut rest).await.unwrap_err();
        assert_eq!(rest, b"ore");
        assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error:?}");
    });
}
