//! What a peer sends after the handshake.

use crate::raw::{ALERT, CONTENT, HANDSHAKE, KEY_UPDATE, RawPeer};

/// Everything that one peer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Whether it is a client, and we are the server.
    pub is_client: bool,
    /// What it sends, in order.
    pub steps: Vec<Step>,
}

/// One thing that a peer sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Content.
    Content(Vec<u8>),
    /// So many bytes of content, with so many bytes of padding.
    Padded(u16, u16),
    /// A record of some type.
    Sealed(u8, Vec<u8>),
    /// As many empty records of this type.
    Empty(u8, u8),
    /// Level and description.
    Alert(u8, u8),
    /// As many new keys.
    NewKeys(u8),
    /// New keys, in two records.
    NewKeysInParts(u8),
    /// A message of this type, with a body, and so many bytes more said of it than there are.
    Message(u8, Vec<u8>, u8),
    /// A record whose byte at a place is changed by these bits.
    Flipped(u16, u8),
    /// Bytes that nobody has sealed.
    Raw(Vec<u8>),
    /// `close_notify`.
    Goodbye,
}

/// More would only take time.
const MAX_STEPS: usize = 40;

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn chunk(&mut self) -> Vec<u8> {
        let count = usize::from(self.byte() % 40);
        (0..count).map_while(|_| self.next()).collect()
    }
}

impl Script {
    /// Every byte is a decision.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes);
        let is_client = bytes.byte() & 1 == 0;
        let mut steps = Vec::new();
        while let Some(first) = bytes.next()
            && steps.len() < MAX_STEPS
        {
            steps.push(match first % 18 {
                0 | 1 => Step::Content(bytes.chunk()),
                2 => Step::Padded(bytes.short() % 17_000, bytes.short() % 700),
                3 => Step::Sealed(bytes.byte(), bytes.chunk()),
                4 => Step::Sealed(20 + bytes.byte() % 6, bytes.chunk()),
                5 => Step::Empty(20 + bytes.byte() % 5, bytes.byte() % 40),
                6 => Step::Alert(bytes.byte() % 4, bytes.byte()),
                7 => Step::Alert(1, 90),
                8 => Step::NewKeys(1),
                9 => Step::NewKeys(bytes.byte() % 40),
                10 => Step::NewKeysInParts(1 + bytes.byte() % 4),
                11 => Step::Message(if bytes.byte() & 1 == 0 { 4 } else { 24 }, bytes.chunk(), 0),
                12 => Step::Message(bytes.byte(), bytes.chunk(), bytes.byte() % 4),
                13 => Step::Message(4, ticket(bytes.byte(), bytes.byte()), 0),
                14 => Step::Flipped(bytes.short(), bytes.byte()),
                15 => Step::Flipped(bytes.short() % 5, 1 << (bytes.byte() % 8)),
                16 => Step::Raw(bytes.chunk()),
                _ => Step::Goodbye,
            });
        }
        Self { is_client, steps }
    }

    /// The bytes on the wire, under the keys of this peer.
    pub(super) fn seal(&self, peer: &mut RawPeer) -> Vec<u8> {
        self.steps.iter().flat_map(|step| step.seal(peer)).collect()
    }
}

/// A ticket that can be read, but for one byte.
fn ticket(at: u8, flip: u8) -> Vec<u8> {
    let mut ticket = vec![0, 0, 1, 0, 0, 0, 0, 0, 1, 7, 0, 3, 1, 2, 3, 0, 0];
    let at = usize::from(at) % (ticket.len() + 20);
    if let Some(byte) = ticket.get_mut(at) {
        *byte ^= flip;
    }
    ticket
}

/// The content of a record that is changed, and how long that makes it: header, content, type, tag.
const FLIPPED: &[u8] = b"flipped";
const FLIPPED_RECORD: usize = 5 + FLIPPED.len() + 1 + 16;

impl Step {
    /// Where the record is changed, if it is.
    pub(super) fn changed_at(&self) -> Option<usize> {
        match self {
            Self::Flipped(at, bits) if *bits > 0 => Some(usize::from(*at) % FLIPPED_RECORD),
            _ => None,
        }
    }

    fn seal(&self, peer: &mut RawPeer) -> Vec<u8> {
        match self {
            Self::Content(content) => peer.seal(CONTENT, content),
            Self::Padded(content, padding) => peer.pad(&vec![7; (*content).into()], (*padding).into()),
            Self::Sealed(kind, content) => peer.seal(*kind, content),
            Self::Empty(kind, count) => (0..*count).flat_map(|_| peer.seal(*kind, &[])).collect(),
            Self::Alert(level, description) => peer.seal(ALERT, &[*level, *description]),
            Self::NewKeys(count) => (0..*count).flat_map(|_| peer.key_update()).collect(),
            Self::NewKeysInParts(at) => {
                let (first, second) = KEY_UPDATE.split_at(usize::from(*at));
                [peer.seal(HANDSHAKE, first), peer.new_keys_with(second)].concat()
            }
            Self::Message(kind, body, more) => {
                let [_, high, middle, low] = (body.len() as u32 + u32::from(*more)).to_be_bytes();
                // Sometimes far more.
                let high = if *more == 3 { 1 } else { high };
                peer.seal(HANDSHAKE, &[&[*kind, high, middle, low], &body[..]].concat())
            }
            Self::Flipped(_, bits) => {
                let mut record = peer.seal(CONTENT, FLIPPED);
                assert_eq!(record.len(), FLIPPED_RECORD);
                if let Some(at) = self.changed_at() {
                    record[at] ^= bits;
                }
                record
            }
            Self::Raw(bytes) => bytes.clone(),
            Self::Goodbye => peer.seal(ALERT, &[1, 0]),
        }
    }
}
