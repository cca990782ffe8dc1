//! Base64 (RFC 4648): with the alphabet of URLs and without padding as JWS has it, and as PEM has it.

const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// For URLs, without padding (RFC 7515 section 2).
pub(crate) fn url(bytes: impl AsRef<[u8]>) -> String {
    encode(bytes.as_ref(), URL)
}

/// With padding, on one line (RFC 4648 section 4).
pub(crate) fn standard(bytes: impl AsRef<[u8]>) -> String {
    let digits = encode(bytes.as_ref(), STANDARD);
    let padding = digits.len().wrapping_neg() % 4;
    digits + &"="[..].repeat(padding)
}

/// PEM (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    const BYTES_PER_LINE: usize = 48;
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(BYTES_PER_LINE) {
        text.push_str(&standard(line));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=group.len() {
            text.push(char::from(alphabet[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

/// What the digits stand for, of either alphabet, padded or not; `None` if there is anything else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let find = |alphabet: &[u8; 64]| alphabet.iter().position(|&one| one == letter);
        let value = find(URL).or_else(|| find(STANDARD))?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    // One digit alone is less than a byte.
    (count < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_are_written_and_read() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(url(bytes), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(url([0xfb, 0xff, 0xbf]), "-_-_");
        assert_eq!(decode("-_+/").unwrap(), [0xfb, 0xff, 0xbf]);
        assert_eq!(decode("Zg==").unwrap(), b"f");
        assert_eq!((decode("Z"), decode("Zm 9")), (None, None));
        assert!(pem("X", b"f").contains("\nZg==\n") && pem("X", b"fo").contains("\nZm8=\n"));
    }
}
