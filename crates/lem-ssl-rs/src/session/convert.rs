//! From a finished handshake to records of our own.
//!
//! rustls gives up a connection for its secrets when nothing waits to be sent, and forgets whatever else it holds: content
//! that came, an end that came, a part of a message, an answer to new keys. So it is shown no record behind the
//! handshake: [`Next::Ours`](super::open::Next::Ours) says that it has seen none.

use rustls::SupportedCipherSuite;

use super::agreed::Facts;
use super::record::{HEADER, MAX_CONTENT};
use super::{End, Ours, Session};
use crate::record_layer::{RecordLayer, can_be_ours};

/// How records become ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conversion {
    /// How much goes into one record.
    max_content: u16,
}

impl Conversion {
    /// What is to become of a connection with such a configuration; `None` if rustls keeps its records.
    pub(super) fn of(layer: RecordLayer, gives_secrets: bool, max_fragment_size: Option<usize>) -> Option<Self> {
        // rustls counts the header with the fragment.
        let max_content = max_fragment_size.map_or(MAX_CONTENT, |size| size.saturating_sub(HEADER));
        let can = layer == RecordLayer::Own && gives_secrets;
        can.then_some(Self { max_content: max_content.clamp(1, MAX_CONTENT) as u16 })
    }
}

impl Session {
    /// Takes the records over, if they can be ours. They stay with rustls otherwise, for good.
    pub(super) fn convert(&mut self) {
        let (Some(conversion), Some(common)) = (self.conversion, self.common()) else { return };
        let (facts, suite) = (Facts::of(common), common.negotiated_cipher_suite());
        self.conversion = None;
        let Some(SupportedCipherSuite::Tls13(suite)) = suite else { return };
        if !can_be_ours(suite) {
            return;
        }
        let taken = match std::mem::replace(&mut self.end, End::Lost) {
            End::Rustls(connection) if connection.tells_next_keys() => {
                connection.into_records(suite, conversion.max_content)
            }
            end => {
                self.end = end;
                return;
            }
        };
        // It was asked whether it would give them.
        debug_assert!(taken.is_ok());
        if let Ok(records) = taken {
            self.end = End::Ours(Box::new(Ours { records, facts }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_quiet_server_keeps_for_its_records_is_half_of_an_aead_object() {
        assert!(size_of::<Ours>() <= 400, "{} bytes", size_of::<Ours>());
    }
}
