//! From a finished handshake to records of our own.
//!
//! rustls gives up a connection for its secrets when nothing waits to be sent, and forgets whatever else it holds: content
//! that came, an end that came, a part of a message, an answer to new keys. So it is shown no record behind the
//! handshake: [`Next::Ours`](super::open::Next::Ours) says that it has seen none.

use super::agreed::Facts;
use super::record::{HEADER, Kernel, MAX_CONTENT, Records};
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
        let facts = Facts::of(common);
        self.conversion = None;
        let Some(facts) = facts else { return };
        let suite = facts.suite();
        if !can_be_ours(suite) {
            return;
        }
        let taken = match std::mem::replace(&mut self.end, End::Lost) {
            End::Client(connection) => connection.dangerous_into_kernel_connection().and_then(|(secrets, kernel)| {
                Records::new(secrets, Kernel::Client(kernel), suite, conversion.max_content.into())
            }),
            End::Server(connection) => connection.dangerous_into_kernel_connection().and_then(|(secrets, kernel)| {
                Records::new(secrets, Kernel::Server(kernel), suite, conversion.max_content.into())
            }),
            end @ (End::Ours(_) | End::Failed(_) | End::Lost) => {
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
