//! LDAP's StartTLS: an extended request (RFC 4511 section 4.14), and whether its answer is a success.

use super::{Dialogue, Refusal, Step, quoted};
use crate::ber::{ENUMERATED, Element, INTEGER, OCTETS, SEQUENCE, element, expect};

#[derive(Debug, Default)]
pub(super) struct Ldap {
    asked: bool,
}

/// The name of the operation.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Answers with a longer diagnosis are nobody's.
const MAX_ANSWER: usize = 8 * 1024;

fn request() -> Vec<u8> {
    // Message 1, ExtendedRequest [APPLICATION 23], requestName [0].
    let name = [&[0x80, 22], START_TLS].concat();
    let operation = [&[0x77, 24], name.as_slice()].concat();
    [&[0x30, 29, 0x02, 1, 1], operation.as_slice()].concat()
}

impl Dialogue for Ldap {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        if !std::mem::replace(&mut self.asked, true) {
            return Ok(Step::Say(request()));
        }
        let no_ldap = || Refusal("what it answers is no LDAP".into());
        let mut rest = received.as_slice();
        let message = match element(&mut rest, MAX_ANSWER) {
            Element::Whole(SEQUENCE, contents) => contents,
            Element::Partial if received.first().is_none_or(|tag| *tag == SEQUENCE) => return Ok(Step::More),
            _ => return Err(no_ldap()),
        };
        let used = received.len() - rest.len();
        let outcome = outcome(message).ok_or_else(no_ldap)?;
        match outcome {
            Ok(()) => {
                received.drain(..used);
                Ok(Step::GoAhead)
            }
            Err((code, diagnosis)) if diagnosis.is_empty() => Err(Refusal(format!("its answer is code {code}"))),
            Err((code, diagnosis)) => Err(Refusal(format!("its answer is code {code}; {}", quoted(&diagnosis)))),
        }
    }
}

const EXTENDED_RESPONSE: u8 = 0x78;

/// What a server says of an operation: success, or a code and a diagnosis. `None`: it is no answer to our message.
fn outcome(mut message: &[u8]) -> Option<Result<(), (u8, Vec<u8>)>> {
    let [1] = expect(&mut message, INTEGER)? else { return None };
    let mut response = expect(&mut message, EXTENDED_RESPONSE)?;
    let &[code] = expect(&mut response, ENUMERATED)? else { return None };
    let _matched = expect(&mut response, OCTETS)?;
    let diagnosis = expect(&mut response, OCTETS)?;
    Some(if code == 0 { Ok(()) } else { Err((code, diagnosis.to_vec())) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &[u8]) -> Result<Step, Refusal> {
        let mut dialogue = Ldap::default();
        assert_eq!(dialogue.handle(&mut Vec::new()), Ok(Step::Say(request())));
        dialogue.handle(&mut answer.to_vec())
    }

    const SUCCESS: &[u8] = &[0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0];

    #[test]
    fn success_is_the_go_ahead_in_either_way_of_writing_lengths() {
        assert_eq!(answered(SUCCESS), Ok(Step::GoAhead));
        let long = [&[0x30, 0x84, 0, 0, 0, 16, 2, 1, 1, 0x78, 0x84, 0, 0, 0, 7], &SUCCESS[7..]].concat();
        assert_eq!(answered(&long), Ok(Step::GoAhead));
        for length in 0..SUCCESS.len() {
            assert_eq!(answered(&SUCCESS[..length]), Ok(Step::More), "{length}");
        }
    }

    #[test]
    fn a_refusal_is_quoted_and_what_is_no_answer_is_refused() {
        let refusal = answered(&[0x30, 14, 2, 1, 1, 0x78, 9, 10, 1, 2, 4, 0, 4, 2, b'n', b'o']).unwrap_err();
        assert_eq!(refusal.0, "its answer is code 2; it says \"no\"");
        for wrong in [
            &b"HTTP/1.1 400"[..],
            &[0x30, 12, 2, 1, 2, 0x78, 7, 10, 1, 0, 4, 0, 4, 0],
            &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x80],
            &[0x30, 0],
        ] {
            assert_eq!(answered(wrong), Err(Refusal("what it answers is no LDAP".into())), "{wrong:?}");
        }
    }
}
