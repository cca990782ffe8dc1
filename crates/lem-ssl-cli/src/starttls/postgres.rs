//! PostgreSQL's `SSLRequest`: eight bytes there, one byte back ("Message Formats" in its manual).

use super::{Dialogue, Refusal, Step};

/// The client's side.
#[derive(Debug, Default)]
pub(super) struct Postgres {
    asked: bool,
}

/// The server's side.
#[derive(Debug)]
pub(super) struct PostgresServer;

/// Every first message: its length, and what it is.
const HEAD: usize = 8;

const SSL_REQUEST: [u8; HEAD] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; HEAD] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

/// The code behind the length.
const CANCEL_REQUEST: [u8; 4] = [0x04, 0xd2, 0x16, 0x2e];

/// The highest byte of the versions of the protocol that are spoken.
const VERSION_3: [u8; 2] = [0, 3];

/// A record of a handshake: a client that begins with TLS at once (`sslnegotiation=direct`).
const HANDSHAKE: u8 = 0x16;

impl Dialogue for Postgres {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        if !std::mem::replace(&mut self.asked, true) {
            return Ok(Step::Say(SSL_REQUEST.to_vec()));
        }
        let Some(&answer) = received.first() else { return Ok(Step::More) };
        received.remove(0);
        match answer {
            b'S' => Ok(Step::GoAhead(Vec::new())),
            b'N' => Err(Refusal::new("it says that it has no TLS")),
            b'E' => Err(Refusal::new("it answers with an error")),
            other => Err(Refusal::new(format!("it answers {:?}", char::from(other)))),
        }
    }
}

impl Dialogue for PostgresServer {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        if received.first() == Some(&HANDSHAKE) {
            return Ok(Step::Begun);
        }
        let Some(&head) = received.first_chunk::<HEAD>() else { return Ok(Step::More) };
        received.drain(..HEAD);
        match (head, &head[4..]) {
            (SSL_REQUEST, _) => Ok(Step::GoAhead(b"S".to_vec())),
            // It may ask for that first, and goes on with TLS.
            (GSS_REQUEST, _) => Ok(Step::Say(b"N".to_vec())),
            (_, code) if code == CANCEL_REQUEST => {
                Err(Refusal::new("it wants to cancel a query, in plain text; psql 17 does that in TLS"))
            }
            (_, code) if code.starts_with(&VERSION_3) => {
                Err(Refusal::new("it begins in plain text; sslmode=verify-full asks for TLS").with_farewell(error()))
            }
            _ => Err(Refusal::new("it does not speak PostgreSQL's protocol")),
        }
    }
}

/// An `ErrorResponse` that its user is shown.
fn error() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C28000\0Mconnections without TLS are refused here\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap_or_default().to_be_bytes();
    [&b"E"[..], &length, fields].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_decides() {
        let answered = |answer: &[u8]| {
            let mut dialogue = Postgres::default();
            assert_eq!(dialogue.handle(&mut Vec::new()), Ok(Step::Say(SSL_REQUEST.to_vec())));
            dialogue.handle(&mut answer.to_vec())
        };
        assert_eq!(answered(b""), Ok(Step::More));
        assert_eq!(answered(b"S"), Ok(Step::GoAhead(Vec::new())));
        assert!(answered(b"N").is_err());
        assert!(answered(b"E").is_err());
        assert!(answered(b"\x1b").unwrap_err().why.contains("\\u{1b}"));
    }

    #[test]
    fn a_client_gets_tls_when_it_asks_for_it_and_is_told_so_when_it_does_not() {
        let asked = |received: &[u8]| PostgresServer.handle(&mut received.to_vec());
        for length in 0..HEAD {
            assert_eq!(asked(&SSL_REQUEST[..length]), Ok(Step::More));
        }
        assert_eq!(asked(&SSL_REQUEST), Ok(Step::GoAhead(b"S".to_vec())));
        assert_eq!(asked(&[0x16, 3, 1]), Ok(Step::Begun));
        let mut both = [GSS_REQUEST, SSL_REQUEST].concat();
        assert_eq!(PostgresServer.handle(&mut both), Ok(Step::Say(b"N".to_vec())));
        assert_eq!(PostgresServer.handle(&mut both), Ok(Step::GoAhead(b"S".to_vec())));
        let plain = asked(&[0, 0, 0, 40, 0, 3, 0, 0, b'u']).unwrap_err();
        assert!(plain.farewell.starts_with(b"E\0\0\0") && plain.farewell.ends_with(b"here\0\0"));
        assert!(asked(&[0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e]).unwrap_err().why.contains("cancel"));
        assert!(asked(b"GET / HTTP/1.0").is_err());
    }
}
