//! Parts of a file (RFC 9110 section 14).

/// What a `Range` header asks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything: there is no range, or none that we understand, or several.
    Everything,
    /// From this byte, so many.
    Part { from: u64, length: u64 },
    /// Nothing that the file has.
    Nothing,
}

/// Reads the header's value for a file of this length. A server may ignore it (section 14.2), and we do when it asks for
/// several parts or is no range of bytes.
pub(super) fn wanted(range: Option<&str>, length: u64) -> Wanted {
    let Some((unit, spec)) = range.and_then(|range| range.split_once('=')) else { return Wanted::Everything };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Wanted::Everything;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Everything };
    match (number(first), number(last)) {
        (Number::None, Number::Some(suffix)) => match suffix.min(length) {
            0 => Wanted::Nothing,
            suffix => Wanted::Part { from: length - suffix, length: suffix },
        },
        (Number::Some(from), Number::Some(last)) if last < from => Wanted::Everything,
        (Number::Some(from), _) if from >= length => match number(last) {
            Number::Wrong => Wanted::Everything,
            _ => Wanted::Nothing,
        },
        (Number::Some(from), Number::Some(last)) => Wanted::Part { from, length: last.min(length - 1) - from + 1 },
        (Number::Some(from), Number::None) => Wanted::Part { from, length: length - from },
        _ => Wanted::Everything,
    }
}

enum Number {
    Some(u64),
    None,
    Wrong,
}

fn number(text: &str) -> Number {
    match text {
        "" => Number::None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            // What does not fit is beyond the end of every file.
            Number::Some(digits.parse().unwrap_or(u64::MAX))
        }
        _ => Number::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        let part = |from, length| Wanted::Part { from, length };
        for (range, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-", part(0, 10)),
            ("bytes=3-5", part(3, 3)),
            ("bytes=3-99", part(3, 7)),
            ("bytes=9-99999999999999999999999", part(9, 1)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("Bytes=1-1", part(1, 1)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-3", Wanted::Everything),
            ("bytes=-", Wanted::Everything),
            ("bytes=a-b", Wanted::Everything),
            ("bytes=1", Wanted::Everything),
            ("bytes=0-1,3-4", Wanted::Everything),
            ("lines=0-1", Wanted::Everything),
            ("bytes=+1-2", Wanted::Everything),
            ("bytes=11-b", Wanted::Everything),
        ] {
            assert_eq!(wanted(Some(range), 10), expected, "{range}");
        }
        assert_eq!(wanted(None, 10), Wanted::Everything);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(Some("bytes=-1"), 0), Wanted::Nothing);
    }
}
