//! An end survives a peer that speaks the protocol well, and then does not: any record of the handshake may be changed,
//! the encrypted ones before they are sealed with the right keys. What is read is what was sealed.

#![no_main]

use std::cell::RefCell;
use std::rc::Rc;

use lem_rs::{ReadMode, TcpStream};
use lem_ssl_fuzz::tamper::{self, Edit};
use lem_ssl_fuzz::{Bytes, Ends, Peer, Role, WireEdit, meet, meet_honestly};
use libfuzzer_sys::fuzz_target;

/// What happens to the records, in order: to those on the wire, and to those that are sealed.
fn plan(bytes: &mut Bytes<'_>) -> (Vec<WireEdit>, Vec<Edit>) {
    let (mut wire, mut sealed) = (Vec::new(), Vec::new());
    while let Some(first) = bytes.next() {
        match first % 16 {
            0 => wire.push(WireEdit::Keep),
            1 => wire.push(WireEdit::Flip(bytes.short(), bytes.byte())),
            2 => wire.push(WireEdit::Insert(bytes.short(), bytes.chunk().to_vec())),
            3 => wire.push(WireEdit::Remove(bytes.short(), bytes.byte())),
            4 => wire.push(WireEdit::Twice),
            5 => wire.push(WireEdit::Fragment(bytes.byte())),
            6 => wire.push(WireEdit::Pause(bytes.short())),
            7 | 8 => sealed.push(Edit::Keep),
            9 => sealed.push(Edit::Kind(bytes.byte())),
            10 => sealed.push(Edit::Flip(bytes.short(), bytes.byte())),
            11 => sealed.push(Edit::Insert(bytes.short(), bytes.chunk().to_vec())),
            12 => sealed.push(Edit::Cut(bytes.short())),
            13 => sealed.push(Edit::Grow(bytes.short())),
            14 => sealed.push(Edit::Pad(bytes.short())),
            _ => sealed.push(Edit::Replace(bytes.byte(), bytes.chunk().to_vec())),
        }
    }
    (wire, sealed)
}

/// Bits of the first byte, beside those of the role: both ends know each other from before; both meet again afterwards; the
/// world is rough.
const RESUMES: u8 = 8;
const AGAIN: u8 = 16;
const ROUGH: u8 = 128;

const CONTENT: &[u8] = b"one line\nand a half";

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes::new(bytes);
    let (first, seed) = (bytes.byte(), bytes.byte());
    let ends = Rc::new(Ends::new(Role::of(first)));
    let (wire, sealed) = plan(&mut bytes);
    let harmless = wire.iter().all(|edit| *edit == WireEdit::Keep) && sealed.iter().all(|edit| *edit == Edit::Keep);
    if first & RESUMES != 0 {
        meet_honestly(&ends);
    }
    tamper::clear();
    tamper::plan(sealed);

    let got: Rc<RefCell<Vec<u8>>> = Rc::default();
    let (read, near, far) = (got.clone(), ends.clone(), ends.clone());
    let ours = move |stream: TcpStream| async move {
        let shaken = near.shake_hands(stream).await;
        match shaken {
            Ok(stream) => {
                loop {
                    match stream.read(ReadMode::Available).await {
                        Ok(bytes) => read.borrow_mut().extend(bytes),
                        Err(error) => break assert!(!harmless || stream.close_cause().is_some(), "{error}"),
                    }
                }
                // Whether it is heard is the peer's choice.
                let _ = stream.write("an answer").await;
                let _ = stream.shutdown().await;
            }
            Err(error) => assert!(!harmless, "an honest peer is refused: {error}"),
        }
    };
    meet(seed, first & ROUGH != 0, ours, |stream| async move {
        let mut peer = Peer::new(&far, stream);
        if peer.shake_hands(wire).await {
            peer.seal(CONTENT);
            peer.say_goodbye();
            while peer.flush().await && peer.hear().await {}
        }
    });

    let got = got.take();
    let sealed: Vec<u8> =
        tamper::take_sealed().into_iter().filter(|one| one.kind == 23).flat_map(|one| one.content).collect();
    assert!(sealed.starts_with(&got), "read {got:?} of {sealed:?}");
    assert!(!harmless || got == CONTENT);
    // A client may hold a session that a hostile server has made useless: the next handshake fails then, and is its own
    // affair.
    if first & AGAIN != 0 && ends.role.serves {
        meet_honestly(&ends);
    }
});
