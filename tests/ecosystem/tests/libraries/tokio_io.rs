//! What tokio builds on its traits: no runtime of its is there.

use std::io::ErrorKind;

use lem_ssl_ecosystem::{Ends, pattern, run};
use lem_ssl_rs::{ReadMode, spawn};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, copy, copy_bidirectional, split};

#[test]
fn exact_reads_and_whole_writes_meet() {
    run(async {
        let (near, far) = Ends::pair().await;
        let (mut near, mut far) = (near.into_polled(), far.into_polled());
        let writer = spawn(async move {
            for size in [1, 10, 100_000, 17] {
                near.write_all(&pattern(size)).await.unwrap();
                near.flush().await.unwrap();
            }
            near
        });
        for size in [1, 10, 100_000, 17] {
            let mut bytes = vec![0; size];
            far.read_exact(&mut bytes).await.unwrap();
            assert!(bytes == pattern(size));
        }
        drop(writer.await.unwrap());
        assert_eq!(far.read(&mut [0; 10]).await.unwrap(), 0);
        let error = far.read_exact(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn lines_are_read_with_its_buffer_and_without() {
    run(async {
        let (near, far) = Ends::pair().await;
        let mut near = BufWriter::new(near.into_polled());
        for number in 0..2000 {
            near.write_all(format!("line {number}\n").as_bytes()).await.unwrap();
        }
        near.shutdown().await.unwrap();
        let mut far = far.into_polled();
        for number in 0..1000 {
            // It is a buffered reader itself.
            let mut line = String::new();
            far.read_line(&mut line).await.unwrap();
            assert_eq!(line, format!("line {number}\n"));
        }
        let mut lines = BufReader::new(far).lines();
        for number in 1000..2000 {
            assert_eq!(lines.next_line().await.unwrap().unwrap(), format!("line {number}"));
        }
        assert!(lines.next_line().await.unwrap().is_none());
    });
}

#[test]
fn halves_of_its_own_read_and_write_at_once() {
    run(async {
        let (near, far) = Ends::pair().await;
        let (mut receiver, mut sender) = split(far.into_polled());
        let echo = spawn(async move {
            let (mut receiver, mut sender) = split(near.into_polled());
            let count = copy(&mut receiver, &mut sender).await.unwrap();
            sender.shutdown().await.unwrap();
            count
        });
        let data = pattern(6 << 20);
        let sent = data.clone();
        let sending = spawn(async move {
            sender.write_all(&sent).await.unwrap();
            sender.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        receiver.read_to_end(&mut received).await.unwrap();
        assert!(received == data);
        assert_eq!(echo.await.unwrap(), data.len() as u64);
        sending.await.unwrap();
    });
}

#[test]
fn a_relay_hands_on_both_directions_and_both_ends() {
    run(async {
        let (client, near) = Ends::pair().await;
        let (far, server) = Ends::pair().await;
        let relay = spawn(async move {
            let (mut near, mut far) = (near.into_polled(), far.into_polled());
            copy_bidirectional(&mut near, &mut far).await.unwrap()
        });
        let data = pattern(2 << 20);
        let (sent, answer) = (data.clone(), data.clone());
        let serving = spawn(async move {
            assert!(server.read(ReadMode::All).await.unwrap() == sent, "the end of one direction came through");
            server.write(&answer[..1_000_000]).await.unwrap();
            server.shutdown().await.unwrap();
        });
        let (receiver, sender) = client.split();
        sender.write(&data).await.unwrap();
        sender.close().unwrap();
        assert!(receiver.read(ReadMode::All).await.unwrap() == data[..1_000_000]);
        serving.await.unwrap();
        assert_eq!(relay.await.unwrap(), (data.len() as u64, 1_000_000));
    });
}

#[test]
fn a_shutdown_is_a_half_close_behind_what_was_written() {
    run(async {
        let (near, far) = Ends::pair().await;
        let mut near = near.into_polled();
        near.write_all(b"question").await.unwrap();
        near.shutdown().await.unwrap();
        assert_eq!(far.read(ReadMode::All).await.unwrap(), b"question");
        far.write("answer").await.unwrap();
        far.close().unwrap();
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        near.shutdown().await.expect("a second shutdown finds it done");
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
