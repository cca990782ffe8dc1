//! The other end: rustls' buffered connection, whose bytes are changed on their way.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::time::Duration;

use lem_rs::{ReadMode, TcpStream, timeout};
use rustls::Connection;

use crate::contexts::Ends;

/// What happens to a record on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireEdit {
    /// Nothing.
    Keep,
    /// Some bits of one byte are flipped.
    Flip(u16, u8),
    /// Something is put in, before it or in the middle.
    Insert(u16, Vec<u8>),
    /// So many bytes are missing from a place on.
    Remove(u16, u8),
    /// It comes twice.
    Twice,
    /// It is cut into records of so many bytes each. Before there are keys that is allowed.
    Fragment(u8),
    /// It comes in two pieces, with a while in between.
    Pause(u16),
}

/// rustls' buffered connection on a plain stream.
pub struct Peer {
    tls: Connection,
    stream: TcpStream,
}

/// Longer than any fault lasts. Then the other end does not want it, or has nothing to say.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than an answer takes where nothing goes wrong.
const SOON: Duration = Duration::from_millis(50);

impl Peer {
    /// Nothing is said yet.
    pub fn new(ends: &Ends, stream: TcpStream) -> Self {
        let mut tls = ends.connection();
        tls.set_buffer_limit(None);
        Self { tls, stream }
    }

    /// The handshake, with the records that go out changed; whether it is done.
    pub async fn shake_hands(&mut self, edits: Vec<WireEdit>) -> bool {
        let mut edits = VecDeque::from(edits);
        loop {
            for record in records(&self.ciphertext()) {
                let edit = edits.pop_front().unwrap_or(WireEdit::Keep);
                for piece in edit.apply(record) {
                    if !self.write(&piece).await {
                        return false;
                    }
                }
            }
            if !self.tls.is_handshaking() {
                return true;
            }
            if !self.hear().await {
                return false;
            }
        }
    }

    /// Waits for what the other end says; whether there was anything, and rustls was content with it.
    pub async fn hear(&mut self) -> bool {
        let Ok(Ok(bytes)) = timeout(PATIENCE, self.stream.read(ReadMode::Available)).await else { return false };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (Ok(_), Ok(state)) = (self.tls.read_tls(&mut rest), self.tls.process_new_packets()) else {
                return false;
            };
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            // So many bytes are there.
            let _ = self.tls.reader().read_exact(&mut plain);
        }
        true
    }

    /// Takes what is there to be heard, if anything comes soon; false if rustls is not content with it.
    pub async fn hear_now(&mut self) -> bool {
        timeout(SOON, self.hear()).await.unwrap_or(true)
    }

    /// Seals this, in records.
    pub fn seal(&mut self, content: &[u8]) {
        self.tls.writer().write_all(content).expect("there is no limit");
    }

    /// Seals a request for new keys; in TLS 1.2 there is none.
    pub fn renew_keys(&mut self) -> bool {
        self.tls.refresh_traffic_keys().is_ok()
    }

    /// Seals a goodbye.
    pub fn say_goodbye(&mut self) {
        self.tls.send_close_notify();
    }

    /// Sends what was sealed; false if the other end does not want it.
    pub async fn flush(&mut self) -> bool {
        let bytes = self.ciphertext();
        self.write(&bytes).await
    }

    /// Sends what was not sealed.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        matches!(timeout(PATIENCE, self.stream.write(bytes)).await, Ok(Ok(())))
    }

    fn ciphertext(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).expect("a vector takes everything");
        }
        bytes
    }
}

const HEADER: usize = 5;

/// Cut where the headers say.
fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.get(3..HEADER).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        let (record, rest) = bytes.split_at((HEADER + length).min(bytes.len()));
        records.push(record.to_vec());
        bytes = rest;
    }
    records
}

impl WireEdit {
    /// What is written instead, piece by piece.
    fn apply(self, mut record: Vec<u8>) -> Vec<Vec<u8>> {
        let within = |at: u16| usize::from(at) % (record.len() + 1);
        match self {
            Self::Keep => {}
            Self::Flip(at, mask) => {
                let at = within(at);
                record.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= mask);
            }
            Self::Insert(at, bytes) => {
                let at = within(at);
                record.splice(at..at, bytes);
            }
            Self::Remove(at, count) => {
                let at = within(at);
                record.drain(at..(at + usize::from(count)).min(record.len()));
            }
            Self::Twice => record.extend_from_within(..),
            Self::Fragment(size) => {
                let (header, body) = record.split_at(HEADER.min(record.len()));
                let fragment = |part: &[u8]| {
                    let length = (part.len() as u16).to_be_bytes();
                    [&header[..3.min(header.len())], &length, part].concat()
                };
                record = body.chunks(usize::from(size).max(1)).flat_map(fragment).collect();
            }
            Self::Pause(at) => {
                let (first, second) = record.split_at(within(at));
                return vec![first.to_vec(), second.to_vec()];
            }
        }
        vec![record]
    }
}
