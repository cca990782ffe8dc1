//! The serial numbers on a revocation list, in little memory: there are lists with millions of them.

use webpki::{BorrowedCertRevocationList, Error};

/// A set of serial numbers.
#[derive(Debug)]
pub(super) struct Serials {
    /// One behind the other, in ascending order.
    bytes: Vec<u8>,
    /// Where each of them ends. A list is shorter than 4 GiB: webpki reads no longer one.
    ends: Vec<u32>,
}

impl Serials {
    /// # Errors
    /// The first entry that cannot be read.
    pub(super) fn read(list: &BorrowedCertRevocationList<'_>) -> Result<Self, Error> {
        let serials: Result<Vec<&[u8]>, Error> =
            list.into_iter().map(|entry| entry.map(|entry| entry.serial_number)).collect();
        Self::of(serials?)
    }

    fn of(mut serials: Vec<&[u8]>) -> Result<Self, Error> {
        serials.sort_unstable();
        serials.dedup();
        let mut bytes = Vec::with_capacity(serials.iter().map(|serial| serial.len()).sum());
        let mut ends = Vec::with_capacity(serials.len());
        for serial in serials {
            bytes.extend_from_slice(serial);
            ends.push(u32::try_from(bytes.len()).map_err(|_| Error::BadDer)?);
        }
        Ok(Self { bytes, ends })
    }

    pub(super) fn contains(&self, serial: &[u8]) -> bool {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at(middle).cmp(serial) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }

    fn at(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[index] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_contains_what_it_was_made_of_and_nothing_else() {
        let numbers: Vec<Vec<u8>> = (0..300_u16).map(|at| at.to_be_bytes()[usize::from(at < 100)..].to_vec()).collect();
        let of = |numbers: &[Vec<u8>]| Serials::of(numbers.iter().rev().map(Vec::as_slice).collect()).unwrap();
        for count in [0, 1, 2, 3, 299, 300] {
            let serials = of(&numbers[..count]);
            for (at, number) in numbers.iter().enumerate() {
                assert_eq!(serials.contains(number), at < count, "{at} of {count}");
            }
            assert!(!serials.contains(&[]) && !serials.contains(&[0, 0]) && !serials.contains(&[9, 9, 9]));
        }
        assert_eq!(of(&[vec![7], vec![7]]).ends.len(), 1);
    }
}
