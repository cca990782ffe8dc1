//! Records with nothing around them: a fixed key, no handshake, no alerts. What the limit speaks.
//!
//! It protects nothing. It has the wire format, the sizes and the raw cost of TLS 1.3's records (RFC 8446 section 5.2).

use graviola::aead::AesGcm;

use crate::outcome::Outcome;

/// The most that fits into a record.
pub(crate) const RECORD: usize = 16 * 1024;

/// What a record costs on the wire beyond its content: header, content type, tag.
const OVERHEAD: usize = HEADER + 1 + TAG;

const HEADER: usize = 5;
const TAG: usize = 16;

/// One end's keys and counters.
pub(crate) struct Bare {
    cipher: AesGcm,
    sealed: u64,
    opened: u64,
}

impl Default for Bare {
    fn default() -> Self {
        Self { cipher: AesGcm::new(&[7; 16]), sealed: 0, opened: 0 }
    }
}

impl Bare {
    /// Appends the records for `content`.
    pub(crate) fn seal(&mut self, content: &[u8], records: &mut Vec<u8>) {
        for content in content.chunks(RECORD) {
            let length = (content.len() + OVERHEAD - HEADER) as u16;
            let [high, low] = length.to_be_bytes();
            let header = [23, 3, 3, high, low];
            records.extend_from_slice(&header);
            let at = records.len();
            records.extend_from_slice(content);
            records.push(23);
            let mut tag = [0; TAG];
            self.cipher.encrypt(&nonce(self.sealed), &header, &mut records[at..], &mut tag);
            records.extend_from_slice(&tag);
            self.sealed += 1;
        }
    }

    /// Decrypts the complete records at the front of `bytes`, in place, and gives each one's content to `take`, as its
    /// place in `bytes`. Says how many bytes are spent.
    pub(crate) fn open(
        &mut self,
        bytes: &mut [u8],
        mut take: impl FnMut(&mut [u8], std::ops::Range<usize>),
    ) -> Outcome<usize> {
        let mut used = 0;
        while let Some([_, _, _, high, low]) = bytes.get(used..used + HEADER) {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(record) = bytes.get_mut(used..used + HEADER + length) else { break };
            let (header, body) = record.split_at_mut(HEADER);
            let (body, tag) = body.split_at_mut(length.checked_sub(TAG + 1).ok_or("a record is too short")? + 1);
            self.cipher
                .decrypt(&nonce(self.opened), header, body, tag)
                .map_err(|_| "a bare record cannot be decrypted")?;
            self.opened += 1;
            let content = used + HEADER..used + HEADER + body.len() - 1;
            used += HEADER + length;
            take(bytes, content);
        }
        Ok(used)
    }
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_in_whatever_pieces_it_comes() {
        let content: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let (mut sender, mut receiver) = (Bare::default(), Bare::default());
        let mut wire = Vec::new();
        sender.seal(&content, &mut wire);
        assert_eq!(wire.len(), content.len() + 7 * OVERHEAD);
        let (mut kept, mut seen) = (Vec::new(), Vec::new());
        for piece in wire.chunks(1000) {
            kept.extend_from_slice(piece);
            let used = receiver.open(&mut kept, |bytes, content| seen.extend_from_slice(&bytes[content])).unwrap();
            kept.drain(..used);
        }
        assert!(kept.is_empty());
        assert_eq!(seen, content);
    }

    #[test]
    fn a_damaged_record_is_no_record() {
        let mut wire = Vec::new();
        Bare::default().seal(b"hello", &mut wire);
        wire[7] ^= 1;
        assert!(Bare::default().open(&mut wire, |_, _| {}).is_err());
    }
}
