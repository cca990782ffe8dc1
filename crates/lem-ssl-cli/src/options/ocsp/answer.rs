//! What an OCSP response says of each certificate that it is about (RFC 6960 section 4.2.1).

use crate::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, expect};
use crate::text::hex;

/// A response has a few kilobytes, with the responder's certificates.
pub(super) const MAX_RESPONSE: usize = 64 * 1024;

pub(super) const TOO_LONG: &str = "it is too long for an OCSP response";

/// What a response says of one certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) id: CertificateId,
    pub(super) status: Status,
    /// From when it is good, and until when, if that was said.
    pub(super) this_update: String,
    pub(super) next_update: Option<String>,
}

/// By what a response calls a certificate (RFC 6960 section 4.1.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CertificateId {
    /// The object identifier of the algorithm of both hashes.
    pub(super) algorithm: Vec<u8>,
    pub(super) issuer_name_hash: Vec<u8>,
    pub(super) issuer_key_hash: Vec<u8>,
    pub(super) serial: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    Revoked,
    Unknown,
}

impl Answer {
    /// Why clients must not get it at this time, in digits; a time that is over is no mistake.
    pub(super) fn problem(&self, now: &str) -> Option<String> {
        match self.status {
            Status::Good if self.this_update.as_str() > now => {
                Some(format!("the OCSP response begins in the future, {}", self.this_update))
            }
            Status::Good => None,
            Status::Revoked => Some("the OCSP response says that the certificate is revoked".into()),
            Status::Unknown => {
                Some("the OCSP response says that its responder knows nothing of the certificate".into())
            }
        }
    }
}

/// All answers in a response: at least one.
pub(super) fn answers_in(mut response: &[u8]) -> Result<Vec<Answer>, &'static str> {
    const NO_OCSP: &str = "it is not an OCSP response in DER";
    if response.len() > MAX_RESPONSE {
        return Err(TOO_LONG);
    }
    let mut outer = expect(&mut response, SEQUENCE).ok_or(NO_OCSP)?;
    match expect(&mut outer, ENUMERATED).ok_or(NO_OCSP)? {
        [0] => {}
        _ => return Err("the OCSP responder has answered with an error"),
    }
    match basic(outer).ok_or(NO_OCSP)? {
        answers if answers.is_empty() => Err("the OCSP response is about no certificate"),
        answers => Ok(answers),
    }
}

fn basic(mut outer: &[u8]) -> Option<Vec<Answer>> {
    let mut bytes = expect(&mut expect(&mut outer, EXPLICIT_0)?, SEQUENCE)?;
    expect(&mut bytes, OBJECT_IDENTIFIER)?;
    let mut response = expect(&mut bytes, OCTETS)?;
    let mut basic = expect(&mut response, SEQUENCE)?;
    let mut data = expect(&mut basic, SEQUENCE)?;
    let _version = expect(&mut data, EXPLICIT_0);
    let _responder = expect(&mut data, 0xa1).or_else(|| expect(&mut data, 0xa2))?;
    expect(&mut data, GENERALIZED_TIME)?;
    let mut singles = expect(&mut data, SEQUENCE)?;
    let mut answers = Vec::new();
    while !singles.is_empty() {
        answers.push(answer(expect(&mut singles, SEQUENCE)?)?);
    }
    Some(answers)
}

fn answer(mut single: &[u8]) -> Option<Answer> {
    let mut id = expect(&mut single, SEQUENCE)?;
    let id = CertificateId {
        algorithm: expect(&mut expect(&mut id, SEQUENCE)?, OBJECT_IDENTIFIER)?.to_vec(),
        issuer_name_hash: expect(&mut id, OCTETS)?.to_vec(),
        issuer_key_hash: expect(&mut id, OCTETS)?.to_vec(),
        serial: expect(&mut id, INTEGER)?.to_vec(),
    };
    let status = if expect(&mut single, 0x80).is_some() {
        Status::Good
    } else if expect(&mut single, 0xa1).is_some() {
        Status::Revoked
    } else {
        expect(&mut single, 0x82)?;
        Status::Unknown
    };
    let time = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(digits).filter(|digits| digits.len() == 14);
    let this_update = time(expect(&mut single, GENERALIZED_TIME)?)?;
    let next_update = match expect(&mut single, EXPLICIT_0) {
        Some(mut next) => Some(time(expect(&mut next, GENERALIZED_TIME)?)?),
        None => None,
    };
    Some(Answer { id, status, this_update, next_update })
}

/// `the certificate with the serial number 01`, or the first of several.
pub(super) fn about(answers: &[Answer]) -> String {
    const MAX_TOLD: usize = 5;
    let serials: Vec<_> = answers.iter().take(MAX_TOLD).map(|answer| hex(&answer.id.serial)).collect();
    let more = if answers.len() > MAX_TOLD { " and more" } else { "" };
    match serials.as_slice() {
        [one] => format!("the certificate with the serial number {one}"),
        several => format!("the certificates with the serial numbers {}{more}", several.join(", ")),
    }
}

/// The digits of a time down to the second: these sort as the times do.
pub(super) fn digits(time: &str) -> String {
    time.chars().filter(char::is_ascii_digit).take(14).collect()
}

const OBJECT_IDENTIFIER: u8 = 0x06;
const GENERALIZED_TIME: u8 = 0x18;
const EXPLICIT_0: u8 = 0xa0;

#[cfg(test)]
mod tests {
    use lem_ssl_tests::pki::draft::element;

    use super::*;

    fn single(serial: &[u8], status: &[u8], next: Option<&str>) -> Vec<u8> {
        let time = |text: &str| element(0x18, text.as_bytes());
        let algorithm = element(SEQUENCE, &element(0x06, &[0x2b, 0x0e, 3, 2, 0x1a]));
        let id = [algorithm, element(OCTETS, b"n"), element(OCTETS, b"k"), element(INTEGER, serial)];
        let next = next.map(|next| element(0xa0, &time(next))).unwrap_or_default();
        element(SEQUENCE, &[element(SEQUENCE, &id.concat()), status.to_vec(), time("20250101000000Z"), next].concat())
    }

    fn response(singles: &[Vec<u8>]) -> Vec<u8> {
        let time = element(0x18, b"20250101000000Z");
        let data = [element(0xa2, &element(OCTETS, b"key")), time, element(SEQUENCE, &singles.concat())].concat();
        let basic = element(SEQUENCE, &element(SEQUENCE, &data));
        let bytes = [element(0x06, &[0x2b]), element(OCTETS, &basic)].concat();
        element(SEQUENCE, &[element(ENUMERATED, &[0]), element(0xa0, &element(SEQUENCE, &bytes))].concat())
    }

    #[test]
    fn a_response_tells_for_whom_it_is_and_how_long() {
        let revoked = element(0xa1, &element(0x18, b"20250101000000Z"));
        let answers = answers_in(&response(&[
            single(&[0, 200], &[0x80, 0], Some("20250108000000Z")),
            single(&[1], &revoked, None),
            single(&[2], &[0x82, 0], None),
        ]));
        let answers = answers.unwrap();
        let told: Vec<_> = answers.iter().map(|answer| (answer.id.serial.as_slice(), answer.status)).collect();
        assert_eq!(told, [(&[0, 200][..], Status::Good), (&[1], Status::Revoked), (&[2], Status::Unknown)]);
        assert_eq!(answers[0].next_update.as_deref(), Some("20250108000000"));
        assert_eq!(about(&answers), "the certificates with the serial numbers 00c8, 01, 02");
        assert_eq!(about(&answers[1..2]), "the certificate with the serial number 01");
    }

    #[test]
    fn what_is_no_response_is_refused_without_a_panic() {
        let whole = response(&[single(&[1], &[0x80, 0], Some("20250108000000Z")), single(&[2], &[0x80, 0], None)]);
        for length in 0..whole.len() {
            assert!(answers_in(&whole[..length]).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x81;
            let _ = answers_in(&changed);
        }
        let refused = element(SEQUENCE, &element(ENUMERATED, &[6]));
        assert_eq!(answers_in(&refused), Err("the OCSP responder has answered with an error"));
        assert_eq!(answers_in(&response(&[])), Err("the OCSP response is about no certificate"));
        assert!(answers_in(b"-----BEGIN").is_err());
    }
}
