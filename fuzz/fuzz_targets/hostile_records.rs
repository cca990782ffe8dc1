//! After a proper handshake, a peer seals whatever it likes with the right keys: every content type and length, alerts,
//! messages of the handshake, new keys, nothing at all. Meanwhile our end reads and writes, is interrupted and gives up. What
//! it reads is what was sealed, in order; an end is clean if the peer has said goodbye, and only then.

#![no_main]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{CloseCause, EndOfStream, Error, ReadHalf, ReadMode, TcpStream, sleep, spawn, timeout};
use lem_ssl_fuzz::tamper::{self, Edit, Sealed};
use lem_ssl_fuzz::{Bytes, Ends, Peer, Role, meet, meet_honestly};
use lem_ssl_rs::Tls;
use libfuzzer_sys::fuzz_target;

/// What the peer does.
#[derive(Debug, Clone)]
enum Step {
    /// Seals content, as it should be done; more than a record holds makes several.
    Content(Vec<u8>),
    /// Seals one record, changed.
    Changed(Edit),
    /// Asks for new keys, and uses its own.
    NewKeys,
    /// Says goodbye.
    Goodbye,
    /// Writes something that is not sealed.
    Raw(Vec<u8>),
    /// Sends what was sealed, and takes what there is to hear.
    Hear,
    /// Sends what was sealed, and is silent for so many milliseconds.
    Rest(u16),
}

/// Each step begins with a byte that says which it is.
fn steps(bytes: &mut Bytes<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(first) = bytes.next() {
        steps.push(match first % 16 {
            0 | 1 => Step::Content(bytes.chunk().to_vec()),
            2 => Step::Content(vec![b'x'; bytes.short().into()]),
            3 => Step::Content(vec![b'\n'; bytes.byte().into()]),
            4 => Step::Changed(Edit::Replace(bytes.byte(), bytes.chunk().to_vec())),
            // Some are more interesting than others.
            5 => Step::Changed(Edit::Replace(20 + first / 16 % 6, bytes.chunk().to_vec())),
            6 => Step::Changed(Edit::Replace(21, vec![bytes.byte(), bytes.byte()])),
            7 => Step::Changed(Edit::Replace(22, message(bytes))),
            8 => Step::Changed(Edit::Grow(bytes.short())),
            9 => Step::Changed(Edit::Pad(bytes.short())),
            10 => Step::Changed(Edit::Kind(bytes.byte())),
            11 => Step::NewKeys,
            12 => Step::Goodbye,
            13 => Step::Raw(bytes.chunk().to_vec()),
            14 => Step::Hear,
            _ => Step::Rest(bytes.short()),
        });
    }
    steps
}

/// A message of the handshake, its length right or wrong.
fn message(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let (kind, body) = (bytes.byte(), bytes.chunk());
    let length = (body.len() as u32).to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

/// What our end does.
#[derive(Debug, Clone, Copy)]
struct Habits {
    /// How it reads.
    mode: u8,
    /// How many bytes it writes, at once.
    writes: usize,
    /// How long it waits for each read.
    patience: Option<Duration>,
    /// It ends its side first.
    leaves: bool,
}

fn habits(bytes: &mut Bytes<'_>) -> Habits {
    let (mode, writes, patience) = (bytes.byte(), bytes.short(), bytes.byte());
    Habits {
        mode: mode & 0x7f,
        writes: if writes & 1 == 0 { 0 } else { usize::from(writes) * 4 },
        patience: (patience > 127).then(|| Duration::from_millis(u64::from(patience - 127))),
        // rustls 0.23 has an assertion, in builds with assertions, that no bad record comes after our own goodbye.
        leaves: mode > 0x7f && cfg!(not(debug_assertions)),
    }
}

/// Reads once, in the manner that this is the time for; everything that it got is in `got`.
async fn read(reader: &ReadHalf<Tls>, mode: u8, got: &RefCell<Vec<u8>>) -> Result<(), Error> {
    let mode = match mode % 8 {
        0 | 1 => ReadMode::Available,
        2 => ReadMode::Line,
        3 => ReadMode::Exact(mode.into()),
        4 => ReadMode::Exact(usize::from(mode) * 300),
        5 => ReadMode::All,
        _ => {
            let mut lines = reader.lines();
            for _ in 0..1 + mode / 8 {
                match lines.next().await? {
                    Some(line) => got.borrow_mut().extend(line),
                    None => return Err(Error::Closed),
                }
            }
            return Ok(());
        }
    };
    let bytes = reader.read(mode).await?;
    got.borrow_mut().extend(bytes);
    Ok(())
}

/// Everything until the end. What a mode does not get at the end is read as it is.
async fn read_all(reader: &ReadHalf<Tls>, habits: Habits, got: &RefCell<Vec<u8>>) {
    let mut mode = habits.mode;
    loop {
        let result = match habits.patience {
            Some(patience) => timeout(patience, read(reader, mode, got)).await,
            None => Ok(read(reader, mode, got).await),
        };
        match result {
            Ok(Ok(())) => mode = mode.wrapping_mul(5).wrapping_add(1),
            // The rest of a line that is too long, or too much for everything, is there still.
            Ok(Err(Error::Limit { .. })) => mode = 0,
            Ok(Err(_)) => break,
            Err(late) => assert!(!late.to_string().is_empty()),
        }
    }
    while let Ok(bytes) = reader.read(ReadMode::Available).await {
        got.borrow_mut().extend(bytes);
    }
}

/// Bits of the first byte, beside those of the role: both ends know each other from before; both meet again afterwards; the
/// world is rough.
const RESUMES: u8 = 8;
const AGAIN: u8 = 16;
const ROUGH: u8 = 128;

#[derive(Default)]
struct Outcome {
    got: RefCell<Vec<u8>>,
    cause: RefCell<Option<CloseCause>>,
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes::new(bytes);
    let (first, seed) = (bytes.byte(), bytes.byte());
    let ends = Rc::new(Ends::new(Role::of(first)));
    let habits = habits(&mut bytes);
    let steps = steps(&mut bytes);
    if first & RESUMES != 0 {
        meet_honestly(&ends);
    }
    tamper::clear();

    let outcome: Rc<Outcome> = Rc::default();
    let (told, near) = (outcome.clone(), ends.clone());
    let ours = move |stream: TcpStream| async move {
        let shaken = near.shake_hands(stream).await;
        let (reader, writer) = shaken.expect("the handshake is honest").split();
        let writing = spawn(async move {
            // Whether it is heard is the peer's choice.
            let _ = writer.write(&vec![b'w'; habits.writes]).await;
            if habits.leaves {
                let _ = writer.close();
            }
            writer
        });
        read_all(&reader, habits, &told.got).await;
        *told.cause.borrow_mut() = reader.close_cause();
        if let Some(cause) = reader.close_cause() {
            assert!(!format!("{cause:?}").is_empty());
        }
        reader.abort();
        drop(writing.await.expect("the writer does not panic"));
    };
    let (honest, sealed) = meet_hostile(seed, first & ROUGH != 0, &ends, steps, ours);
    judge(&sealed, honest, &outcome);
    // A client may hold a session that a hostile server has made useless: the next handshake fails then, and is its own
    // affair.
    if first & AGAIN != 0 && ends.role.serves {
        meet_honestly(&ends);
    }
});

/// Whether everything was as it should be, and what was sealed.
fn meet_hostile<F: Future<Output = ()> + 'static>(
    seed: u8,
    rough: bool,
    ends: &Ends,
    steps: Vec<Step>,
    ours: impl FnOnce(TcpStream) -> F + 'static,
) -> (bool, Vec<Sealed>) {
    let mut honest = true;
    let mut sealed = Vec::new();
    meet(seed, rough, ours, |stream| {
        let (honest, sealed) = (&mut honest, &mut sealed);
        async move {
            let mut peer = Peer::new(ends, stream);
            assert!(peer.shake_hands(Vec::new()).await, "the handshake is honest");
            // The handshake's own records.
            tamper::take_sealed();
            let (mut renewals, mut over) = (0, false);
            for step in steps {
                let goes_on = match step {
                    Step::Content(content) => {
                        // Behind a goodbye rustls seals nothing.
                        peer.seal(&content);
                        true
                    }
                    Step::Changed(edit) => {
                        *honest = over && *honest;
                        tamper::plan([edit]);
                        peer.seal(b"?");
                        true
                    }
                    Step::NewKeys => {
                        renewals += 1;
                        // There is a limit to how many a peer puts up with.
                        *honest &= renewals < 8;
                        peer.renew_keys();
                        true
                    }
                    Step::Goodbye => {
                        over = true;
                        peer.say_goodbye();
                        true
                    }
                    Step::Raw(bytes) => {
                        *honest &= bytes.is_empty();
                        peer.flush().await && peer.write(&bytes).await
                    }
                    Step::Hear => peer.flush().await && (!*honest || peer.hear_now().await),
                    Step::Rest(millis) => {
                        let goes_on = peer.flush().await;
                        sleep(Duration::from_millis(millis.into())).await;
                        goes_on
                    }
                };
                if !goes_on {
                    // Our end may have gone; what was written last may be lost with the connection.
                    *honest = false;
                    break;
                }
            }
            *honest &= peer.flush().await;
            *sealed = tamper::take_sealed();
        }
    });
    (honest, sealed)
}

fn judge(sealed: &[Sealed], honest: bool, outcome: &Outcome) {
    let goodbye = sealed.iter().position(|one| one.kind == 21 && one.content.get(1) == Some(&0));
    let upto = goodbye.unwrap_or(sealed.len());
    let content: Vec<u8> =
        sealed[..upto].iter().filter(|one| one.kind == 23).flat_map(|one| one.content.iter().copied()).collect();
    let (got, cause) = (outcome.got.take(), outcome.cause.take());
    assert!(content.starts_with(&got), "read {} bytes of {}, and not the first", got.len(), content.len());
    let clean = matches!(cause, Some(CloseCause::Peer(EndOfStream::Clean)));
    assert!(!clean || goodbye.is_some(), "a clean end without a goodbye");
    assert!(!clean || got == content, "a clean end before everything was read");
    if honest {
        assert_eq!(clean, goodbye.is_some(), "{cause:?}");
        assert!(got == content, "read {} bytes of {}: {cause:?}", got.len(), content.len());
    }
}
