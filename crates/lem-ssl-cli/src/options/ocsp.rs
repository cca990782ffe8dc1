//! OCSP responses from files (RFC 6960), which are stapled to the certificates that they are for.
//!
//! What stands in a response is checked, so that no client gets one that it would refuse; its signature is for the clients.

use std::path::PathBuf;
use std::time::SystemTime;

use lem_ssl_rs::{Certificate, Identity};

use super::wrong;
use crate::ber::{ENUMERATED, INTEGER, OCTETS, SEQUENCE, expect};
use crate::exit::{Exit, Failure, Outlook};
use crate::expiry::{Expiry, moment};
use crate::file_state::FileState;
use crate::text::{hex, timestamp};

/// A response has a few kilobytes, with the responder's certificates.
const MAX_RESPONSE: usize = 64 * 1024;

/// As the beginning of a sentence.
const WHAT: &str = "the OCSP response";

/// Responses, and whom they were for.
#[derive(Debug)]
pub(super) struct Staples {
    staples: Vec<Staple>,
    /// When they were read, in digits.
    now: String,
    warnings: Vec<String>,
    expiries: Vec<Expiry>,
}

#[derive(Debug)]
struct Staple {
    file: PathBuf,
    /// Before it was read.
    state: FileState,
    response: Vec<u8>,
    /// The serial number of the certificate that it is for.
    serial: Vec<u8>,
    is_used: bool,
    /// From when it is good, and until when, if that was said.
    this_update: String,
    next_update: Option<String>,
}

/// What a response says of one certificate.
#[derive(Debug, PartialEq, Eq)]
struct Single {
    serial: Vec<u8>,
    status: Status,
    this_update: String,
    next_update: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Good,
    Revoked,
    Unknown,
}

impl Staples {
    /// Reads the files.
    pub(super) fn read(files: &[PathBuf], now: SystemTime) -> Result<Self, Failure> {
        let now = digits(&timestamp(now));
        let mut staples = Vec::new();
        for file in files {
            let shown = file.display();
            let failed = |why: String| Failure::new(Exit::Usage, format!("{shown}: {why}"));
            let state = FileState::of(file);
            let response = std::fs::read(file)
                .map_err(|error| failed(format!("cannot be read: {error}")).with_outlook(Outlook::OfSystem))?;
            let single = single_of(&response).map_err(|why| failed(why.to_owned()))?;
            match single.status {
                Status::Good => {}
                Status::Revoked => return Err(failed("the OCSP response says that the certificate is revoked".into())),
                Status::Unknown => {
                    return Err(failed(
                        "the OCSP response says that its responder knows nothing of the certificate".into(),
                    ));
                }
            }
            if single.this_update > now {
                return Err(failed(format!("the OCSP response begins in the future, {}", single.this_update)));
            }
            let Single { serial, this_update, next_update, .. } = single;
            let (file, is_used) = (file.clone(), false);
            staples.push(Staple { file, state, response, serial, is_used, this_update, next_update });
        }
        Ok(Self { staples, now, warnings: Vec::new(), expiries: Vec::new() })
    }

    /// The identity with the response that is for it, if there is one.
    pub(super) fn put_on(&mut self, identity: Identity) -> Identity {
        let Some(Ok(leaf)) = identity.chain().first().map(|leaf| Certificate::read(leaf)) else { return identity };
        let Some(staple) = self.staples.iter_mut().find(|staple| staple.serial == leaf.serial()) else {
            return identity;
        };
        staple.is_used = true;
        match &staple.next_update {
            // Its time is over: no client gets it.
            Some(until) if *until <= self.now => {
                let file = staple.file.display();
                self.warnings
                    .push(format!("warning: {file}: the OCSP response was good until {until}; it is not stapled"));
                self.expiries.push(Expiry::over(&staple.file, staple.state.clone()));
                identity
            }
            next_update => {
                let (from, until) = (moment(&staple.this_update), next_update.as_deref().and_then(moment));
                let expiry = from.zip(until).map(|(from, until)| Expiry::good(WHAT, &staple.file, from, until));
                self.expiries.extend(expiry);
                identity.with_ocsp_response(staple.response.clone())
            }
        }
    }

    /// What there is to warn of, and how long each is good, once all identities are there.
    pub(super) fn finish(self) -> Result<(Vec<String>, Vec<Expiry>), Failure> {
        match self.staples.iter().find(|staple| !staple.is_used) {
            None => Ok((self.warnings, self.expiries)),
            Some(staple) => Err(wrong(format!(
                "{}: the OCSP response is for the certificate with the serial number {}, which is in no --cert",
                staple.file.display(),
                hex(&staple.serial)
            ))),
        }
    }
}

/// The first answer in a response (RFC 6960 section 4.2.1).
fn single_of(mut response: &[u8]) -> Result<Single, &'static str> {
    const NO_OCSP: &str = "it is not an OCSP response in DER";
    if response.len() > MAX_RESPONSE {
        return Err("it is too long for an OCSP response");
    }
    let mut outer = expect(&mut response, SEQUENCE).ok_or(NO_OCSP)?;
    match expect(&mut outer, ENUMERATED).ok_or(NO_OCSP)? {
        [0] => {}
        _ => return Err("the OCSP responder has answered with an error"),
    }
    basic(outer).ok_or(NO_OCSP)
}

fn basic(mut outer: &[u8]) -> Option<Single> {
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const GENERALIZED_TIME: u8 = 0x18;
    const EXPLICIT_0: u8 = 0xa0;
    let mut bytes = expect(&mut expect(&mut outer, EXPLICIT_0)?, SEQUENCE)?;
    expect(&mut bytes, OBJECT_IDENTIFIER)?;
    let mut response = expect(&mut bytes, OCTETS)?;
    let mut basic = expect(&mut response, SEQUENCE)?;
    let mut data = expect(&mut basic, SEQUENCE)?;
    let _version = expect(&mut data, EXPLICIT_0);
    let _responder = expect(&mut data, 0xa1).or_else(|| expect(&mut data, 0xa2))?;
    expect(&mut data, GENERALIZED_TIME)?;
    let mut single = expect(&mut expect(&mut data, SEQUENCE)?, SEQUENCE)?;
    let mut id = expect(&mut single, SEQUENCE)?;
    expect(&mut id, SEQUENCE)?;
    expect(&mut id, OCTETS)?;
    expect(&mut id, OCTETS)?;
    let serial = expect(&mut id, INTEGER)?.to_vec();
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
    Some(Single { serial, status, this_update, next_update })
}

/// The digits of a time down to the second: these sort as the times do.
fn digits(time: &str) -> String {
    time.chars().filter(char::is_ascii_digit).take(14).collect()
}

#[cfg(test)]
mod tests {
    use lem_ssl_tests::pki::draft::element;

    use super::*;

    fn response(status: &[u8], next: Option<&str>) -> Vec<u8> {
        let time = |text: &str| element(0x18, text.as_bytes());
        let id = [element(SEQUENCE, &[]), element(OCTETS, b"n"), element(OCTETS, b"k"), element(INTEGER, &[0, 200])];
        let next = next.map(|next| element(0xa0, &time(next))).unwrap_or_default();
        let single = [element(SEQUENCE, &id.concat()), status.to_vec(), time("20250101000000Z"), next].concat();
        let responses = element(SEQUENCE, &element(SEQUENCE, &single));
        let data = [element(0xa2, &element(OCTETS, b"key")), time("20250101000000Z"), responses].concat();
        let basic = element(SEQUENCE, &element(SEQUENCE, &data));
        let bytes = [element(0x06, &[0x2b]), element(OCTETS, &basic)].concat();
        element(SEQUENCE, &[element(ENUMERATED, &[0]), element(0xa0, &element(SEQUENCE, &bytes))].concat())
    }

    #[test]
    fn a_response_tells_for_whom_it_is_and_how_long() {
        let single = single_of(&response(&[0x80, 0], Some("20250108000000Z"))).unwrap();
        assert_eq!((single.serial.as_slice(), single.status), (&[0, 200][..], Status::Good));
        assert_eq!(single.next_update.as_deref(), Some("20250108000000"));
        let revoked = element(0xa1, &element(0x18, b"20250101000000Z"));
        assert_eq!(single_of(&response(&revoked, None)).unwrap().status, Status::Revoked);
        assert_eq!(single_of(&response(&[0x82, 0], None)).unwrap().status, Status::Unknown);
    }

    #[test]
    fn what_is_no_response_is_refused_without_a_panic() {
        let whole = response(&[0x80, 0], Some("20250108000000Z"));
        for length in 0..whole.len() {
            assert!(single_of(&whole[..length]).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x81;
            let _ = single_of(&changed);
        }
        let refused = element(SEQUENCE, &element(ENUMERATED, &[6]));
        assert_eq!(single_of(&refused), Err("the OCSP responder has answered with an error"));
        assert!(single_of(b"-----BEGIN").is_err());
    }
}
