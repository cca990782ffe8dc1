//! LDAP's StartTLS: an extended request (RFC 4511 section 4.14), and whether its answer is a success.

use super::{Dialogue, Refusal, Step, quoted};
use crate::ber::{ENUMERATED, Element, INTEGER, OCTETS, SEQUENCE, element, expect};

/// The client's side.
#[derive(Debug, Default)]
pub(super) struct Ldap {
    asked: bool,
}

/// The server's side.
#[derive(Debug)]
pub(super) struct LdapServer;

/// The name of the operation.
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Longer messages are nobody's before TLS.
const MAX_MESSAGE: usize = 8 * 1024;

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
        let no_ldap = || Refusal::new("what it answers is no LDAP");
        let mut rest = received.as_slice();
        let message = match element(&mut rest, MAX_MESSAGE) {
            Element::Whole(SEQUENCE, contents) => contents,
            Element::Partial if received.first().is_none_or(|tag| *tag == SEQUENCE) => return Ok(Step::More),
            _ => return Err(no_ldap()),
        };
        let used = received.len() - rest.len();
        let said = Said::read(message).ok_or_else(no_ldap)?;
        if let (About::Request, SUCCESS) = (said.about, said.code) {
            received.drain(..used);
            return Ok(Step::GoAhead(Vec::new()));
        }
        let what = match said.about {
            About::Request => "its answer is",
            About::Connection => "it ends the connection:",
        };
        let diagnosis = if said.diagnosis.is_empty() { String::new() } else { format!("; {}", quoted(said.diagnosis)) };
        Err(Refusal::new(format!("{what} code {}{diagnosis}", said.code)))
    }
}

const EXTENDED_RESPONSE: u8 = 0x78;

/// A result that a server tells.
struct Said<'a> {
    about: About,
    code: u8,
    diagnosis: &'a [u8],
}

/// What a result is of.
#[derive(Clone, Copy)]
enum About {
    /// Our message.
    Request,
    /// The connection, which ends: a notice of disconnection (RFC 4511 section 4.4.1), the only message with the number 0.
    Connection,
}

impl<'a> Said<'a> {
    /// `None`: it is neither an answer to our message nor a notice.
    fn read(mut message: &'a [u8]) -> Option<Self> {
        let about = match expect(&mut message, INTEGER)? {
            [0] => About::Connection,
            [1] => About::Request,
            _ => return None,
        };
        let mut response = expect(&mut message, EXTENDED_RESPONSE)?;
        let &[code] = expect(&mut response, ENUMERATED)? else { return None };
        let _matched = expect(&mut response, OCTETS)?;
        let diagnosis = expect(&mut response, OCTETS)?;
        Some(Self { about, code, diagnosis })
    }
}

impl Dialogue for LdapServer {
    fn handle(&mut self, received: &mut Vec<u8>) -> Result<Step, Refusal> {
        let no_ldap = || Refusal::new("it does not speak LDAP");
        let mut rest = received.as_slice();
        let mut message = match element(&mut rest, MAX_MESSAGE) {
            Element::Whole(SEQUENCE, contents) => contents,
            Element::Partial if received.first().is_none_or(|tag| *tag == SEQUENCE) => return Ok(Step::More),
            _ => return Err(no_ldap()),
        };
        let id = expect(&mut message, INTEGER).filter(|id| (1..=4).contains(&id.len())).ok_or_else(no_ldap)?.to_vec();
        let Element::Whole(operation, mut contents) = element(&mut message, MAX_MESSAGE) else { return Err(no_ldap()) };
        let asks = operation == EXTENDED_REQUEST && expect(&mut contents, REQUEST_NAME) == Some(START_TLS);
        let answer = answer_of(operation).ok_or_else(|| Refusal::new("it leaves"))?;
        let used = received.len() - rest.len();
        received.drain(..used);
        Ok(if asks {
            Step::GoAhead(response(&id, answer, SUCCESS, b""))
        } else {
            Step::Say(response(&id, answer, CONFIDENTIALITY_REQUIRED, b"StartTLS comes first"))
        })
    }

    /// Messages may be sent ahead, but for the one that asks for TLS.
    fn may_be_told_more(&self) -> bool {
        true
    }
}

const EXTENDED_REQUEST: u8 = 0x77;
const REQUEST_NAME: u8 = 0x80;
const DELETE_REQUEST: u8 = 0x4a;

/// Result codes (RFC 4511 appendix A).
const SUCCESS: u8 = 0;
const CONFIDENTIALITY_REQUIRED: u8 = 13;

/// What the answer to an operation is tagged with; `None` for those that have none, and for what is no operation.
fn answer_of(operation: u8) -> Option<u8> {
    match operation {
        // Bind, modify, add, rename, compare, extended: the next number.
        0x60 | 0x66 | 0x68 | 0x6c | 0x6e | EXTENDED_REQUEST => Some(operation + 1),
        // The end of a search.
        0x63 => Some(0x65),
        DELETE_REQUEST => Some(0x6b),
        _ => None,
    }
}

/// The contents are short: every length is one byte.
fn response(id: &[u8], tag: u8, code: u8, diagnosis: &[u8]) -> Vec<u8> {
    let element = |tag: u8, contents: &[u8]| {
        let mut element = vec![tag, u8::try_from(contents.len()).unwrap_or_default()];
        element.extend_from_slice(contents);
        element
    };
    let result = [&[ENUMERATED, 1, code, OCTETS, 0][..], &element(OCTETS, diagnosis)].concat();
    element(SEQUENCE, &[element(INTEGER, id), element(tag, &result)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &[u8]) -> Result<Step, Refusal> {
        let mut dialogue = Ldap::default();
        assert_eq!(dialogue.handle(&mut Vec::new()), Ok(Step::Say(request())));
        dialogue.handle(&mut answer.to_vec())
    }

    const ANSWER: &[u8] = &[0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0];

    #[test]
    fn success_is_the_go_ahead_in_either_way_of_writing_lengths() {
        assert_eq!(answered(ANSWER), Ok(Step::GoAhead(Vec::new())));
        let long = [&[0x30, 0x84, 0, 0, 0, 16, 2, 1, 1, 0x78, 0x84, 0, 0, 0, 7], &ANSWER[7..]].concat();
        assert_eq!(answered(&long), Ok(Step::GoAhead(Vec::new())));
        for length in 0..ANSWER.len() {
            assert_eq!(answered(&ANSWER[..length]), Ok(Step::More), "{length}");
        }
    }

    #[test]
    fn a_refusal_is_quoted_and_what_is_no_answer_is_refused() {
        let refusal = answered(&[0x30, 14, 2, 1, 1, 0x78, 9, 10, 1, 2, 4, 0, 4, 2, b'n', b'o']).unwrap_err();
        assert_eq!(refusal.why, "its answer is code 2; it says \"no\"");
        let notice = [0x30, 14, 2, 1, 0, 0x78, 9, 10, 1, 52, 4, 0, 4, 2, b'n', b'o'];
        assert_eq!(answered(&notice).unwrap_err().why, "it ends the connection: code 52; it says \"no\"");
        // A notice that tells of a success is no go-ahead.
        assert!(answered(&[0x30, 12, 2, 1, 0, 0x78, 7, 10, 1, 0, 4, 0, 4, 0]).is_err());
        for wrong in [
            &b"HTTP/1.1 400"[..],
            &[0x30, 12, 2, 1, 2, 0x78, 7, 10, 1, 0, 4, 0, 4, 0],
            &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x80],
            &[0x30, 0],
        ] {
            assert_eq!(answered(wrong), Err(Refusal::new("what it answers is no LDAP")), "{wrong:?}");
        }
    }

    #[test]
    fn a_client_that_asks_gets_an_answer_to_its_message_and_others_are_told_to_ask() {
        assert_eq!(LdapServer.handle(&mut request()), Ok(Step::GoAhead(ANSWER.to_vec())));
        for length in 0..request().len() {
            assert_eq!(LdapServer.handle(&mut request()[..length].to_vec()), Ok(Step::More), "{length}");
        }
        // A simple bind, message 7, with a password.
        let bind = [0x30, 13, 2, 1, 7, 0x60, 8, 2, 1, 3, 4, 0, 0x80, 1, b'p'];
        let mut received = [&bind[..], &request()].concat();
        let Ok(Step::Say(said)) = LdapServer.handle(&mut received) else { panic!("it is told") };
        assert_eq!(said[..10], [0x30, 32, 2, 1, 7, 0x61, 27, 10, 1, 13]);
        assert_eq!(received, request());
        // Unbind, and what is no LDAP.
        assert!(LdapServer.handle(&mut vec![0x30, 5, 2, 1, 2, 0x42, 0]).is_err());
        for wrong in [&b"GET / HTTP/1.0"[..], &[0x30, 0], &[0x30, 3, 2, 1, 1], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert!(LdapServer.handle(&mut wrong.to_vec()).is_err(), "{wrong:?}");
        }
    }
}
