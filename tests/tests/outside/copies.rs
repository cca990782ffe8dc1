//! Copies between streams.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{CopySide, Cut, Error, ReadMode, Stream, copy, copy_bidirectional, sleep, spawn, timeout, yield_now};

use crate::support::{pair, run};

#[test]
fn a_copy_ends_with_the_stream_and_says_how_much_it_was() {
    run(async {
        let (source, from) = pair().await?;
        let (to, sink) = pair().await?;
        let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number as u8).collect();
        let expected = sent.clone();
        let writing = spawn(async move {
            source.write(&sent).await?;
            source.shutdown().await
        });
        let reading = spawn(async move { sink.read(ReadMode::All).await });
        assert_eq!(copy(&from, &to).await?, 3_000_000);
        assert!(!to.is_closed(), "a copy closes nothing");
        to.shutdown().await?;
        assert!(reading.await?? == expected);
        drop(from);
        writing.await?
    });
}

#[test]
fn what_a_dropped_copy_had_not_handed_over_is_read_again() {
    run(async {
        let (source, from) = pair().await?;
        let (to, sink) = pair().await?;
        let (_back, to) = to.split();
        let sent: Vec<u8> = (0..6_000_000_u32).map(|number| (number / 7) as u8).collect();
        let expected = sent.clone();
        let writing = spawn(async move {
            source.write(&sent).await?;
            source.shutdown().await
        });
        // Nobody reads the sink yet: the copy gets stuck on the way, and is dropped there.
        assert!(timeout(Duration::from_millis(50), copy(&from, &to)).await.is_err());
        let handed_over = to.bytes_written();
        assert!(handed_over > 0 && handed_over < 6_000_000);
        let reading = spawn(async move { sink.read(ReadMode::All).await });
        assert_eq!(copy(&from, &to).await?, 6_000_000 - handed_over);
        to.shutdown().await?;
        assert!(reading.await?? == expected, "each byte once, in order");
        drop(from);
        writing.await?
    });
}

#[test]
fn a_copy_counts_nothing_of_what_others_write_before_it_knows_that_it_was_interrupted() {
    run(async {
        const SENT: usize = 3_000_000;
        let (source, from) = pair().await?;
        let (to, mut sink) = UnixStream::pair().unwrap();
        sink.set_nonblocking(true).unwrap();
        let (from, to) = (Rc::new(from), Rc::new(Stream::adopt(to)?));
        let writing = spawn(async move {
            source.write(&vec![b'a'; SENT]).await?;
            source.shutdown().await
        });
        let copying = spawn({
            let (from, to) = (from.clone(), to.clone());
            async move { copy(&*from, &*to).await }
        });
        // Nobody reads yet: the copy gets stuck.
        let mut before = None;
        while before != Some(to.bytes_written()) {
            before = Some(to.bytes_written());
            sleep(Duration::from_millis(50)).await;
        }
        assert!(to.is_busy());
        let mut received = Vec::new();
        let end = sink.read_to_end(&mut received).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        // This task has its turn before the one that copies, and there is room.
        yield_now().await;
        to.interrupt()?;
        to.write(&[b'X'; 20_000]).await?;
        let failed = copying.await?.unwrap_err();
        assert!(matches!(failed.error, Error::Interrupted), "{failed}");
        to.close_write()?;
        sink.read_to_end(&mut received).unwrap();
        let delivered = received.iter().filter(|byte| **byte == b'a').count();
        assert_eq!((received.len() - delivered, failed.copied), (20_000, delivered as u64));
        assert_eq!(from.read(ReadMode::All).await?.len() + delivered, SENT);
        drop(from);
        writing.await?
    });
}

#[test]
fn other_reads_are_busy_while_a_chunk_is_under_way() {
    run(async {
        let (source, from) = pair().await?;
        let (to, sink) = pair().await?;
        let (from, _unused) = from.split();
        let from = Rc::new(from);
        let copying = {
            let from = from.clone();
            spawn(async move { copy(&*from, &to).await.map(drop) })
        };
        let writing = spawn(async move { source.write(&vec![1; 8_000_000]).await });
        sleep(Duration::from_millis(50)).await;
        assert!(matches!(from.read(ReadMode::Available).await, Err(Error::Busy)));
        copying.cancel();
        assert!(copying.await.is_err());
        assert!(!from.read(ReadMode::Available).await?.is_empty());
        from.abort();
        // It may be done, if the kernel had room for it.
        let _ = writing.await?;
        sink.abort();
        Ok(())
    });
}

#[test]
fn each_direction_ends_by_itself_and_both_are_counted() {
    run(async {
        let (client, mut a) = pair().await?;
        let (mut b, server) = pair().await?;
        let relaying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        client.write("question").await?;
        client.close_write()?;
        // The half-close arrives at the other end, and the answer still comes back.
        assert_eq!(server.read(ReadMode::All).await?, b"question");
        server.write("a longer answer").await?;
        server.shutdown().await?;
        assert_eq!(client.read(ReadMode::All).await?, b"a longer answer");
        assert_eq!(relaying.await??, (8, 15));
        Ok(())
    });
}

#[test]
fn both_directions_run_at_once() {
    run(async {
        let (client, mut a) = pair().await?;
        let (mut b, server) = pair().await?;
        let relaying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        let both = |stream: lem_rs::TcpStream| {
            let (reader, writer) = stream.split();
            let writing = spawn(async move {
                writer.write(&vec![3; 2_000_000]).await?;
                writer.shutdown().await
            });
            spawn(async move {
                let all = reader.read(ReadMode::All).await?;
                writing.await??;
                Ok::<_, Error>(all.len())
            })
        };
        let (one, other) = (both(client), both(server));
        assert_eq!((one.await??, other.await??), (2_000_000, 2_000_000));
        assert_eq!(relaying.await??, (2_000_000, 2_000_000));
        Ok(())
    });
}

#[test]
fn a_cut_is_an_error_that_names_its_side_and_makes_no_end_at_the_other() {
    run(async {
        let (client, mut a) = pair().await?;
        let (mut b, server) = pair().await?;
        client.write("half a").await?;
        assert_eq!(a.peek(6).await?, b"half a");
        client.with_transport(lem_rs::transport::Transport::make_end_abnormal);
        client.abort();
        let failed = copy_bidirectional(&mut a, &mut b).await.unwrap_err();
        assert_eq!((failed.side, failed.copied), (CopySide::Read, 6));
        assert!(matches!(failed.error, Error::Truncated(Cut::Reset)), "{failed}");
        assert_eq!(failed.to_string(), "truncated: the connection was reset (reading, after 6 bytes were copied)");
        assert!(!b.is_closed());
        // The streams are whole again: one slot for both directions.
        assert_eq!(server.read(6).await?, b"half a");
        server.write("x").await?;
        assert_eq!(b.read(1).await?, b"x");
        Ok(())
    });
}

#[test]
fn a_writer_that_is_closed_is_named_and_the_data_stays() {
    run(async {
        let (source, from) = pair().await?;
        let (to, sink) = pair().await?;
        source.write("kept").await?;
        to.close_write()?;
        let failed = copy(&from, &to).await.unwrap_err();
        assert_eq!((failed.side, failed.copied), (CopySide::Write, 0));
        assert_eq!(from.read(4).await?, b"kept");
        drop(sink);
        Ok(())
    });
}
