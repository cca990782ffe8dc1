//! Standard input and output, by way of pipes.
#![cfg(unix)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::stdio::{Stdin, Stdout};
use lem_rs::{Error, Limits, ReadMode, spawn, timeout};

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
        assert!(matches!(output.write("nobody").await, Err(Error::Closed)));
        Ok(())
    });
}
