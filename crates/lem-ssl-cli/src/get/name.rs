//! The name that a server gives a file (`Content-Disposition`: RFC 6266, RFC 8187), and whether it may be one here.

use super::joiner::unjoined;
use crate::http::Response;
use crate::text::printable;

/// The longest name in a folder (`NAME_MAX`).
pub(super) const MAX_NAME: usize = 255;

/// A longer header is not read.
const MAX_LENGTH: usize = 4 * 1024;

/// The most parameters; there are about four.
const MAX_PARAMETERS: usize = 16;

/// The name that the server gives, if it may be one.
pub(super) fn of_server(response: &Response) -> Option<String> {
    usable(&named(response.disposition()?)?)
}

/// The last part of it, as RFC 6266 section 4.3 has it, if that is the name of a file that hides nothing and leads nowhere.
pub(super) fn usable(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next()?.trim();
    let plain = !name.is_empty() && !name.starts_with('.') && name.len() <= MAX_NAME;
    // Characters that are not seen, or turn the direction of writing, make it look like another one; those that its language
    // has between letters do not.
    let seen = unjoined(name);
    let shown = printable(&seen) == seen;
    (plain && shown && (cfg!(unix) || is_portable(name))).then(|| name.to_owned())
}

/// Whether Windows takes it for a file, and not for a device, a stream or another name.
fn is_portable(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |device: &str| stem.strip_prefix(device).is_some_and(|rest| rest.chars().count() == 1);
    let device = DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt");
    !device && !name.contains(['<', '>', ':', '"', '|', '?', '*']) && !name.ends_with('.')
}

/// FNV-1a, 64 bits: the same in every version of this program.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What the header calls the file: by `filename*` if that can be read, otherwise by `filename`.
fn named(header: &[u8]) -> Option<String> {
    if header.len() > MAX_LENGTH {
        return None;
    }
    let mut rest = &header[header.iter().position(|byte| *byte == b';')?..];
    let (mut plain, mut extended) = (None, None);
    for _ in 0..MAX_PARAMETERS {
        let Some((name, value, after)) = parameter(rest) else { break };
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"filename" => &mut plain,
            b"filename*" => &mut extended,
            _ => &mut None,
        };
        // Two of one kind: which is meant?
        if slot.replace(value).is_some() {
            return None;
        }
        rest = after;
    }
    extended.and_then(|value| decoded(&value)).or_else(|| plain.map(|value| text(&value)))
}

/// The parameter behind a semicolon: its name, its value, and what follows.
fn parameter(rest: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let rest = rest.trim_ascii_start().strip_prefix(b";")?.trim_ascii_start();
    let (name, value) = rest.split_at(rest.iter().position(|byte| *byte == b'=')?);
    let value = value[1..].trim_ascii_start();
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        return Some((name.trim_ascii(), value[..end].trim_ascii().to_vec(), &value[end..]));
    };
    let mut unquoted = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((name.trim_ascii(), unquoted, &quoted[at + 1..])),
            b'\\' => unquoted.push(*bytes.next()?.1),
            other => unquoted.push(*other),
        }
    }
    None
}

/// `charset'language'text` (RFC 8187 section 3.2).
fn decoded(value: &[u8]) -> Option<String> {
    let mut pieces = std::str::from_utf8(value).ok()?.splitn(3, '\'');
    let (charset, _language, encoded) = (pieces.next()?, pieces.next()?, pieces.next()?.as_bytes());
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(0)? * 16 + digit(1)?);
        rest = after;
    }
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => String::from_utf8(bytes).ok(),
        "iso-8859-1" => Some(latin(&bytes)),
        _ => None,
    }
}

/// What most servers mean: UTF-8, or else ISO-8859-1.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| latin(bytes), str::to_owned)
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(header: &[u8]) -> Option<String> {
        usable(&named(header)?)
    }

    #[test]
    fn a_name_is_read_in_every_form_that_the_standards_have() {
        for (header, expected) in [
            (&b"attachment; filename=example.html"[..], "example.html"),
            (b"Attachment; FileName=\"an example.html\"", "an example.html"),
            (b"inline;filename = \"a \\\"b\\\".txt\" ; size=5", "a \"b\".txt"),
            (b"attachment; filename*=UTF-8''%e2%82%ac%20rates", "\u{20ac} rates"),
            (b"attachment; filename=\"EURO rates\"; filename*=utf-8'en'%e2%82%ac%20rates", "\u{20ac} rates"),
            (b"attachment; filename*=iso-8859-1'en'%A3%20rates", "\u{a3} rates"),
            (b"attachment; filename=\"pl\xe4n\"", "pl\u{e4}n"),
            (b"attachment; filename=\"pl\xc3\xa4n\"", "pl\u{e4}n"),
            // What cannot be read leaves the other one.
            (b"attachment; filename*=UTF-8''%e2%82; filename=other", "other"),
            (b"attachment; filename*=koi8-r''x; filename=other", "other"),
            (b"attachment; filename=\"%41.txt\"", "%41.txt"),
            (b"attachment; filename=\"a;b.txt\"", "a;b.txt"),
            (
                "attachment; filename=\"\u{645}\u{6cc}\u{200c}\u{62e}\u{648}.pdf\"".as_bytes(),
                "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}.pdf",
            ),
            (
                b"attachment; filename*=UTF-8''%E2%9D%A4%EF%B8%8F%E2%80%8D%F0%9F%94%A5.png",
                "\u{2764}\u{fe0f}\u{200d}\u{1f525}.png",
            ),
        ] {
            assert_eq!(name(header).as_deref(), Some(expected), "{}", String::from_utf8_lossy(header));
        }
    }

    #[test]
    fn no_name_leads_elsewhere_or_hides() {
        for (header, expected) in [
            (&b"attachment; filename=\"../../etc/passwd\""[..], Some("passwd")),
            (b"attachment; filename=\"C:\\\\Windows\\\\x.dll\"", Some("x.dll")),
            (b"attachment; filename*=UTF-8''..%2F..%2Fx", Some("x")),
            (b"attachment; filename=\"..\"", None),
            (b"attachment; filename=\".\"", None),
            (b"attachment; filename=\".bashrc\"", None),
            (b"attachment; filename=\"a/.ssh\"", None),
            (b"attachment; filename=\" .profile\"", None),
            (b"attachment; filename=\"a/\"", None),
            (b"attachment; filename=\"\"", None),
            (b"attachment; filename*=UTF-8''a%00b", None),
            (b"attachment; filename*=UTF-8''a%0Ab", None),
            (b"attachment; filename*=UTF-8''gpj%E2%80%AEexe.txt", None),
            (b"attachment; filename*=UTF-8''%E2%80%8D", None),
            (b"attachment; filename*=UTF-8''report%E2%80%8C.pdf", None),
            (b"attachment; filename*=UTF-8''report.pdf%EF%B8%8F", None),
            (b"attachment; filename*=UTF-8''%D9%85%E2%80%8B%D9%85", None),
            (b"attachment; filename=a; filename=b", None),
            (b"attachment; filename=\"a", None),
            (b"attachment; filename=\"a\\", None),
            (b"attachment", None),
            (b"", None),
        ] {
            assert_eq!(name(header).as_deref(), expected, "{}", String::from_utf8_lossy(header));
        }
        assert_eq!(usable(&"x".repeat(MAX_NAME + 1)), None);
        assert_eq!(name(format!("attachment; filename={}", "x".repeat(MAX_LENGTH)).as_bytes()), None);
        assert_eq!(name(format!("attachment{}; filename=x", "; a=b".repeat(MAX_PARAMETERS)).as_bytes()), None);
    }

    #[test]
    fn what_windows_takes_for_something_else_is_no_name_there() {
        for name in ["con", "NUL.txt", "com1", "a:b", "a.", "x?"] {
            assert!(!is_portable(name), "{name}");
        }
        assert!(is_portable("console.txt") && is_portable("com.txt"));
    }
}
