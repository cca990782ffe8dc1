//! Where our records are to do something else than rustls 0.23 does.

use super::script::{Script, Step};
use super::sides::{Outcome, Verdict};
use crate::raw::{ALERT, CONTENT, HANDSHAKE};

/// A difference that is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Difference {
    /// rustls ends the connection and has no alert for it: floods, records within a message, messages of more than 64 KiB,
    /// inner texts without a type. RFC 8446 section 6.2: who detects an error sends an alert.
    RustlsIsMute,
    /// What is not sealed, or says of itself that it is no content, is an unexpected record (RFC 8446 sections 5 and 5.2), and
    /// its header shows it. rustls opens the one in spite of its type, finds the other undecodable, and waits for the rest
    /// of both.
    OuterType,
    /// The version is a part of what the tag covers (section 5.2). rustls ignores it, or part of it.
    OuterVersion,
    /// A record of more than 2^14 + 256 bytes is an overflow (section 5.2), and its header shows it. rustls takes 2^14 + 2047,
    /// waits for them, and has another alert for more.
    Overflow,
    /// A handshake record and an alert without content are unexpected (section 5.4). rustls takes 32 of the first, and cannot
    /// decode the second.
    EmptyMessage,
    /// An alert that tells of an error gets no answer, whatever its level (section 6.2). rustls answers one at any level but
    /// that of errors.
    AnsweredAlert,
    /// A message that this end never gets is unexpected, whether it could be read or not, and its type shows it. rustls reads
    /// all of it first.
    UnexpectedMessage,
    /// A `KeyUpdate` is one byte long (section 4.6.3), and its header shows it. rustls waits for the rest.
    LengthOfKeyUpdate,
    /// Records without content make no new keys bearable. rustls counts anew after each.
    EmptyContentBetweenKeys,
}

impl Difference {
    /// Whether this step can make it. What ours did alone is no argument: that it cannot open a record is right after one
    /// that was changed, and a fault otherwise.
    fn comes_of(self, step: &Step) -> bool {
        match (self, step) {
            // What was not sealed may look like anything, and takes what follows for the rest of it.
            (_, Step::Raw(bytes)) => !bytes.is_empty(),
            (Self::OuterType, Step::Flipped(..)) => step.changed_at() == Some(0),
            (Self::OuterVersion, Step::Flipped(..)) => matches!(step.changed_at(), Some(1 | 2)),
            // Without padding its last byte stands where the type does.
            (Self::OuterType, Step::Padded(_, 0)) => true,
            (Self::Overflow, Step::Flipped(..)) => matches!(step.changed_at(), Some(3 | 4)),
            (Self::OuterType, Step::Sealed(kind, _) | Step::Empty(kind, _)) => !(ALERT..=CONTENT).contains(kind),
            (Self::Overflow, Step::Padded(content, padding)) => content + padding >= 1 << 14,
            (Self::EmptyMessage, Step::Empty(kind, _)) => matches!(*kind, ALERT | HANDSHAKE),
            (Self::EmptyMessage, Step::Sealed(kind, content)) => {
                content.is_empty() && matches!(*kind, ALERT | HANDSHAKE)
            }
            (Self::AnsweredAlert, Step::Alert(..)) => true,
            (Self::AnsweredAlert, Step::Sealed(kind, _)) => *kind == ALERT,
            (Self::UnexpectedMessage | Self::LengthOfKeyUpdate, Step::Message(..) | Step::NewKeysInParts(_)) => true,
            (Self::UnexpectedMessage | Self::LengthOfKeyUpdate, Step::Sealed(kind, _)) => *kind == HANDSHAKE,
            (Self::EmptyContentBetweenKeys, Step::NewKeys(_) | Step::NewKeysInParts(_)) => true,
            // Mute is rustls in many cases, and both have failed then.
            (Self::RustlsIsMute, _) => true,
            _ => false,
        }
    }
}

/// The argument for what ours did with a script, where rustls did something else; `None` if there is none.
pub fn argued(script: &Script, ours: &Outcome, theirs: &Outcome) -> Option<Difference> {
    let difference = shown(ours, theirs)?;
    script.steps.iter().any(|step| difference.comes_of(step)).then_some(difference)
}

/// What the outcomes look like.
fn shown(ours: &Outcome, theirs: &Outcome) -> Option<Difference> {
    use Difference::*;
    const UNEXPECTED: &[u8] = &[10];
    const BAD_RECORD_MAC: &[u8] = &[20];
    const OVERFLOW: &[u8] = &[22];
    const ILLEGAL_PARAMETER: &[u8] = &[47];
    const DECODE_ERROR: &[u8] = &[50];
    let says = |part: &str| ours.reason.contains(part);
    // Whatever ours does more strictly, it never tells what rustls does not tell.
    if !theirs.content.starts_with(&ours.content) {
        return None;
    }
    let same_content = ours.content == theirs.content;
    let both_failed = ours.verdict == Verdict::Protocol && theirs.verdict == Verdict::Protocol;
    if both_failed && same_content && theirs.alerts.is_empty() && ours.alerts.len() == 1 {
        return Some(RustlsIsMute);
    }
    if ours.verdict == theirs.verdict
        && matches!(ours.verdict, Verdict::Alert(_))
        && same_content
        && ours.alerts.is_empty()
        && [DECODE_ERROR, ILLEGAL_PARAMETER].contains(&&theirs.alerts[..])
    {
        return Some(AnsweredAlert);
    }
    if ours.verdict != Verdict::Protocol {
        return None;
    }
    match &ours.alerts[..] {
        UNEXPECTED if says("InvalidContentType") || says("InappropriateMessage") => Some(OuterType),
        UNEXPECTED if says("InvalidEmptyPayload") => Some(EmptyMessage),
        UNEXPECTED if says("InappropriateHandshakeMessage") => Some(UnexpectedMessage),
        UNEXPECTED if says("TooManyKeyUpdateRequests") => Some(EmptyContentBetweenKeys),
        BAD_RECORD_MAC if says("DecryptError") && theirs.verdict != Verdict::Internal => Some(OuterVersion),
        OVERFLOW if says("PeerSentOversizedRecord") => Some(Overflow),
        DECODE_ERROR if says("InvalidKeyUpdate") => Some(LengthOfKeyUpdate),
        _ => None,
    }
}
