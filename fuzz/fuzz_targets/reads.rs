//! A stream gives every read what a naive splitter gives, however the bytes arrive, and with interrupts in between.

#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use lem_rs::{Error, InputBuffer, Machine, Plain, ReadMode, Source, Stream, StreamOptions, spawn, yield_now};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Read(ReadMode),
    Interrupt,
}

/// Reads a program out of bytes: simple, so that a corpus stays readable.
fn program(mut bytes: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = rest;
        steps.push(match first % 6 {
            0 | 1 => {
                let count = usize::from(first / 6).min(bytes.len());
                let (data, rest) = bytes.split_at(count);
                bytes = rest;
                Step::Send(data.to_vec())
            }
            2 => Step::Read(ReadMode::Line),
            3 => Step::Read(ReadMode::Exact(usize::from(first / 6))),
            4 => Step::Read(ReadMode::Available),
            _ => Step::Interrupt,
        });
    }
    steps
}

fuzz_target!(|bytes: &[u8]| {
    let steps = program(bytes);
    let machine = Machine::new().expect("there are descriptors");
    machine
        .run(async {
            let (ours, mut theirs) = UnixStream::pair().expect("there are descriptors");
            let source = Source::adopt(ours).expect("the socket is good");
            let stream =
                Rc::new(Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default()));
            // What was sent and not read.
            let mut model: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Send(data) => {
                        theirs.write_all(&data).expect("so little fits");
                        model.extend(data);
                    }
                    Step::Interrupt => assert!(matches!(stream.interrupt(), Err(Error::NotBusy))),
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
