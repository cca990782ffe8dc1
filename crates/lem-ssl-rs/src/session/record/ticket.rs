//! Tickets that are read and not kept (RFC 8446 section 4.6.1). Those that are kept are read by rustls.

use rustls::InvalidMessage;

use super::violation::Violation;

/// Whether a client may keep this ticket: a lifetime of zero says that it is to be discarded at once. rustls would take
/// that for a lifetime without end.
pub(super) fn is_worth_keeping(body: &[u8]) -> bool {
    !body.starts_with(&[0; LIFETIME])
}

/// Reads a ticket that is not kept.
///
/// # Errors
/// If it is none.
pub(super) fn check(body: &[u8]) -> Result<(), Violation> {
    let error = if body.len() < LIFETIME + AGE_ADD {
        InvalidMessage::MessageTooShort
    } else {
        match split(body) {
            Some(([], _)) => InvalidMessage::EmptyTicketValue,
            Some((_, extensions)) if are_extensions(extensions) => return Ok(()),
            _ => InvalidMessage::MissingData("NewSessionTicket"),
        }
    };
    Err(Violation::unreadable(error))
}

/// The ticket itself, and its extensions.
fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = body.split_at_checked(LIFETIME + AGE_ADD)?;
    let (&nonce, rest) = rest.split_first()?;
    let (_, rest) = rest.split_at_checked(nonce.into())?;
    let (ticket, rest) = split_vector(rest)?;
    let (extensions, rest) = split_vector(rest)?;
    rest.is_empty().then_some((ticket, extensions))
}

fn are_extensions(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(rest) = bytes.get(EXTENSION_TYPE..) else { return false };
        let Some((_, rest)) = split_vector(rest) else { return false };
        bytes = rest;
    }
    true
}

/// Bytes behind their length, and what follows.
fn split_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

const LIFETIME: usize = 4;

const AGE_ADD: usize = 4;

const EXTENSION_TYPE: usize = 2;
