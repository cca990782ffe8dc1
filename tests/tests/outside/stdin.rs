//! Standard input and output, by way of pipes.
#![cfg(unix)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use lem_rs::stdio::{Stdin, Stdout};
use lem_rs::{Error, Limits, ReadMode, spawn, timeout, unblock};

use crate::support::run;

fn input() -> (Stdin, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    (Stdin::of(File::from(OwnedFd::from(reader))), writer)
}

#[test]
fn lines_come_one_by_one_and_the_rest_at_the_end_stays_readable() {
    run(async {
        let (input, mut writer) = input();
        writer.write_all(b"one\ntwo\r\nrest").unwrap();
        drop(writer);
        assert_eq!(input.next_line().await?, Some("one".into()));
        assert_eq!(input.read(ReadMode::Line).await?, b"two\r\n");
        assert!(matches!(input.read(ReadMode::Line).await, Err(Error::Incomplete { left: 4 })));
        assert_eq!(input.read(2).await?, b"re");
        assert_eq!(input.read(ReadMode::Available).await?, b"st");
        assert!(matches!(input.read(ReadMode::Available).await, Err(Error::Closed)));
        assert_eq!(input.next_line().await?, None);
        Ok(())
    });
}

#[test]
fn a_last_line_without_a_newline_is_a_line() {
    run(async {
        let (input, mut writer) = input();
        writer.write_all(b"one\r\nlast\r").unwrap();
        drop(writer);
        assert_eq!(input.next_line().await?, Some("one".into()));
        assert_eq!(input.next_line().await?, Some("last\r".into()));
        assert_eq!(input.next_line().await?, None);
        Ok(())
    });
}

#[test]
fn a_read_that_is_dropped_loses_nothing_of_what_comes_later() {
    run(async {
        let (input, mut writer) = input();
        for _ in 0..3 {
            assert!(timeout(Duration::from_millis(3), input.read(ReadMode::Line)).await.is_err());
        }
        writer.write_all(b"late\n").unwrap();
        assert_eq!(input.next_line().await?, Some("late".into()));
        drop(writer);
        Ok(())
    });
}

#[test]
fn a_second_reader_is_told_busy() {
    run(async {
        let (input, mut writer) = input();
        let input = Rc::new(input);
        let reading = input.clone();
        let first = spawn(async move { reading.read(ReadMode::All).await });
        lem_rs::yield_now().await;
        assert!(matches!(input.read(ReadMode::Line).await, Err(Error::Busy)));
        writer.write_all(b"everything").unwrap();
        drop(writer);
        assert_eq!(first.await??, b"everything");
        Ok(())
    });
}

#[test]
fn a_line_without_end_is_stopped_at_its_limit() {
    run(async {
        let (input, mut writer) = input();
        let input = input.limits(Limits::default().line(10));
        writer.write_all(&[b'a'; 20]).unwrap();
        assert!(matches!(input.read(ReadMode::Line).await, Err(Error::Limit { what: "line", limit: 10 })));
        assert_eq!(input.read(20).await?.len(), 20);
        Ok(())
    });
}

#[test]
fn writes_follow_each_other_also_behind_one_that_was_given_up() {
    run(async {
        // More than fits into a pipe.
        const SIZE: usize = 300_000;
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Rc::new(Stdout::of(File::from(OwnedFd::from(writer))));
        let given_up = spawn({
            let output = output.clone();
            async move { output.write(&[0; SIZE]).await }
        });
        // It has begun when a byte is there.
        let mut reader = unblock(move || reader.read_exact(&mut [1]).map(|()| reader)).await?.unwrap();
        given_up.cancel();
        let writes: Vec<_> = (1..4)
            .map(|number| {
                let output = output.clone();
                spawn(async move { output.write(&vec![number; SIZE]).await })
            })
            .collect();
        let reading = unblock(move || {
            let mut all = vec![0; 4 * SIZE];
            reader.read_exact(&mut all[1..]).map(|()| (all, reader))
        });
        let (all, mut reader) = reading.await?.unwrap();
        for write in writes {
            write.await??;
        }
        for (number, message) in all.chunks(SIZE).enumerate() {
            assert!(message.iter().all(|byte| usize::from(*byte) == number), "message {number} is whole, in its place");
        }
        drop(output);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "nothing more");
        Ok(())
    });
}

#[test]
fn standard_output_outside_of_a_machine_is_a_misuse() {
    let output = Stdout::of(File::from(OwnedFd::from(io::pipe().unwrap().1)));
    let mut write = pin!(output.write("x"));
    let poll = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll, Poll::Ready(Err(Error::Misuse(_)))));
}

#[test]
fn what_is_written_arrives_and_a_reader_that_is_gone_is_closed() {
    run(async {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Stdout::of(File::from(OwnedFd::from(writer)));
        output.write("hello").await?;
        output.sync().await?;
        let mut buffer = [0; 5];
        reader.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        drop(reader);
        // A child of another test has the reader as well, until it runs its program.
        let error = loop {
            if let Err(error) = output.write("nobody").await {
                break error;
            }
        };
        assert!(matches!(error, Error::Closed), "{error}");
        Ok(())
    });
}
