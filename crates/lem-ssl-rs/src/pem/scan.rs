//! From a text to its blocks (RFC 7468), with every line accounted for.
//!
//! Text around blocks is fine, as `openssl x509 -text` writes it. What looks like a part of a block and is none is an error: a
//! reader that passes over it would drop a root, or a list of revoked certificates, that somebody counts on.

use super::around::{Around, IS_DAMAGED, looks_like_boundary};
use crate::base64;

/// What stands between a `-----BEGIN` and its `-----END`.
pub(super) struct Block {
    /// Where it begins; the first line is 1.
    pub(super) line: usize,
    /// `CERTIFICATE`, for example.
    pub(super) label: String,
    /// Base64, without blanks and line ends.
    body: Vec<u8>,
    pub(super) headers: Headers,
}

/// The lines before the base64 that RFC 1421 section 4.6 has, and RFC 7468 has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Headers {
    None,
    /// `Proc-Type: 4,ENCRYPTED`.
    Encrypted,
    Others,
}

/// Why a text cannot be read, and where.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) line: usize,
    pub(super) what: String,
}

impl Block {
    /// What the base64 stands for.
    pub(super) fn der(&self) -> Result<Vec<u8>, &'static str> {
        if self.headers != Headers::None {
            return Err("has header lines, which are not understood");
        }
        if self.body.is_empty() {
            return Err("is empty");
        }
        base64::decode(&self.body).ok_or_else(|| {
            if self.body.contains(&b'\\') {
                "is not base64: are the characters \"\\n\" in it in the place of line ends? If so, write them as line ends, \
                 with \"printf %b\", or \"jq -r\" if it is JSON"
            } else {
                "is not base64, or not all of it; is it cut off, or was it edited?"
            }
        })
    }
}

/// All blocks of a text.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block>, Damage> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut around = Around::default();
    for (number, line) in lines(text) {
        let damage = |what: String| Damage { line: number, what };
        let line = without_invisible(line);
        let mut rest = line.trim_ascii();
        // Each turn takes what stands before the next begin or end, and that.
        loop {
            let found = Boundary::find(rest);
            match (open.take(), found) {
                (None, None) => {
                    around.take_line(number, rest).map_err(|(line, what)| Damage { line, what: what.into() })?;
                    break;
                }
                (None, Some((before, _, after))) if !before.is_empty() && after.starts_with(b"\\n") => {
                    return Err(damage(IS_ESCAPED.into()));
                }
                (None, Some((before, boundary, _))) if !before.is_empty() => {
                    let what = format!("{boundary} stands behind other text; to leave a block out, remove it");
                    return Err(damage(what));
                }
                (None, Some((_, Boundary::End(label), _))) => {
                    return Err(damage(format!("\"-----END {label}-----\" ends what has not begun")));
                }
                (None, Some((_, Boundary::Begin(label), after))) => {
                    open = Some(Block { line: number, label, body: Vec::new(), headers: Headers::None });
                    around = Around::default();
                    rest = after;
                }
                (Some(mut block), None) => {
                    if looks_like_boundary(rest) {
                        return Err(damage(IS_DAMAGED.into()));
                    }
                    block.take_line(rest);
                    open = Some(block);
                    break;
                }
                (Some(block), Some((_, Boundary::Begin(label), _))) => {
                    let (from, begun) = (block.line, block.label);
                    let what = format!(
                        "\"-----BEGIN {label}-----\" stands inside of another block: {begun} in line {from} has no \
                         \"-----END\" line; is it cut off?"
                    );
                    return Err(damage(what));
                }
                (Some(mut block), Some((before, Boundary::End(label), after))) => {
                    if label != block.label {
                        let (from, begun) = (block.line, block.label);
                        let what = format!("\"-----END {label}-----\" ends what begins as {begun} in line {from}");
                        return Err(damage(what));
                    }
                    block.take_line(before);
                    blocks.push(block);
                    rest = after.trim_ascii_start();
                }
            }
        }
    }
    match open {
        None => Ok(blocks),
        Some(Block { line, label, .. }) => {
            let what = format!("{label} has no \"-----END {label}-----\" line; is the file cut off?");
            Err(Damage { line, what })
        }
    }
}

impl Block {
    fn take_line(&mut self, line: &[u8]) {
        if self.body.is_empty() && line.contains(&b':') {
            let is_encrypted = line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
            match self.headers {
                Headers::Encrypted => {}
                _ if is_encrypted => self.headers = Headers::Encrypted,
                _ => self.headers = Headers::Others,
            }
            return;
        }
        self.body.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
}

/// A line that begins or ends a block.
enum Boundary {
    Begin(String),
    End(String),
}

impl Boundary {
    /// The first one, with what stands before and after it.
    fn find(line: &[u8]) -> Option<(&[u8], Self, &[u8])> {
        let at = (0..line.len())
            .find(|at| line[*at..].starts_with(b"-----BEGIN ") || line[*at..].starts_with(b"-----END "))?;
        let (before, found) = line.split_at(at);
        let rest = &found[DASHES.len()..];
        let (kind, rest): (fn(String) -> Self, _) = match rest.strip_prefix(b"BEGIN ") {
            Some(rest) => (Self::Begin, rest),
            None => (Self::End, rest.strip_prefix(b"END ")?),
        };
        let length = rest.windows(DASHES.len()).position(|window| window == DASHES)?;
        let (label, after) = rest.split_at(length);
        let after = &after[DASHES.len()..];
        // More dashes than five are a mistake, unless the next block begins without a new line.
        if before.ends_with(b"-") || after.starts_with(b"-") && !after.starts_with(b"-----BEGIN ") {
            return None;
        }
        Some((before, kind(label_of(label)?), after))
    }
}

impl std::fmt::Display for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Begin(label) => write!(f, "\"-----BEGIN {label}-----\""),
            Self::End(label) => write!(f, "\"-----END {label}-----\""),
        }
    }
}

/// Words in capitals. Nothing else may be shown: it could be a part of a key.
fn label_of(bytes: &[u8]) -> Option<String> {
    const MAX_LABEL: usize = 40;
    let word = |word: &[u8]| {
        !word.is_empty() && word.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'/'))
    };
    let label = str::from_utf8(bytes).ok()?;
    (label.len() <= MAX_LABEL && bytes.split(|byte| *byte == b' ').all(word)).then(|| label.to_owned())
}

const DASHES: &[u8] = b"-----";

const IS_ESCAPED: &str = "the characters \"\\n\" stand here in the place of line ends, inside of other text, as in JSON: take \
                          the value out of it and write them as line ends, with \"jq -r .NAME FILE\" if it is JSON";

/// The lines and their numbers, whichever way they end: LF, CR LF, CR.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = text;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        number += 1;
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.strip_prefix(b"\r\n").unwrap_or(after.get(1..).unwrap_or_default());
        Some((number, line))
    })
}

/// The line without what editors, web pages and `cat` leave in a text and nobody sees.
fn without_invisible(line: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match rest {
            // A byte order mark, wherever files were joined; spaces and joints of no width; marks of direction.
            [0xef, 0xbb, 0xbf, after @ ..] | [0xe2, 0x80, 0x8b..=0x8f, after @ ..] | [0xe2, 0x81, 0xa0, after @ ..] => {
                after
            }
            // The end of a file of DOS.
            [0x1a, after @ ..] => after,
            // A space that does not break, a tab that goes down.
            [0xc2, 0xa0, after @ ..] | [0x0b, after @ ..] => {
                clean.push(b' ');
                after
            }
            _ => {
                clean.push(byte);
                after
            }
        };
    }
    clean
}
