//! What a session keeps so that keying material can be exported from it.

use rustls::KeyLog;

use crate::exporter::{Exporter, may_capture, take_secret};

/// The exporter of a session; of most there is none, so it takes little room there.
pub(super) struct Keying(Option<Box<State>>);

enum State {
    /// It comes with the handshake. In TLS 1.2 it needs the random number of the server's hello.
    Awaited {
        server_random: Option<[u8; 32]>,
    },
    Ready(Exporter),
}

impl Keying {
    pub(super) fn of(key_log: &dyn KeyLog) -> Self {
        Self(may_capture(key_log).then(|| Box::new(State::Awaited { server_random: None })))
    }

    /// Looks for the server's hello at the front of what it has sent.
    pub(super) fn look(&mut self, records: &[u8]) {
        if let Some(State::Awaited { server_random: server_random @ None }) = self.0.as_deref_mut() {
            *server_random = random_of(records);
        }
    }

    /// Takes what a step of the handshake has derived.
    pub(super) fn advance(&mut self) {
        if let Some(state) = self.0.as_deref_mut()
            && let State::Awaited { server_random } = *state
            && let Some(secret) = take_secret()
        {
            *state = State::Ready(Exporter::new(secret, server_random));
        }
    }

    pub(super) fn exporter(&self) -> Option<&Exporter> {
        match self.0.as_deref() {
            Some(State::Ready(exporter)) => Some(exporter),
            Some(State::Awaited { .. }) | None => None,
        }
    }
}

/// The random number of the `ServerHello` (RFC 5246 section 7.4.1.3) that stands in these records, however it is cut up.
fn random_of(mut records: &[u8]) -> Option<[u8; 32]> {
    /// Type and length, and a version.
    const BEFORE: usize = 4 + 2;
    const END: usize = BEFORE + 32;
    let mut hello = Vec::with_capacity(END);
    // A record without content is an error to rustls, so each brings at least a byte.
    while hello.len() < END {
        let (&[kind, _, _, high, low], rest) = records.split_first_chunk()?;
        let (content, after) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        // A warning may stand before it, such as one about the name that was asked for (RFC 6066 section 3).
        if kind == ALERT && hello.is_empty() {
            records = after;
            continue;
        }
        if kind != HANDSHAKE {
            return None;
        }
        hello.extend_from_slice(&content[..content.len().min(END - hello.len())]);
        records = after;
    }
    if hello[0] == SERVER_HELLO { hello[BEFORE..].try_into().ok() } else { None }
}

/// The type of a record with an alert.
const ALERT: u8 = 21;

/// The type of a record with handshake messages.
const HANDSHAKE: u8 = 22;

/// The type of the message.
const SERVER_HELLO: u8 = 2;

#[cfg(test)]
mod tests {
    use super::random_of;

    #[test]
    fn the_random_number_is_found_however_the_hello_is_cut_up() {
        let mut hello = vec![2, 0, 0, 70, 3, 3];
        hello.extend(1..=32_u8);
        hello.extend([0; 38]);
        for size in 1..=hello.len() {
            let records: Vec<u8> =
                hello.chunks(size).flat_map(|part| [&[22, 3, 3, 0, part.len() as u8], part].concat()).collect();
            let random = Some(std::array::from_fn(|at| at as u8 + 1));
            assert_eq!(random_of(&records), random, "{size}");
            let warned = [&[21, 3, 3, 0, 2, 1, 112], &records[..]].concat();
            assert_eq!(random_of(&warned), random, "{size}");
            for end in 0..records.len() {
                random_of(&records[..end]);
            }
        }
        assert_eq!(random_of(&[21, 3, 3, 0, 2, 2, 40]), None);
    }
}
