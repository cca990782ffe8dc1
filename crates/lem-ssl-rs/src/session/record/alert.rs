//! The peer's alerts (RFC 8446 section 6).

use rustls::{AlertDescription, InvalidMessage};

use super::violation::Violation;

/// What an alert of the peer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// `close_notify`: its data is complete.
    End,
    /// `user_canceled`, which means nothing without the `close_notify` that follows.
    Nothing,
}

/// Level and description of our own.
pub(super) const CLOSE_NOTIFY: [u8; 2] = [WARNING, 0];

const WARNING: u8 = 1;

const FATAL: u8 = 2;

/// A fatal alert of ours.
pub(super) fn fatal(description: AlertDescription) -> [u8; 2] {
    [FATAL, u8::from(description)]
}

/// Reads an alert: one in a record, whole (section 5.1).
///
/// # Errors
/// For every alert that tells of an error: those end the connection, whatever their level (section 6).
pub(super) fn read(content: &[u8]) -> Result<Told, Violation> {
    let &[level, description] = content else {
        let error = if content.is_empty() {
            return Err(Violation::new(InvalidMessage::InvalidEmptyPayload, AlertDescription::UnexpectedMessage));
        } else if content.len() < 2 {
            InvalidMessage::MissingData("AlertDescription")
        } else {
            InvalidMessage::TrailingData("alert")
        };
        return Err(Violation::unreadable(error));
    };
    let description = AlertDescription::from(description);
    match (level, description) {
        (WARNING | FATAL, AlertDescription::CloseNotify) => Ok(Told::End),
        (WARNING, AlertDescription::UserCanceled) => Ok(Told::Nothing),
        (FATAL, AlertDescription::UserCanceled) => Err(Violation::told(description)),
        // A level that does not exist makes an error no other one, and a goodbye none.
        (_, AlertDescription::CloseNotify | AlertDescription::UserCanceled) => {
            Err(Violation::unknown_level(description))
        }
        _ => Err(Violation::told(description)),
    }
}
