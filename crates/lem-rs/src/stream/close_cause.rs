//! Why a stream is closed.

use super::inner::Inner;
use super::transport::Transport;
use crate::error::EndOfStream;

/// Why a stream is closed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CloseCause {
    /// We closed it.
    Local,
    /// The peer's side ended, in this way, before we closed ours.
    Peer(EndOfStream),
}

pub(super) fn close_cause<T: Transport>(inner: &Inner<T>) -> Option<CloseCause> {
    match inner.end_of_stream() {
        Some(end) => Some(CloseCause::Peer(end)),
        None => inner.is_closed().then_some(CloseCause::Local),
    }
}
