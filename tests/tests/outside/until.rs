//! Reading up to a delimiter, and looking without taking.

use std::time::Duration;

use lem_rs::transport::StreamOptions;
use lem_rs::{Error, Limits, ReadMode, Stream, sleep, spawn, timeout};

use crate::support::{pair, run};

#[test]
fn a_delimiter_of_several_bytes_is_found_wherever_the_pieces_are_cut() {
    run(async {
        let text = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody\r\n\r\r\n\r\nrest";
        for cut in 1..text.len() {
            let (sender, receiver) = pair().await?;
            let sending = spawn(async move {
                sender.write(&text[..cut]).await?;
                sleep(Duration::from_millis(1)).await;
                sender.write(&text[cut..]).await?;
                sender.shutdown().await
            });
            assert_eq!(receiver.read_until(b"\r\n\r\n").await?, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "cut {cut}");
            assert_eq!(receiver.read_until("\r\n\r\n").await?, b"body\r\n\r\r\n\r\n", "cut {cut}");
            let left = receiver.read_until("\r\n\r\n").await;
            assert!(matches!(left, Err(Error::Incomplete { left: 4 })), "{left:?}");
            assert_eq!(receiver.read(ReadMode::Available).await?, b"rest");
            receiver.close()?;
            sending.await??;
        }
        Ok(())
    });
}

#[test]
fn a_read_until_that_is_dropped_consumes_nothing() {
    run(async {
        let (sender, receiver) = pair().await?;
        let (receiver, _writer) = receiver.split();
        sender.write("abc").await?;
        assert!(timeout(Duration::from_millis(5), receiver.read_until("\0")).await.is_err());
        assert_eq!(receiver.buffered(), 3);
        sender.write("def\0").await?;
        assert_eq!(receiver.read_until("\0").await?, b"abcdef\0");
        Ok(())
    });
}

#[test]
fn a_delimiter_that_does_not_come_is_given_up_at_the_limit_of_a_line() {
    run(async {
        let (sender, receiver) = pair().await?;
        let (plain, input) = receiver.into_parts()?;
        let limits = Limits::default().line(8);
        let receiver = Stream::new(plain, input, StreamOptions::default().limits(limits));
        sender.write("1234567;12345678;").await?;
        assert_eq!(receiver.read_until(";").await?, b"1234567;", "the delimiter counts");
        let error = receiver.read_until(";").await.unwrap_err();
        assert!(matches!(error, Error::Limit { what: "until", limit: 8 }), "{error}");
        assert_eq!(receiver.read(9).await?, b"12345678;", "the data is still readable");
        assert!(matches!(receiver.read_until("").await, Err(Error::Misuse(_))));
        Ok(())
    });
}

#[test]
fn what_was_looked_at_is_read_again() {
    run(async {
        let (sender, receiver) = pair().await?;
        sender.write("hello").await?;
        assert_eq!(receiver.peek(2).await?, b"hello");
        assert_eq!(receiver.peek(5).await?, b"hello");
        assert!(timeout(Duration::from_millis(2), receiver.peek(6)).await.is_err(), "there are five");
        assert_eq!(receiver.read(ReadMode::Available).await?, b"hello");
        let waiting = spawn(async move {
            let seen = receiver.peek(1).await?;
            Ok::<_, Error>((seen, receiver.interrupt().is_err(), receiver.read(1).await?, receiver.peek(1).await))
        });
        sleep(Duration::from_millis(2)).await;
        sender.write("x").await?;
        sender.shutdown().await.ok();
        let (seen, idle, read, end) = waiting.await??;
        assert_eq!((seen, idle, read), (b"x".to_vec(), true, b"x".to_vec()));
        assert!(matches!(end, Err(Error::Closed)), "{end:?}");
        Ok(())
    });
}

#[test]
fn a_peek_that_waits_is_busy_for_others_and_can_be_interrupted() {
    run(async {
        let (_sender, receiver) = pair().await?;
        let receiver = std::rc::Rc::new(receiver);
        let looking = receiver.clone();
        let peek = spawn(async move { looking.peek(1).await });
        lem_rs::yield_now().await;
        assert!(matches!(receiver.read(1).await, Err(Error::Busy)));
        receiver.interrupt()?;
        assert!(matches!(peek.await?, Err(Error::Interrupted)));
        Ok(())
    });
}

#[test]
fn only_the_limit_of_a_line_counts_for_a_delimiter() {
    run(async {
        let (sender, receiver) = pair().await?;
        let (plain, input) = receiver.into_parts()?;
        let limits = Limits::default().line(100).all(3);
        let receiver = Stream::new(plain, input, StreamOptions::default().limits(limits));
        let sending = spawn(async move {
            for piece in ["more ", "than ", "three;"] {
                sender.write(piece).await?;
                sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, Error>(sender)
        });
        assert_eq!(receiver.read_until(";").await?, b"more than three;");
        let _sender = sending.await??;
        assert!(matches!(receiver.peek(4).await, Err(Error::Limit { what: "exact", limit: 3 })));
        Ok(())
    });
}
