//! Any descriptor's readiness.
#![cfg(unix)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Direction, Error, Watcher, sleep, spawn, timeout};

use crate::support::run;

#[test]
fn a_pipe_is_readable_when_something_is_there_and_not_before() {
    run(async {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Watcher::new(reader)?;
        assert!(timeout(Duration::from_millis(10), reader.readable()).await.is_err(), "there is nothing");
        writer.write_all(b"abc").unwrap();
        reader.readable().await?;
        let mut buffer = [0; 16];
        let mut read = |pipe: &io::PipeReader| (&*pipe).read(&mut buffer);
        assert_eq!(reader.try_io(Direction::Read, &mut read).unwrap(), 3);
        let nothing = reader.try_io(Direction::Read, &mut read).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert!(timeout(Duration::from_millis(10), reader.readable()).await.is_err(), "that ended the readiness");
        drop(writer);
        assert_eq!(reader.read_with(|pipe| (&*pipe).read(&mut [0; 16])).await?, 0, "the end is readable too");
        Ok(())
    });
}

#[test]
fn what_is_there_before_it_is_watched_is_told() {
    run(async {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"early").unwrap();
        Watcher::new(reader)?.readable().await
    });
}

#[test]
fn a_full_pipe_is_writable_again_when_it_was_read() {
    run(async {
        let (reader, writer) = io::pipe().unwrap();
        let (reader, writer) = (Watcher::new(reader)?, Watcher::new(writer)?);
        let writing = spawn(async move {
            let data = vec![9; 500_000];
            let mut sent = 0;
            while sent < data.len() {
                sent += writer.write_with(|pipe| (&*pipe).write(&data[sent..])).await?;
            }
            // The descriptor comes back, and with it the end of the pipe is ours to close.
            drop(writer.into_inner());
            Ok::<(), Error>(())
        });
        let (mut total, mut buffer) = (0, vec![0; 4096]);
        loop {
            match reader.read_with(|pipe| (&*pipe).read(&mut buffer)).await? {
                0 => break,
                count => total += count,
            }
        }
        assert_eq!(total, 500_000);
        writing.await?
    });
}

#[test]
fn a_pipe_is_not_writable_while_it_is_full() {
    run(async {
        let (mut reader, writer) = io::pipe().unwrap();
        let writer = Watcher::new(writer)?;
        writer.writable().await?;
        while writer.try_io(Direction::Write, |pipe| (&*pipe).write(&[0; 4096])).is_ok() {}
        assert!(timeout(Duration::from_millis(10), writer.writable()).await.is_err(), "it is full");
        reader.read_exact(&mut vec![0; 64 * 1024]).unwrap();
        writer.writable().await
    });
}

#[test]
fn several_tasks_wait_and_none_is_forgotten() {
    run(async {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Rc::new(Watcher::new(reader)?);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let reader = reader.clone();
                spawn(async move { reader.read_with(|pipe| (&*pipe).read(&mut [0; 1])).await })
            })
            .collect();
        sleep(Duration::from_millis(2)).await;
        writer.write_all(b"xyz").unwrap();
        for task in tasks {
            assert_eq!(task.await??, 1);
        }
        Ok(())
    });
}

#[test]
fn a_regular_file_cannot_be_watched_and_the_error_says_so() {
    run(async {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let error = Watcher::new(file).unwrap_err().to_string();
        assert!(error.starts_with("cannot watch a descriptor: "), "{error}");
        Ok(())
    });
}

#[test]
fn the_number_of_a_dropped_descriptor_can_be_watched_again() {
    run(async {
        for _ in 0..20 {
            let (reader, mut writer) = io::pipe().unwrap();
            // A duplicate keeps the pipe open, and must not keep the registration.
            let duplicate = reader.try_clone().unwrap();
            drop(Watcher::new(reader)?);
            let again = Watcher::new(duplicate)?;
            writer.write_all(b"x").unwrap();
            again.readable().await?;
        }
        Ok(())
    });
}
