//! The other end: rustls' buffered connection, and exact control over how its bytes reach us.

use std::io::{Read, Write};

use lem_ssl_rs::{ReadMode, UnixStream};
use rustls::Connection;

use super::Beat;

/// How the peer's ciphertext is cut into pieces; we see each before the next is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cuts {
    /// As the protocol wrote it.
    Whole,
    /// Once, after so many bytes of the whole conversation.
    At(usize),
    /// Into pieces of so many bytes.
    Every(usize),
}

/// How the peer goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a FIN behind what it sent; what we send is received and ignored.
    Fin,
    /// Its socket is closed at once: a reset, if it has not read everything.
    Gone,
}

pub(crate) struct Peer {
    pub(crate) tls: Connection,
    /// `None` when the peer has gone away.
    wire: Option<UnixStream>,
    cuts: Cuts,
    /// After so many bytes of ciphertext it goes away.
    stop: Option<(usize, End)>,
    /// Bytes of ciphertext that it has sent.
    pub(crate) sent: usize,
    /// What it was told.
    pub(crate) plaintext: Vec<u8>,
    /// Why it gave up.
    pub(crate) failure: Option<rustls::Error>,
    /// Our `close_notify` has arrived.
    pub(crate) clean_end: bool,
    beat: Beat,
}

impl Peer {
    pub(crate) async fn new(tls: Connection, wire: UnixStream) -> Self {
        Self {
            tls,
            wire: Some(wire),
            cuts: Cuts::Whole,
            stop: None,
            sent: 0,
            plaintext: Vec::new(),
            failure: None,
            clean_end: false,
            beat: Beat::new(),
        }
    }

    pub(crate) fn cut(mut self, cuts: Cuts) -> Self {
        self.cuts = cuts;
        self
    }

    pub(crate) fn stop(mut self, after: usize, end: End) -> Self {
        self.stop = Some((after, end));
        self
    }

    /// Waits until we have seen what was sent.
    pub(crate) async fn beat(&self) {
        self.beat.once().await;
    }

    /// The ciphertext that it would send now.
    pub(crate) fn ciphertext(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Sends what the protocol wants to send. False when it has gone away.
    pub(crate) async fn flush(&mut self) -> bool {
        let bytes = self.ciphertext();
        self.send(&bytes).await
    }

    /// Sends bytes as they are, cut as it was told.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        let allowed = match self.stop {
            Some((after, _)) => bytes.len().min(after - self.sent),
            None => bytes.len(),
        };
        let mut rest = &bytes[..allowed];
        while !rest.is_empty() {
            let length = match self.cuts {
                Cuts::Whole => rest.len(),
                Cuts::At(offset) if offset > self.sent => rest.len().min(offset - self.sent),
                Cuts::At(_) => rest.len(),
                Cuts::Every(length) => rest.len().min(length),
            };
            let (piece, after) = rest.split_at(length);
            let Some(wire) = &self.wire else { return false };
            if wire.write(piece).await.is_err() {
                self.go(End::Fin);
                return false;
            }
            self.sent += length;
            rest = after;
            self.beat().await;
        }
        if let Some((after, end)) = self.stop
            && self.sent == after
        {
            self.go(end);
        }
        self.wire.is_some()
    }

    /// Goes away.
    pub(crate) fn go(&mut self, end: End) {
        if let Some(wire) = self.wire.take() {
            match end {
                End::Fin => drop(wire),
                End::Gone => wire.abort(),
            }
        }
    }

    /// Ends its sending side on the socket.
    pub(crate) fn fin(&self) {
        if let Some(wire) = &self.wire {
            wire.close_write().unwrap();
        }
    }

    /// Receives once. False when nothing will come any more.
    pub(crate) async fn receive(&mut self) -> bool {
        let Some(wire) = &self.wire else { return false };
        let Ok(bytes) = wire.read(ReadMode::Available).await else {
            return false;
        };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            match self.tls.process_new_packets() {
                Ok(state) => {
                    self.clean_end = state.peer_has_closed();
                    let start = self.plaintext.len();
                    self.plaintext.resize(start + state.plaintext_bytes_to_read(), 0);
                    self.tls.reader().read_exact(&mut self.plaintext[start..]).unwrap();
                }
                Err(error) => {
                    self.failure = Some(error);
                    return false;
                }
            }
        }
        true
    }

    /// Shakes hands. False if that failed; then the reason was sent.
    pub(crate) async fn shake_hands(&mut self) -> bool {
        while self.tls.is_handshaking() {
            if !self.flush().await || (self.tls.is_handshaking() && !self.receive().await) {
                self.flush().await;
                return false;
            }
        }
        self.flush().await
    }

    /// Sends `content` in one record, if it fits.
    pub(crate) async fn write(&mut self, content: &[u8]) -> bool {
        self.tls.writer().write_all(content).unwrap();
        self.flush().await
    }

    /// Receives until it was told `content`.
    pub(crate) async fn expect(&mut self, content: &[u8]) -> bool {
        while self.plaintext.len() < content.len() {
            if !self.receive().await {
                return false;
            }
        }
        assert_eq!(self.plaintext, content);
        true
    }

    /// Says goodbye, and ends its sending side.
    pub(crate) async fn finish(&mut self) -> bool {
        self.tls.send_close_notify();
        let there = self.flush().await;
        self.fin();
        there
    }

    /// Receives until our end.
    pub(crate) async fn drain(&mut self) {
        while self.receive().await {}
    }
}
