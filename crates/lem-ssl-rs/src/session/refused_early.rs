//! Early data that a server refuses: each of their records is tried once, and dropped (RFC 8446 section 4.2.10).
//!
//! rustls would try all that it has passed over again with each further record, and count them again. So it sees none of
//! them, or the first only: that of a session that is resumed, where it alone knows whether early data are accepted.

use rustls::{CommonState, SupportedCipherSuite};

use super::client_hello::{message_length, offers_early_data};
use super::record::{HEADER, MAX_CONTENT, MAX_SEALED};
use crate::early_keys::{EarlyKeys, EarlySecrets};

/// What a server knows of a client's early data.
#[derive(Debug)]
pub(super) struct RefusedEarly {
    stage: Stage,
    /// How much may be skipped yet.
    left: usize,
}

#[derive(Debug)]
enum Stage {
    /// The client has not said yet whether it sends some. Its hello so far, if that is cut up, without headers of records.
    Awaited(Vec<u8>),
    /// It may, and is to be answered.
    Offered,
    /// They are refused, or, in a session that is resumed, may be.
    Skipped(Box<EarlyKeys>),
    /// There are none, or they are over.
    Over,
}

/// What is to become of a record.
pub(super) enum Fate {
    /// rustls is to see it.
    Shown,
    /// As [`Shown`](Self::Shown), and it is to be [tried](RefusedEarly::try_again) if rustls makes nothing of it. A copy, since
    /// rustls opens it in place.
    ShownFirst(Vec<u8>),
    /// It was refused early data.
    Dropped,
    /// As [`Dropped`](Self::Dropped), but there were too many before.
    TooMuch,
    /// It is [too short](is_too_short), or of a kind that no client sends there: rustls would pass over any number of them, and
    /// try each again with the next.
    Unexpected,
}

impl RefusedEarly {
    /// On a server that receives so much early data.
    pub(super) fn beside(max_early_data: u32) -> Self {
        // A server that receives none skips as much as a record holds: what a client may send of a session that it has from
        // another server is not known here.
        let left = if max_early_data == 0 { MAX_CONTENT } else { max_early_data as usize };
        Self { stage: Stage::Awaited(Vec::new()), left }
    }

    /// What is to become of a record that rustls has not seen.
    #[inline]
    pub(super) fn judge(&mut self, record: &[u8]) -> Fate {
        match &self.stage {
            Stage::Over => Fate::Shown,
            _ => self.judge_early(record),
        }
    }

    fn judge_early(&mut self, record: &[u8]) -> Fate {
        match &mut self.stage {
            Stage::Awaited(hello) => {
                if let Some(offers) = look_for_offer(hello, record) {
                    self.stage = if offers { Stage::Offered } else { Stage::Over };
                }
                if matches!(self.stage, Stage::Offered) {
                    EarlySecrets::begin();
                }
                Fate::Shown
            }
            Stage::Skipped(_) if is_plain(record) => Fate::Shown,
            Stage::Skipped(_) if !can_be_early(record) => {
                self.stage = Stage::Over;
                // Of what is no record at all rustls says what is wrong.
                if would_be_tried(record) { Fate::Unexpected } else { Fate::Shown }
            }
            Stage::Skipped(keys) if keys.may_be_accepted() => Fate::ShownFirst(record.to_vec()),
            Stage::Skipped(_) => self.skip(record),
            Stage::Offered | Stage::Over => Fate::Shown,
        }
    }

    /// Takes the keys of a client that was answered; to be called when rustls has seen a record.
    #[inline]
    pub(super) fn advance(&mut self, connection: &CommonState) {
        if !matches!(self.stage, Stage::Offered) {
            return;
        }
        let suite = connection.negotiated_cipher_suite().and_then(|suite| match suite {
            SupportedCipherSuite::Tls13(suite) => Some(suite),
            SupportedCipherSuite::Tls12(_) => None,
        });
        // A client that is asked for another hello is not answered yet; rustls skips by the type of records then.
        let keys = EarlySecrets::take().zip(suite).and_then(|(secrets, suite)| EarlyKeys::new(&secrets, suite));
        self.stage = keys.map_or(Stage::Over, |keys| Stage::Skipped(Box::new(keys)));
    }

    /// What is to become of a record that was [shown first](Fate::ShownFirst). `is_taken` says whether rustls has made
    /// anything of it.
    pub(super) fn try_again(&mut self, record: &[u8], is_taken: bool) -> Fate {
        if is_taken {
            self.stage = Stage::Over;
            return Fate::Shown;
        }
        let fate = self.skip(record);
        if let Stage::Skipped(keys) = &mut self.stage {
            keys.refuse_early();
        }
        fate
    }

    fn skip(&mut self, record: &[u8]) -> Fate {
        let Stage::Skipped(keys) = &mut self.stage else { return Fate::Shown };
        let sealed = &record[HEADER..];
        if keys.is_handshake(sealed) {
            self.stage = Stage::Over;
            return Fate::Shown;
        }
        if is_too_short(record) {
            return Fate::Unexpected;
        }
        let size = sealed.len().saturating_sub(MIN_SEALED);
        // One without content costs as much.
        match self.left.checked_sub(size.max(1)) {
            Some(left) => {
                self.left = left;
                Fate::Dropped
            }
            None => Fate::TooMuch,
        }
    }
}

/// Whether the hello that this record ends offers early data; `None` if it ends none.
fn look_for_offer(hello: &mut Vec<u8>, record: &[u8]) -> Option<bool> {
    let content = if record[0] == HANDSHAKE { &record[HEADER..] } else { &[] };
    let whole = |bytes: &[u8]| message_length(bytes).and_then(|length| bytes.get(..length).map(offers_early_data));
    if hello.is_empty()
        && let Some(offers) = whole(content)
    {
        return Some(offers);
    }
    hello.extend_from_slice(content);
    whole(hello)
}

/// Whether nothing can be sealed in this record: a type and a tag do not fit (RFC 8446 section 5.2).
#[inline]
pub(super) fn is_too_short(record: &[u8]) -> bool {
    record.len() < HEADER + MIN_SEALED && record[0] == CONTENT
}

/// Whether rustls takes a record for one in the clear.
fn is_plain(record: &[u8]) -> bool {
    record[0] == CHANGE_CIPHER_SPEC || (record[0] == ALERT && record.len() <= HEADER + 2)
}

/// Whether a record looks like one that is sealed.
fn can_be_early(record: &[u8]) -> bool {
    matches!(record, [CONTENT, 3, ..]) && record.len() <= HEADER + MAX_SEALED
}

/// Whether rustls, which looks at no type there, would try to open it.
fn would_be_tried(record: &[u8]) -> bool {
    matches!(record, [CHANGE_CIPHER_SPEC..=HEARTBEAT, 3, ..]) && record.len() <= HEADER + MAX_TRIED
}

/// The type of a record that changes ciphers.
const CHANGE_CIPHER_SPEC: u8 = 20;

/// The type of a record with an alert.
const ALERT: u8 = 21;

/// The type of a record with handshake messages.
const HANDSHAKE: u8 = 22;

/// The type of a record with content, or with whatever is sealed.
const CONTENT: u8 = 23;

/// The last type that rustls knows (RFC 6520).
const HEARTBEAT: u8 = 24;

/// What follows the header at most for rustls, which goes by TLS 1.2 there (RFC 5246 section 6.2.3).
const MAX_TRIED: usize = (1 << 14) + 2048;

/// The type of what is sealed, and the tag.
const MIN_SEALED: usize = 1 + 16;
