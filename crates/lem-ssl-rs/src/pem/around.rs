//! The text around blocks, which may say what it likes, unless it looks like a part of a block.

/// What was seen since the last block, line by line.
#[derive(Default)]
pub(super) struct Around {
    /// The line before was digits of base64, perhaps by chance; its number.
    digits: Option<usize>,
}

impl Around {
    /// Takes a line that is outside of every block.
    ///
    /// # Errors
    /// The line that is a part of a block, and why.
    pub(super) fn take_line(&mut self, number: usize, line: &[u8]) -> Result<(), (usize, &'static str)> {
        if looks_like_boundary(line) {
            return Err((number, IS_DAMAGED));
        }
        match line.windows(BEGIN_IN_BASE64.len()).position(|window| window == BEGIN_IN_BASE64) {
            Some(0) => return Err((number, IS_BASE64_OF_PEM)),
            Some(_) => return Err((number, HAS_BASE64_OF_PEM)),
            None => {}
        }
        if line.is_empty() {
            return Ok(());
        }
        let before = self.digits.take();
        if !looks_like_base64(line) {
            return Ok(());
        }
        // One line may be a fingerprint, or a path. A second one, or the beginning of a certificate, is none by chance.
        match before {
            Some(before) => Err((before, IS_OUTSIDE)),
            None if line.starts_with(SEQUENCE_IN_BASE64) => Err((number, IS_OUTSIDE)),
            None => {
                self.digits = Some(number);
                Ok(())
            }
        }
    }
}

pub(super) const IS_DAMAGED: &str =
    "it looks like a \"-----BEGIN\" or \"-----END\" line, but is not well formed; if it is neither, remove the line";

const IS_OUTSIDE: &str = "there is base64 outside of a block; is the \"-----BEGIN\" line above it damaged? If it belongs to \
                          no block, remove the line";

/// What `-----BEGIN` is in base64.
const BEGIN_IN_BASE64: &[u8] = b"LS0tLS1CRUdJTi";

/// What a sequence of DER with more than 127 bytes begins with in base64. Certificates and revocation lists have more.
const SEQUENCE_IN_BASE64: &[u8] = b"MI";

const IS_BASE64_OF_PEM: &str =
    "this is the base64 of a whole PEM file: decode it first, with \"base64 -d FILE > NEW.pem\"";

const HAS_BASE64_OF_PEM: &str = "this is the base64 of a whole PEM file behind other text, as in a secret of Kubernetes: take \
                                 it out of it and decode it, with \"base64 -d\"; kubectl does the first with \"kubectl get \
                                 secret NAME -o jsonpath='{.data.tls\\.crt}'\"";

/// Whether somebody meant a begin or end here: too few dashes, or too many, or typographic ones; small letters; no blank.
/// A comment may have dashes and the same words, as long as no label is behind them.
pub(super) fn looks_like_boundary(line: &[u8]) -> bool {
    let text = with_plain_dashes(line);
    let small = text.to_ascii_lowercase();
    let first = text.find(|letter: char| letter != '-' && !letter.is_whitespace());
    let is_meant = |at, word: &str| is_boundary_at(&text, at, word.len(), first == Some(at));
    ["begin", "end"].iter().any(|word| small.match_indices(word).any(|(at, _)| is_meant(at, word)))
}

/// A label has half as many, and dashes behind it. A line may have millions, and as many words that are looked at.
const MAX_BEHIND: usize = 100;

/// Whether that is meant by the word at this place. `is_first` says that there are only dashes and blanks before it.
fn is_boundary_at(text: &str, at: usize, length: usize, is_first: bool) -> bool {
    let end = (at + length..text.len().min(at + length + MAX_BEHIND) + 1).rev().find(|end| text.is_char_boundary(*end));
    let (before, word, behind) = (&text[..at], &text[at..at + length], &text[at + length..end.unwrap_or(at + length)]);
    if before.ends_with(|letter: char| letter.is_alphanumeric()) {
        return false;
    }
    let dashes = |text: &str| text.len() - text.trim_end_matches('-').len();
    let attached = dashes(before);
    let is_marked = dashes(before.trim_end()) >= 2;
    if !is_first && !is_marked {
        return false;
    }
    let label = behind.split("--").next().unwrap_or_default();
    let bare: String =
        label.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let is_loud = !word.bytes().chain(label.bytes()).any(|byte| byte.is_ascii_lowercase());
    if FAMILIAR_LABELS.contains(&bare.as_str()) {
        return true;
    }
    match word {
        "BEGIN" | "END" if attached >= 3 && bare.is_empty() => is_first,
        "BEGIN" if attached >= 3 && behind.starts_with(' ') => true,
        "BEGIN" | "END" => {
            is_loud
                && dashes(before.trim_end()) >= 3
                && behind.starts_with(' ')
                && behind.contains("---")
                && LAST_WORDS.iter().any(|last| bare.ends_with(last))
        }
        _ => false,
    }
}

/// The text, with what people and programs make of "-" as that.
fn with_plain_dashes(line: &[u8]) -> String {
    let mut plain = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        plain.extend(chunk.valid().chars().map(|letter| match letter {
            '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
            other => other,
        }));
        // The dashes of Windows-1252; its letters are none.
        plain.extend(chunk.invalid().iter().map(|byte| match byte {
            0x96 | 0x97 | 0xad => '-',
            _ => char::REPLACEMENT_CHARACTER,
        }));
    }
    plain
}

/// In small letters, without blanks.
const FAMILIAR_LABELS: &[&str] = &[
    "certificate",
    "x509certificate",
    "trustedcertificate",
    "privatekey",
    "rsaprivatekey",
    "ecprivatekey",
    "encryptedprivatekey",
    "x509crl",
    "crl",
    "ecparameters",
    "dhparameters",
    "pkcs7",
    "pkcs12",
    "cms",
];

/// What other labels end with.
const LAST_WORDS: &[&str] = &["certificate", "key", "crl", "parameters", "request"];

/// A line of a block's inside is nearly always 64 digits, with some of each kind; a certificate's first one, which begins
/// with what is the same in all, may be without numerals. Hexadecimal digits have no capitals, or no small letters.
fn looks_like_base64(line: &[u8]) -> bool {
    const MIN_LENGTH: usize = 40;
    let padding = line.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = &line[..line.len() - padding];
    let has = |kind: fn(&u8) -> bool| digits.iter().any(kind);
    line.len() >= MIN_LENGTH
        && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && [u8::is_ascii_uppercase, u8::is_ascii_lowercase].into_iter().all(has)
        && (has(u8::is_ascii_digit) || digits.starts_with(SEQUENCE_IN_BASE64))
        // A path; a line in 64 of a block, but hardly two in a row.
        && !digits.starts_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_certificate_is_known_without_a_numeral() {
        let letters = "AbCdEfGhIjKlMnOpQrStUvWxYz".repeat(2);
        for (line, is_told) in [(format!("MIIB{letters}"), true), (letters, false)] {
            let mut around = Around::default();
            assert_eq!(around.take_line(1, line.as_bytes()).is_err(), is_told, "{line}");
        }
    }
}
