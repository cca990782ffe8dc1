//! Base64 (RFC 4648 section 4), as strictly as PEM writers write it.

/// What the digits stand for; `None` unless they are complete, padded, and nothing else.
///
/// The digits may be a private key's: how long it takes depends on none of them, only on how many they are.
pub(crate) fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let padding = digits.iter().rev().take(2).take_while(|digit| **digit == b'=').count();
    if !digits.len().is_multiple_of(4) || digits.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    let mut wrong = 0;
    let (mut bits, mut count) = (0_u32, 0);
    for digit in &digits[..digits.len() - padding] {
        let (value, invalid) = value(*digit);
        wrong |= invalid;
        bits = bits << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    // What is left over of the last digit must be nothing: two texts for the same bytes are one too many.
    let left = match padding {
        1 => {
            bytes.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]);
            bits & 0b11
        }
        2 => {
            bytes.extend_from_slice(&(bits >> 4).to_be_bytes()[3..]);
            bits & 0b1111
        }
        _ => 0,
    };
    (wrong == 0 && left == 0).then_some(bytes)
}

/// The value of a digit, and something other than 0 if it is none. Without a branch and without a table.
fn value(digit: u8) -> (u8, u8) {
    // All ones if the digit is from `first` on and one of `count`.
    let within = |first: u8, count: u8| (digit.wrapping_sub(first) < count) as u8 * 0xff;
    let (upper, lower, number) = (within(b'A', 26), within(b'a', 26), within(b'0', 10));
    let (plus, slash) = (within(b'+', 1), within(b'/', 1));
    let value = (upper & digit.wrapping_sub(b'A'))
        | (lower & digit.wrapping_sub(b'a' - 26))
        | (number & digit.wrapping_add(4))
        | (plus & 62)
        | (slash & 63);
    (value, !(upper | lower | number | plus | slash))
}

/// Digits for `bytes`, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63];
            text.push(if digit <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_vectors_of_rfc_4648_are_read() {
        for (text, bytes) in
            [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()), "{text}");
            assert_eq!(encode(bytes.as_bytes()), text);
        }
        assert_eq!(decode(b"+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for text in ["", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm9v\n", "Zm_v", "Zm9\u{e9}", "Zm=v"]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
