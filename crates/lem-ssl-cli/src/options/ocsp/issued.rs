//! A certificate by its issuer and its serial number, as OCSP calls it.

use graviola::hashing::{Hash, Sha256, Sha384, Sha512};
use lem_ssl_rs::Identity;

use super::answer::CertificateId;
use super::sha1::sha1;
use crate::ber::{INTEGER, SEQUENCE, expect};

/// Whom a certificate is from, and its number there.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) serial: Vec<u8>,
    /// The issuer's name, in DER.
    issuer: Vec<u8>,
    /// The bits of the issuer's public key, if its certificate is there.
    issuer_key: Option<Vec<u8>>,
}

impl Issued {
    /// Of the certificate that an identity shows; `None` if it shows none.
    pub(super) fn of(identity: &Identity) -> Option<Self> {
        let mut chain = identity.chain().iter();
        let own = Fields::read(chain.next()?)?;
        // What stands behind is the issuer's, or the certificate is its own issuer's.
        let issuer = chain.next().and_then(|next| Fields::read(next)).into_iter().chain([own]);
        let issuer_key = issuer.filter(|found| found.subject == own.issuer).map(|found| found.key.to_vec()).next();
        Some(Self { serial: own.serial.to_vec(), issuer: own.issuer.to_vec(), issuer_key })
    }

    /// Whether it is this one, as far as that can be told.
    pub(super) fn is(&self, id: &CertificateId) -> bool {
        let is_hash = |expected: &[u8], of: &[u8]| hash(&id.algorithm, of).is_none_or(|hash| hash == expected);
        self.serial == id.serial
            && is_hash(&id.issuer_name_hash, &self.issuer)
            && self.issuer_key.as_ref().is_none_or(|key| is_hash(&id.issuer_key_hash, key))
    }
}

/// `None` for an algorithm that is not known here.
fn hash(algorithm: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm {
        [0x2b, 0x0e, 3, 2, 0x1a] => sha1(message).to_vec(),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => Sha256::hash(message).as_ref().to_vec(),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => Sha384::hash(message).as_ref().to_vec(),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => Sha512::hash(message).as_ref().to_vec(),
        _ => return None,
    })
}

/// Fields of a certificate (RFC 5280 section 4.1), which need not be good for anything else.
#[derive(Clone, Copy)]
struct Fields<'a> {
    serial: &'a [u8],
    /// Names in DER.
    issuer: &'a [u8],
    subject: &'a [u8],
    /// The bits of the public key.
    key: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(mut der: &'a [u8]) -> Option<Self> {
        const BIT_STRING: u8 = 0x03;
        const EXPLICIT_0: u8 = 0xa0;
        let mut fields = expect(&mut expect(&mut der, SEQUENCE)?, SEQUENCE)?;
        let _version = expect(&mut fields, EXPLICIT_0);
        let serial = expect(&mut fields, INTEGER)?;
        let _algorithm = expect(&mut fields, SEQUENCE)?;
        let issuer = whole(&mut fields)?;
        let _validity = expect(&mut fields, SEQUENCE)?;
        let subject = whole(&mut fields)?;
        let mut key = expect(&mut fields, SEQUENCE)?;
        let _algorithm = expect(&mut key, SEQUENCE)?;
        let (_unused_bits, key) = expect(&mut key, BIT_STRING)?.split_first()?;
        Some(Self { serial, issuer, subject, key })
    }
}

/// The sequence at the front, with its tag and length.
fn whole<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let before = *input;
    expect(input, SEQUENCE)?;
    Some(&before[..before.len() - input.len()])
}

#[cfg(test)]
mod tests {
    use lem_ssl_tests::pki::{Authority, Leaf};

    use super::*;

    const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];

    #[test]
    fn a_certificate_is_told_by_its_issuers_name_and_key_and_by_its_number() {
        let (root, namesake) = (Authority::new("Root").intermediate("Middle"), Authority::new("Middle"));
        let issued = root.issue(Leaf::server(&["localhost"]));
        let identity = |chain: &[_]| Identity::from_der(chain.to_vec(), issued.private_key());
        let (whole, alone) = (identity(&issued.chain_der), identity(&issued.chain_der[..1]));
        let (whole, alone) = (Issued::of(&whole).unwrap(), Issued::of(&alone).unwrap());
        let other_key = Fields::read(namesake.certificate_der()).unwrap().key;
        let sha2 = |last: u8| vec![0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last];
        for (algorithm, length) in [(SHA1.to_vec(), 20), (sha2(1), 32), (sha2(2), 48), (sha2(3), 64)] {
            let id = |issuer: &[u8], key: &[u8], serial: &[u8]| CertificateId {
                issuer_name_hash: hash(&algorithm, issuer).unwrap(),
                issuer_key_hash: hash(&algorithm, key).unwrap(),
                serial: serial.to_vec(),
                algorithm: algorithm.clone(),
            };
            let (name, key, serial) = (&whole.issuer, whole.issuer_key.as_ref().unwrap(), &whole.serial);
            let right = id(name, key, serial);
            assert_eq!(right.issuer_name_hash.len(), length);
            assert!(whole.is(&right) && alone.is(&right));
            assert!(!whole.is(&id(name, other_key, serial)) && alone.is(&id(name, other_key, serial)));
            for wrong in [id(b"another", key, serial), id(name, key, &[1])] {
                assert!(!whole.is(&wrong) && !alone.is(&wrong), "{wrong:?}");
            }
        }
        // Of an algorithm that is not known here, the number is all that counts.
        let unknown = |serial: &[u8]| CertificateId {
            algorithm: vec![0x2a],
            issuer_name_hash: Vec::new(),
            issuer_key_hash: Vec::new(),
            serial: serial.to_vec(),
        };
        assert!(whole.is(&unknown(&whole.serial)) && !whole.is(&unknown(&[1])));
    }
}
