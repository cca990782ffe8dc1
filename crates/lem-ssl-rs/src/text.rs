//! What editors leave in text files and nobody sees: marks, other encodings, other line ends.

/// The mark that some editors write at the beginning of a text in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Whether bytes are UTF-16 with many letters of ASCII, as Windows PowerShell writes it, with a mark or without.
pub(crate) fn looks_like_utf16(bytes: &[u8]) -> bool {
    let zero_beside_text = |pair: &[u8]| matches!(pair, [0, b' '..=b'~'] | [b' '..=b'~', 0]);
    bytes.windows(2).filter(|pair| zero_beside_text(pair)).count() > bytes.len() / 4
}

/// The lines and their numbers, whichever way they end: LF, CR LF, CR. Each without a mark at its beginning: where files
/// were joined, one stands in the middle.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split_terminator('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
    lines.enumerate().map(|(at, line)| (at + 1, line.trim_start_matches('\u{feff}')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_each_of_the_three_ways_and_lose_their_marks() {
        let found: Vec<_> = lines("\u{feff}a\r\nb\r\u{feff}c\n\nd").collect();
        assert_eq!(found, [(1, "a"), (2, "b"), (3, "c"), (4, ""), (5, "d")]);
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn utf16_is_recognised_in_both_orders() {
        let units: Vec<u16> = "a line of text\r\n".encode_utf16().collect();
        for bytes in [u16::to_le_bytes, u16::to_be_bytes].map(|bytes| units.iter().copied().flat_map(bytes)) {
            assert!(looks_like_utf16(&bytes.collect::<Vec<_>>()));
        }
        assert!(!looks_like_utf16("a line of text\r\n".as_bytes()) && !looks_like_utf16(b""));
    }
}
