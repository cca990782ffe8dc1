//! A stream gives every read what a naive splitter gives, however the bytes arrive, and with interrupts in between.

#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Error, Machine, Plain, ReadMode, Stream, spawn, yield_now};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Read(ReadMode),
    /// So many lines, one after the other, trimmed or not; what was fetched beyond them is given back.
    Lines(u8, bool),
    Interrupt,
}

/// Reads a program out of bytes: simple, so that a corpus stays readable.
fn program(mut bytes: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = rest;
        steps.push(match first % 8 {
            0 | 1 => {
                let count = usize::from(first / 8).min(bytes.len());
                let (data, rest) = bytes.split_at(count);
                bytes = rest;
                Step::Send(data.to_vec())
            }
            2 => Step::Read(ReadMode::Line),
            3 => Step::Read(ReadMode::Exact(usize::from(first / 8))),
            4 => Step::Read(ReadMode::Available),
            5 => Step::Lines(first / 8, false),
            6 => Step::Lines(first / 8, true),
            _ => Step::Interrupt,
        });
    }
    steps
}

/// Reads so many lines, or as many as there are, and compares them with what a naive splitter gives.
async fn lines(stream: &Stream<Plain>, model: &mut Vec<u8>, count: u8, trimmed: bool) {
    let mut lines = stream.lines();
    for _ in 0..count {
        let Some(at) = model.iter().position(|byte| *byte == b'\n') else { break };
        let line: Vec<u8> = model.drain(..=at).collect();
        if !trimmed {
            assert_eq!(lines.next().await.expect("the line is there"), Some(&line[..]));
        } else {
            let line = &line[..at];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match (lines.next_trimmed().await, str::from_utf8(line)) {
                (Ok(Some(got)), Ok(line)) => assert_eq!(got, line),
                (Err(Error::NotText { valid }), Err(error)) => assert_eq!(valid, error.valid_up_to()),
                (got, line) => panic!("{got:?} instead of {line:?}"),
            }
        }
        // What was fetched with it is not to be had otherwise meanwhile.
        match stream.read(ReadMode::Exact(1)).now() {
            Some(Err(Error::Busy)) => assert!(model.contains(&b'\n'), "it holds no line, and is busy"),
            Some(Ok(byte)) => assert_eq!(byte, model.drain(..1).collect::<Vec<_>>()),
            Some(Err(error)) => panic!("a read beside lines: {error}"),
            None => {}
        }
    }
}

/// The first poll of a future, which is dropped then.
trait Now: Future + Sized {
    fn now(self) -> Option<Self::Output> {
        let mut future = std::pin::pin!(self);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

impl<F: Future> Now for F {}

fuzz_target!(|bytes: &[u8]| {
    let steps = program(bytes);
    let machine = Machine::new().expect("there are descriptors");
    machine
        .run(async {
            let (ours, mut theirs) = UnixStream::pair().expect("there are descriptors");
            let source = Source::adopt(ours).expect("the socket is good");
            let stream = Rc::new(Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default()));
            // What was sent and not read.
            let mut model: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Send(data) => {
                        theirs.write_all(&data).expect("so little fits");
                        model.extend(data);
                    }
                    Step::Interrupt => assert!(matches!(stream.interrupt(), Err(Error::NotBusy))),
                    Step::Lines(count, trimmed) => lines(&stream, &mut model, count, trimmed).await,
                    Step::Read(mode) => {
                        let expected = match mode {
                            ReadMode::Line => model.iter().position(|byte| *byte == b'\n').map(|at| at + 1),
                            ReadMode::Exact(count) => (count <= model.len()).then_some(count),
                            _ => (!model.is_empty()).then_some(model.len()),
                        };
                        let reader = stream.clone();
                        let mut read = spawn(async move { reader.read(mode).await });
                        match expected {
                            Some(count) => {
                                let got = (&mut read).await.expect("no panic").expect("the data is there");
                                // What is available may come in parts.
                                let count = if mode == ReadMode::Available { got.len() } else { count };
                                assert!(count > 0 || mode == ReadMode::Exact(0));
                                assert_eq!(got, model.drain(..count).collect::<Vec<_>>());
                            }
                            None => {
                                while !stream.is_busy() {
                                    yield_now().await;
                                }
                                stream.interrupt().expect("it waits");
                                assert!(matches!(read.await.expect("no panic"), Err(Error::Interrupted)));
                            }
                        }
                    }
                }
            }
            drop(theirs);
            let rest = stream.read(ReadMode::All).await.expect("the end is clean");
            assert_eq!(rest, model);
        })
        .expect("the machine is not stalled");
});
