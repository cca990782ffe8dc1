//! PostgreSQL's `SSLRequest`: eight bytes there, one byte back.

use super::{Dialogue, Refusal, Step};

#[derive(Debug, Default)]
pub(super) struct Postgres {
    asked: bool,
}

/// The length, and the code 80877103 ("Message Formats", `SSLRequest`).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

impl Dialogue for Postgres {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        if !std::mem::replace(&mut self.asked, true) {
            return Ok(Step::Say(SSL_REQUEST.to_vec()));
        }
        let Some(&answer) = received.first() else { return Ok(Step::More) };
        received.remove(0);
        match answer {
            b'S' => Ok(Step::GoAhead),
            b'N' => Err(Refusal("it says that it has no TLS".into())),
            b'E' => Err(Refusal("it answers with an error".into())),
            other => Err(Refusal(format!("it answers {:?}", char::from(other)))),
        }
    }
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
        assert_eq!(answered(b"S"), Ok(Step::GoAhead));
        assert!(answered(b"N").is_err());
        assert!(answered(b"E").is_err());
        assert!(answered(b"\x1b").unwrap_err().0.contains("\\u{1b}"));
    }
}
