//! Whether two public keys are the same, however they are written.

use super::der::{Reader, tag};
use super::key::RSA;
use super::raw::key_parts;

/// What can be said of two public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SameKey {
    Yes,
    No,
    /// One is written in a form that is not understood here.
    Unknown,
}

impl SameKey {
    /// Compares the contents of two `SubjectPublicKeyInfo`s.
    pub(crate) fn of(one: &[u8], other: &[u8]) -> Self {
        if one == other {
            return Self::Yes;
        }
        match (Numbers::read(one), Numbers::read(other)) {
            (Some(one), Some(other)) if one.are(&other) => Self::Yes,
            (Some(_), Some(_)) => Self::No,
            _ => match (kind(one), kind(other)) {
                // A key of another kind is another one, in whatever form.
                (Some(one), Some(other)) if one != other => Self::No,
                _ => Self::Unknown,
            },
        }
    }
}

/// What a key is made of.
enum Numbers<'a> {
    /// Without zeros before them.
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
    /// The curve by its name; y by its last bit, which is all that x leaves open.
    Point { curve: &'a [u8], x: &'a [u8], is_y_odd: bool },
    /// Keys that have one form only, and no parameters that count.
    Others { algorithm: &'a [u8], key: &'a [u8] },
}

impl<'a> Numbers<'a> {
    fn read(key: &'a [u8]) -> Option<Self> {
        let (algorithm, bits) = key_parts(key)?;
        let mut parts = Reader(algorithm);
        match parts.expect(tag::OBJECT_IDENTIFIER)? {
            RSA_PSS => None,
            // The parameters are nothing, or are left out, which RFC 3279 section 2.3.1 forbids.
            RSA => {
                let mut numbers = Reader(bits).enter(tag::SEQUENCE)?;
                let mut number = || numbers.expect(tag::INTEGER).map(without_zeros);
                Some(Self::Rsa { modulus: number()?, exponent: number()? })
            }
            EC => {
                let curve = parts.expect(tag::OBJECT_IDENTIFIER)?;
                let (&form, coordinates) = bits.split_first()?;
                // Section 2.3.3 of SEC 1; the form with both, y and its last bit, is of X9.62.
                match form {
                    2 | 3 => Some(Self::Point { curve, x: coordinates, is_y_odd: form == 3 }),
                    4 | 6 | 7 if coordinates.len().is_multiple_of(2) => {
                        let (x, y) = coordinates.split_at(coordinates.len() / 2);
                        Some(Self::Point { curve, x, is_y_odd: y.last()? & 1 == 1 })
                    }
                    _ => None,
                }
            }
            algorithm => Some(Self::Others { algorithm, key: bits }),
        }
    }

    fn are(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rsa { modulus, exponent }, Self::Rsa { modulus: other, exponent: power }) => {
                modulus == other && exponent == power
            }
            (Self::Point { curve, x, is_y_odd }, Self::Point { curve: named, x: other, is_y_odd: is_odd }) => {
                curve == named && x == other && is_y_odd == is_odd
            }
            (Self::Others { algorithm, key }, Self::Others { algorithm: named, key: other }) => {
                algorithm == named && key == other
            }
            _ => false,
        }
    }
}

/// The algorithm. An RSA key for PSS only may be the same as one for everything.
fn kind(key: &[u8]) -> Option<&[u8]> {
    let algorithm = Reader(key_parts(key)?.0).expect(tag::OBJECT_IDENTIFIER)?;
    Some(if algorithm == RSA_PSS { RSA } else { algorithm })
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
